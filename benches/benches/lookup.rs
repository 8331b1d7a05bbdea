//! Lookups in a directory of `HUB_BENCH_ENTRIES` entries (100,000 when that is not set).
//!
//! Over HTTP against an empty axum handler served and asked in the same way: from memory with the
//! durable record and without, and from the own store of the national node. And that store alone
//! against `pgbench -S`: as many connections, as many rows.

#![expect(clippy::expect_used, reason = "what cannot be set up ends the bench")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use axum::routing::get;
use benches::load::{Samples, entries_wanted};
use benches::pgbench::Pgbench;
use benches::{Comparison, Rate, compare, engines};
use connectors::client::Client;
use http::Method;
use hub::http::auth::Callers;
use hub::node::Node;
use hub::store::entries;
use schemas::identifier::Identifier;
use tests::{NATIONAL, SICHUAN, TOKEN, TestHub, noon};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Time of one round.
const ROUND: Duration = Duration::from_secs(1);

/// Connections that ask at the same time.
const CONNECTIONS: [u64; 2] = [32, 256];

/// Licences that are asked for again and again.
const ASKED: u64 = 500;

/// Time of one round on the store alone, in seconds; `pgbench` takes no parts of one.
const STORE_ROUND_S: u64 = 2;

/// Connections to the store, and who ask it at the same time.
const STORE_CONNECTIONS: u32 = 8;

fn main() {
    let runtime = Runtime::new().expect("runtime");
    let (samples, count) = (Arc::new(Samples::new()), entries_wanted());
    let hub = runtime.block_on(start(&samples, count));
    let sichuan = hub.node(SICHUAN);
    let recorded = Face::serve(
        &runtime,
        hub::http::router(Arc::clone(sichuan)),
        "/v1/licences/",
    );
    let unrecorded = Face::serve(&runtime, unrecorded(sichuan), "/v1/unrecorded/");
    let own = Arc::clone(hub.node(NATIONAL));
    let own = Face::serve(&runtime, hub::http::router(own), "/v1/licences/");
    let empty = Router::new().route("/{identifier}", get(|| async { "" }));
    let empty = Face::serve(&runtime, empty, "/");
    // Whoever asks first asks the national node.
    for number in 0..ASKED {
        runtime.block_on(recorded.ask_once(&samples.identifier(number)));
    }
    println!("server and clients in one process, {count} entries in the directory");
    for connections in CONNECTIONS {
        for (what, goal, face, asked) in [
            ("from memory, recorded", ">= 0.40", &recorded, ASKED),
            ("from memory, unrecorded", ">= 0.70", &unrecorded, ASKED),
            ("from the own store, recorded", "", &own, count),
        ] {
            let title = format!("lookup over HTTP {what}, {connections} connections");
            let round =
                |face: &Face| runtime.block_on(face.ask(&samples, asked.min(count), connections));
            compare(
                Comparison {
                    title: &title,
                    goal,
                    unit: "/s",
                },
                ("hub", &mut || round(face)),
                ("empty axum handler", &mut || {
                    runtime.block_on(empty.ask(&samples, ASKED, connections))
                }),
            );
        }
    }
    compare_stores(&runtime, hub.node(NATIONAL), &samples, count);
    runtime.block_on(hub.stop());
}

/// The store without HTTP, memory and record.
fn compare_stores(runtime: &Runtime, node: &Arc<Node>, samples: &Arc<Samples>, count: u64) {
    let Some(server) = engines::postgres("the store alone") else {
        return;
    };
    if std::env::var_os("HUB_TEST_STORE").is_none_or(|kind| kind != "postgres") {
        println!("SKIPPED the store alone: wants HUB_TEST_STORE=postgres");
        return;
    }
    let pgbench = runtime.block_on(Pgbench::make(&server, count));
    println!("{count} entries, {STORE_CONNECTIONS} connections");
    for (is_whole, name) in [(true, "whole entry"), (false, "one column")] {
        let title = format!("lookup on PostgreSQL, {count} entries: {name}");
        let asking = || ask_store(node, samples, count, is_whole);
        compare(
            Comparison {
                title: &title,
                goal: if is_whole { ">= 0.50" } else { "" },
                unit: "/s",
            },
            ("hub", &mut || runtime.block_on(asking())),
            ("pgbench -S -M prepared", &mut || {
                pgbench.round(STORE_CONNECTIONS, STORE_ROUND_S)
            }),
        );
    }
}

/// Three nodes, the national one with a full directory, and with the same callers as Sichuan.
async fn start(samples: &Samples, count: u64) -> TestHub {
    let mut hub = TestHub::start(1, 0).await;
    let callers = hub.node(SICHUAN).config.callers.clone();
    hub.restart_with(NATIONAL, |config| {
        config.callers = callers;
        config.store.connections = STORE_CONNECTIONS;
    })
    .await;
    let national = hub.node(NATIONAL);
    let place = (&national.store, &national.log, &*national.keys);
    samples.load(place, count, noon()).await;
    hub
}

/// The lookup as it is, with everything around it but its record.
fn unrecorded(node: &Arc<Node>) -> Router {
    let callers = Callers::new(&node.config.callers, &node.config.limits);
    let callers = Arc::new(callers);
    let show = move |State(node): State<Arc<Node>>, headers: HeaderMap, path: Path<String>| {
        show_unrecorded(Arc::clone(&callers), node, headers, path)
    };
    let routes = Router::new().route("/v1/unrecorded/{identifier}", get(show));
    hub::http::around(node, routes)
}

async fn show_unrecorded(
    callers: Arc<Callers>,
    node: Arc<Node>,
    headers: HeaderMap,
    Path(identifier): Path<String>,
) -> Response {
    let token = headers[AUTHORIZATION].to_str().expect("a text");
    let token = token.strip_prefix("Bearer ").expect("a token");
    let caller = callers.by_token(token).expect("a caller").clone();
    let (identifier, _) = Identifier::parse_lenient(&identifier).expect("an identifier");
    let found = hub::directory::find(&node, &caller, &identifier).await;
    let found = found.expect("an answer").expect("an entry");
    hub::http::answer(&node, &caller, &found).expect("an answer")
}

/// Something that answers over HTTP until the process ends.
#[derive(Clone)]
struct Face {
    address: String,
    path: &'static str,
}

impl Face {
    /// Serves on any free port.
    fn serve(runtime: &Runtime, router: Router, path: &'static str) -> Self {
        let address = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("address");
            tokio::spawn(async move { axum::serve(listener, router).await });
            format!("http://{address}")
        });
        Self { address, path }
    }

    fn client(&self) -> Client {
        Client::new(&self.address, Some(TOKEN)).expect("client")
    }

    async fn ask_once(&self, identifier: &Identifier) {
        let path = format!("{}{identifier}", self.path);
        let answer = self.client().request_bytes(Method::GET, &path, None).await;
        answer.expect("an answer");
    }

    /// Asks from all connections about the first `asked` licences.
    async fn ask(&self, samples: &Arc<Samples>, asked: u64, connections: u64) -> Rate {
        let asker = || {
            let (path, samples, client) = (self.path, Arc::clone(samples), Arc::new(self.client()));
            move |number| {
                let path = format!("{path}{}", samples.identifier(number));
                let client = Arc::clone(&client);
                async move {
                    let answer = client.request_bytes(Method::GET, &path, None).await;
                    answer.expect("an answer");
                }
            }
        };
        ask_in_turn(connections, asked, ROUND, asker).await
    }
}

/// Asks the store about the first `count` licences.
async fn ask_store(node: &Arc<Node>, samples: &Arc<Samples>, count: u64, is_whole: bool) -> Rate {
    let asker = || {
        let (node, samples) = (Arc::clone(node), Arc::clone(samples));
        move |number| {
            let (node, identifier) = (Arc::clone(&node), samples.identifier(number));
            async move {
                let reader = node.store.reader();
                let is_there = if is_whole {
                    let found = entries::find(reader, &identifier, node.keys.column_key()).await;
                    found.expect("an answer").is_some()
                } else {
                    let found = entries::standings(reader, &[&identifier]).await;
                    !found.expect("an answer").is_empty()
                };
                assert!(is_there, "an entry is missing");
            }
        }
    };
    let round = Duration::from_secs(STORE_ROUND_S);
    ask_in_turn(u64::from(STORE_CONNECTIONS), count, round, asker).await
}

/// So many ask about the first `asked` licences in turn until the round is over.
async fn ask_in_turn<Ask, Asked>(
    askers: u64,
    asked: u64,
    round: Duration,
    asker: impl Fn() -> Ask,
) -> Rate
where
    Ask: Fn(u64) -> Asked + Send + 'static,
    Asked: Future<Output = ()> + Send,
{
    let started = Instant::now();
    let askers: Vec<_> = (0..askers)
        .map(|number| {
            let ask = asker();
            let (mut operations, mut number) = (0, number * 7_919);
            tokio::spawn(async move {
                while started.elapsed() < round {
                    // A prime: every licence has its turn, and the next one lies far away.
                    number = (number + 104_729) % asked;
                    ask(number).await;
                    operations += 1;
                }
                operations
            })
        })
        .collect();
    let mut operations = 0;
    for asker in askers {
        operations += asker.await.expect("asker");
    }
    Rate {
        operations,
        time: started.elapsed(),
    }
}
