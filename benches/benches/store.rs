//! Lookups of entries on PostgreSQL against `pgbench -S`: as many connections, as many rows
//! (`HUB_BENCH_ENTRIES`, 100,000 when it is not set).

#![expect(clippy::expect_used, reason = "what cannot be set up ends the bench")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::load::{Samples, entries_wanted};
use benches::{Comparison, Rate, compare, engines};
use certs::node_key::NodeKeys;
use hub::provenance::ProvenanceLog;
use hub::store::scratch::Scratch;
use hub::store::{Store, entries};
use tests::noon;
use tokio::runtime::Runtime;

/// Time of one round, in seconds.
const ROUND_S: u64 = 2;

/// Connections, and who ask at the same time.
const CONNECTIONS: u32 = 8;

/// Rows of `pgbench` at scale 1.
const ROWS_PER_SCALE: u64 = 100_000;

fn main() {
    let Some(server) = engines::postgres("store") else {
        return;
    };
    if std::env::var_os("HUB_TEST_STORE").is_none_or(|kind| kind != "postgres") {
        println!("SKIPPED store: wants HUB_TEST_STORE=postgres");
        return;
    }
    let runtime = Runtime::new().expect("runtime");
    let count = entries_wanted();
    let directory = Arc::new(runtime.block_on(Directory::make(count)));
    let pgbench = Pgbench::make(&runtime, &server, count);
    println!("{count} entries, {CONNECTIONS} connections");
    for (is_whole, name) in [(true, "whole entry"), (false, "one column")] {
        let title = format!("lookup on PostgreSQL, {count} entries: {name}");
        compare(
            Comparison {
                title: &title,
                goal: if is_whole { ">= 0.50" } else { "" },
                unit: "/s",
            },
            ("hub", &mut || runtime.block_on(ask(&directory, is_whole))),
            ("pgbench -S -M prepared", &mut || pgbench.round()),
        );
    }
    runtime.block_on(directory.store.close());
}

struct Directory {
    samples: Samples,
    count: u64,
    keys: NodeKeys,
    store: Store,
    // Removed with it.
    _database: Scratch,
}

impl Directory {
    async fn make(count: u64) -> Self {
        let folder = std::env::temp_dir();
        let database = Scratch::with_connections(&folder, CONNECTIONS).await;
        let database = database.expect("a database");
        let store = database.open().await.expect("a store");
        let keys = Arc::new(NodeKeys::generate().expect("keys"));
        let log = ProvenanceLog::open(&store, "bench", &keys).await;
        let log = log.expect("a log");
        let samples = Samples::new();
        samples.load((&store, &log, &keys), count, noon()).await;
        drop(log);
        Self {
            samples,
            count,
            keys: Arc::into_inner(keys).expect("nobody else has them"),
            store,
            _database: database,
        }
    }
}

/// Asks on all connections until the round is over.
async fn ask(directory: &Arc<Directory>, is_whole: bool) -> Rate {
    let started = Instant::now();
    let askers: Vec<_> = (0..CONNECTIONS)
        .map(|asker| {
            let directory = Arc::clone(directory);
            tokio::spawn(async move {
                let mut number = u64::from(asker) * 7_919;
                let mut operations = 0;
                while started.elapsed() < Duration::from_secs(ROUND_S) {
                    // A prime: every licence has its turn, and the next one lies far away.
                    number = (number + 104_729) % directory.count;
                    look_up(&directory, number, is_whole).await;
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

async fn look_up(directory: &Directory, number: u64, is_whole: bool) {
    let identifier = directory.samples.identifier(number);
    let reader = directory.store.reader();
    let is_there = if is_whole {
        let found = entries::find(reader, &identifier, directory.keys.column_key()).await;
        found.expect("an answer").is_some()
    } else {
        let found = entries::revision(reader, &identifier).await;
        found.expect("an answer").is_some()
    };
    assert!(is_there, "an entry is missing");
}

/// PostgreSQL's own bench with tables of its own.
struct Pgbench {
    url: String,
    _database: Scratch,
}

impl Pgbench {
    fn make(runtime: &Runtime, server: &str, rows: u64) -> Self {
        let database = runtime.block_on(Scratch::on_postgres()).expect("a server");
        let database = database.unwrap_or_else(|| panic!("a database on {server}"));
        let url = database.config().url.clone().expect("an address");
        let scale = rows.div_ceil(ROWS_PER_SCALE).to_string();
        pgbench(&["-i", "-q", "-s", &scale, &url]);
        Self {
            url,
            _database: database,
        }
    }

    fn round(&self) -> Rate {
        let (seconds, clients) = (ROUND_S.to_string(), CONNECTIONS.to_string());
        let text = pgbench(&[
            "-S", "-n", "-M", "prepared", "-j", "2", "-c", &clients, "-T", &seconds, &self.url,
        ]);
        let rest = text.split_once("tps = ").map(|(_, rest)| rest);
        let rate = rest.and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
        let rate = rate.unwrap_or_else(|| panic!("no figures: {text}"));
        Rate {
            // Of a bench, far below 2^53.
            operations: (rate * ROUND_S as f64) as u64,
            time: Duration::from_secs(ROUND_S),
        }
    }
}

fn pgbench(arguments: &[&str]) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/postgres.sh");
    let mut command = Command::new(script);
    command.arg("tool").arg("pgbench").args(arguments);
    engines::text_of(command)
}
