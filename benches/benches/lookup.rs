//! Lookups over HTTP against an empty axum handler served and asked in the same way: from memory
//! with the durable record and without, and from the own store of the national node, whose
//! directory has `HUB_BENCH_ENTRIES` entries (100,000 when that is not set).

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
use benches::{Comparison, Rate, compare};
use connectors::client::Client;
use http::Method;
use hub::http::auth::Callers;
use hub::node::Node;
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
    runtime.block_on(hub.stop());
}

/// Three nodes, the national one with a full directory, and with the same callers as Sichuan.
async fn start(samples: &Samples, count: u64) -> TestHub {
    let mut hub = TestHub::start(1, 0).await;
    let callers = hub.node(SICHUAN).config.callers.clone();
    hub.restart_with(NATIONAL, |config| config.callers = callers)
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
    hub::http::answer(&node, &caller, &found)
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
        self.ask_by(&self.client(), identifier).await;
    }

    async fn ask_by(&self, client: &Client, identifier: &Identifier) {
        let path = format!("{}{identifier}", self.path);
        let answer = client.request_bytes(Method::GET, &path, None).await;
        answer.expect("an answer");
    }

    /// Asks from all connections until the round is over, about the first `asked` licences in turn.
    async fn ask(&self, samples: &Arc<Samples>, asked: u64, connections: u64) -> Rate {
        let started = Instant::now();
        let askers: Vec<_> = (0..connections)
            .map(|asker| {
                let (face, samples) = (self.clone(), Arc::clone(samples));
                tokio::spawn(async move {
                    let client = face.client();
                    let (mut operations, mut number) = (0, asker * 7_919);
                    while started.elapsed() < ROUND {
                        // A prime: every licence has its turn, and the next one lies far away.
                        number = (number + 104_729) % asked;
                        face.ask_by(&client, &samples.identifier(number)).await;
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
}
