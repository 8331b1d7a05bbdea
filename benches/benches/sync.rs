//! Directory sync, entries per second: from the library of a home node through Kafka to the
//! national node on PostgreSQL, receipts back. Against a bare pair that also signs, verifies and
//! writes one row per entry with the same engines, and against Kafka's own performance tools.
//!
//! The bare pair needs no library, keeps no log, no outbox and no second directory, seals nothing
//! and sends no receipts; like the hub it writes up to 64 entries in one durable transaction.

#![expect(clippy::expect_used, reason = "what cannot be set up ends the bench")]

use std::cell::RefCell;
use std::time::Instant;

use benches::bare::{Receiver, Sender};
use benches::load::random_bytes;
use benches::{Comparison, ROUNDS, Rate, compare, engines};
use certs::node_key::NodeKeys;
use hub::mint::write_library;
use hub::store::scratch::Scratch;
use rdkafka::Message as _;
use rdkafka::message::{Header, Headers as _, OwnedHeaders};
use sqlx::{Connection as _, PgConnection};
use tests::{SICHUAN, TestHub};
use tokio::runtime::Runtime;

/// Entries of one round.
const ENTRIES: usize = 2_000;

/// Rows of one transaction of the bare pair: as many as the hub takes.
const BATCH: usize = 64;

/// Bytes of a body: about what a change has.
const BODY_BYTES: u32 = 2_048;

/// Records of a round of Kafka's own tools: enough that joining counts little.
const RECORDS: u32 = 50_000;

const TOPIC: &str = "directory.changes";

fn main() {
    let Some(broker) = engines::both("sync") else {
        return;
    };
    let runtime = Runtime::new().expect("runtime");
    // Each side of each comparison is run once more to warm up.
    let library = Library::start(&runtime, 2 * (ROUNDS + 1));
    let mut bare = runtime.block_on(Bare::start(&broker));
    println!("{ENTRIES} entries a round, one partition, both nodes in one process");
    compare(
        Comparison {
            title: "directory sync against a bare pair",
            goal: ">= 0.50, >= 2500 /s",
            unit: "entries/s",
        },
        (
            "hub: library, Kafka, national on PostgreSQL, receipts",
            &mut || library.sync(&runtime),
        ),
        ("bare pair: sign, Kafka, verify, one row", &mut || {
            bare.round(&runtime)
        }),
    );
    compare(
        Comparison {
            title: "directory sync against Kafka's own tools",
            goal: "",
            unit: "entries/s",
        },
        (
            "hub: library, Kafka, national on PostgreSQL, receipts",
            &mut || library.sync(&runtime),
        ),
        ("kafka-producer-perf-test, then -consumer-", &mut || {
            kafka_tools(&runtime, &broker)
        }),
    );
    runtime.block_on(library.hub.stop());
}

/// A home and the national node, and licences that are not registered yet.
struct Library {
    hub: TestHub,
    registered: RefCell<usize>,
}

impl Library {
    fn start(runtime: &Runtime, rounds: usize) -> Self {
        let mut hub = runtime.block_on(TestHub::start(ENTRIES * rounds, 0));
        // A third node would only read along.
        runtime.block_on(hub.stop_node(SICHUAN));
        Self {
            hub,
            registered: RefCell::new(0),
        }
    }

    /// Registers licences that are new and waits for their receipts.
    fn sync(&self, runtime: &Runtime) -> Rate {
        let mut registered = self.registered.borrow_mut();
        let rest = self.hub.items.get(*registered..).unwrap_or_default();
        let (new, _) = rest.split_at(ENTRIES);
        *registered += ENTRIES;
        write_library(&self.hub.library(), new).expect("a library");
        let started = Instant::now();
        let report = runtime.block_on(self.hub.sync());
        assert_eq!(report.registered, ENTRIES as u64, "{report:?}");
        Rate {
            operations: ENTRIES as u64,
            time: started.elapsed(),
        }
    }
}

/// Two parties that do only what cannot be left out.
struct Bare {
    keys: NodeKeys,
    sender: Sender,
    receiver: Receiver,
    connection: PgConnection,
    // Removed with it.
    _database: Scratch,
    written: u64,
}

impl Bare {
    async fn start(broker: &str) -> Self {
        let settings = engines::own_settings(broker);
        engines::make_topic(&settings, TOPIC, 1).await;
        let database = Scratch::on_postgres().await.expect("a database");
        let database = database.expect("a server");
        let url = database.config().url.clone().expect("an address");
        let mut connection = PgConnection::connect(&url).await.expect("connects");
        sqlx::raw_sql(
            "set synchronous_commit = on; \
             create table entry (identifier text primary key, body bytea, signature bytea); \
             create table position (topic text primary key, position bigint)",
        )
        .execute(&mut connection)
        .await
        .expect("tables");
        Self {
            keys: NodeKeys::generate().expect("keys"),
            sender: Sender::new(&settings),
            receiver: Receiver::new(&settings, TOPIC, 1),
            connection,
            _database: database,
            written: 0,
        }
    }

    /// One party signs and sends on a thread of its own, the other verifies and writes here.
    fn round(&mut self, runtime: &Runtime) -> Rate {
        let body = random_bytes(BODY_BYTES as usize);
        let first = self.written;
        let Self {
            keys,
            sender,
            receiver,
            connection,
            ..
        } = self;
        let public = keys.public();
        let started = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in first..first + ENTRIES as u64 {
                    let signature = keys.sign(&body).expect("signed");
                    let headers = OwnedHeaders::new().insert(Header {
                        key: "signature",
                        value: Some(&signature),
                    });
                    sender.send(TOPIC, &number.to_string(), headers, &body);
                }
            });
            let mut rows = Vec::with_capacity(BATCH);
            let mut left = ENTRIES;
            while left > 0 {
                let message = receiver.next();
                let headers = message.headers().expect("headers");
                let signature = headers.get(0).value.expect("a signature").to_vec();
                let body = message.payload().expect("a body").to_vec();
                assert!(public.verify(&body, &signature), "a forged entry");
                let key = String::from_utf8_lossy(message.key().expect("a key")).into_owned();
                rows.push((key, body, signature));
                left -= 1;
                if rows.len() == BATCH || left == 0 {
                    let offset = message.offset();
                    runtime.block_on(write(connection, &mut rows, offset));
                }
            }
        });
        self.written += ENTRIES as u64;
        Rate {
            operations: ENTRIES as u64,
            time: started.elapsed(),
        }
    }
}

/// Rows and position in one durable transaction.
async fn write(
    connection: &mut PgConnection,
    rows: &mut Vec<(String, Vec<u8>, Vec<u8>)>,
    position: i64,
) {
    let (mut keys, mut bodies, mut signatures) = (Vec::new(), Vec::new(), Vec::new());
    for (key, body, signature) in rows.drain(..) {
        keys.push(key);
        bodies.push(body);
        signatures.push(signature);
    }
    let mut transaction = connection.begin().await.expect("begins");
    sqlx::query(
        "insert into entry select * from unnest($1::text[], $2::bytea[], $3::bytea[]) \
         on conflict (identifier) do update set body = excluded.body, \
         signature = excluded.signature",
    )
    .bind(keys)
    .bind(bodies)
    .bind(signatures)
    .execute(&mut *transaction)
    .await
    .expect("writes");
    sqlx::query(
        "insert into position values ('changes', $1) \
         on conflict (topic) do update set position = excluded.position",
    )
    .bind(position)
    .execute(&mut *transaction)
    .await
    .expect("writes");
    transaction.commit().await.expect("commits");
}

/// Produces and then consumes with Kafka's own tools; the rate of both together.
fn kafka_tools(runtime: &Runtime, broker: &str) -> Rate {
    let settings = engines::own_settings(broker);
    runtime.block_on(engines::make_topic(&settings, TOPIC, 1));
    let sent = engines::produce_with_tool(&settings, TOPIC, RECORDS, BODY_BYTES);
    let read = engines::consume_with_tool(&settings, TOPIC, RECORDS);
    Rate {
        time: sent.time + read.time,
        ..sent
    }
}
