//! Three nodes whose steps can be held up from outside: by a lock in a node's database, by a
//! broker that stands still, by a process that stands still.

use std::sync::Arc;
use std::time::Duration;

use connectors::bus::kafka::{KafkaSettings, Security};
use connectors::bus::{Bus as _, BusRecord, KafkaBus, Sharing, Subscription};
use schemas::envelope::topic;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
use tests::engines::OwnEngines;
use tests::processes::{Libraries, Processes};
use tests::{NATIONAL, ZHEJIANG, eventually_within};
use tokio::task::JoinHandle;

use super::history::{Acknowledged, History};
use super::{checker, settle, writers};

/// One licence suffices: all that is held up is about its changes.
const LIBRARIES: Libraries = Libraries {
    licences: 1,
    files: 0,
};

/// Longest wait for a step, on a machine that does much else.
const STEP: Duration = Duration::from_secs(60);

pub(super) struct Scene {
    pub(super) hub: Processes,
    engines: OwnEngines,
    history: History,
    identifier: String,
    acknowledged: u64,
    changes: Reader,
    receipts: Reader,
}

/// Everything that a topic holds, as far as it was read.
pub(super) struct Reader {
    subscription: Box<dyn Subscription>,
    records: Vec<BusRecord>,
}

/// A lock in a database, until it is let go.
pub(super) struct Held(PgConnection);

/// A message that waits to be sent.
pub(super) struct Waiting {
    pub(super) id: String,
    /// Bytes of its body.
    pub(super) size: usize,
}

/// A change that is asked for.
pub(super) struct Wanted {
    pub(super) key: String,
    pub(super) status: &'static str,
}

impl Scene {
    pub(super) async fn start() -> Self {
        let engines = OwnEngines::start(1);
        let hub = Processes::start(engines.addresses(), LIBRARIES).await;
        settle(&hub, 1).await;
        let bus = KafkaBus::open(KafkaSettings {
            brokers: vec![engines.addresses().kafka],
            security: Security::Plaintext,
            prefix: hub.prefix().to_owned(),
            node: "tests".to_owned(),
            instance: "1".to_owned(),
        });
        let bus = bus.unwrap();
        Self {
            history: History::create(&hub.folder.path().join("history.jsonl")),
            identifier: hub.items[0].entry.identifier.to_string(),
            acknowledged: 0,
            changes: Reader::of(&bus, topic::DIRECTORY_CHANGES).await,
            receipts: Reader::of(&bus, topic::DIRECTORY_RECEIPTS).await,
            hub,
            engines,
        }
    }

    /// A change that was not asked for yet.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            key: uuid::Uuid::new_v4().to_string(),
            status: if self.acknowledged.is_multiple_of(2) {
                "02"
            } else {
                "01"
            },
        }
    }

    /// Asks for a change until it is acknowledged.
    pub(super) async fn change(&mut self) {
        let wanted = self.wanted();
        self.ask(&wanted).await;
    }

    /// Asks for this change until it is acknowledged.
    pub(super) async fn ask(&mut self, wanted: &Wanted) {
        let mut revision = None;
        eventually_within(STEP, "a change is acknowledged", async || {
            revision = self.ask_aside(wanted).await.unwrap();
            revision.is_some()
        })
        .await;
        self.history.acknowledge(&Acknowledged {
            identifier: self.identifier.clone(),
            revision: revision.unwrap(),
            status: wanted.status.to_owned(),
        });
        self.acknowledged += 1;
    }

    /// Asks once; the answer may never come.
    pub(super) fn ask_aside(&self, wanted: &Wanted) -> JoinHandle<Option<u64>> {
        let address = writers::address_of(&self.hub);
        let (identifier, key) = (self.identifier.clone(), wanted.key.clone());
        let status = wanted.status;
        tokio::spawn(async move { writers::change(&address, &key, &identifier, status).await })
    }

    /// Revision of the licence at its home node.
    pub(super) async fn revision(&self) -> i64 {
        let rows = self
            .rows(ZHEJIANG, "select revision from registration")
            .await;
        rows[0].get("revision")
    }

    /// Lets the broker stand still, or go on.
    pub(super) fn broker(&self, what: &str) {
        self.engines.kafka(&[what, "1"]);
    }

    /// Most bytes that one connection has sent to the broker and the broker has not read.
    pub(super) fn unread_by_broker(&self) -> usize {
        let addresses = self.engines.addresses();
        let (_, port) = addresses.kafka.rsplit_once(':').unwrap();
        let port = format!(":{:04X}", port.parse::<u16>().unwrap());
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
        let tables = tables.map(|table| std::fs::read_to_string(table).unwrap_or_default());
        let lines = tables.iter().flat_map(|table| table.lines());
        let unread = lines.filter_map(|line| {
            // Number, own address, the other's, state, bytes to send and to read, in hexadecimal.
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (_, unread) = fields[4].split_once(':')?;
            let is_brokers = fields[1].ends_with(&port);
            is_brokers.then(|| usize::from_str_radix(unread, 16).unwrap())
        });
        unread.max().unwrap_or(0)
    }

    /// Waits until the broker, which stands still, was sent the message. It is compressed on the
    /// way; whatever else the nodes ask of a broker is a fraction of that.
    pub(super) async fn until_sent(&self, message: &Waiting) {
        eventually_within(STEP, "the message is on its way", async || {
            self.unread_by_broker() > message.size / 2
        })
        .await;
    }

    /// The messages of a node that wait to be sent.
    pub(super) async fn waiting(&self, node: &str) -> Vec<Waiting> {
        let rows = self
            .rows(
                node,
                "select message_id, length(body) as size from outbox order by number",
            )
            .await;
        rows.iter()
            .map(|row| Waiting {
                id: row.get("message_id"),
                size: usize::try_from(row.get::<i32, _>("size")).unwrap(),
            })
            .collect()
    }

    /// Waits until so many messages of a node wait to be sent.
    pub(super) async fn until_waiting(&self, node: &str, count: usize) -> Vec<Waiting> {
        let mut waiting = Vec::new();
        eventually_within(STEP, &format!("{node} has {count} to send"), async || {
            waiting = self.waiting(node).await;
            waiting.len() == count
        })
        .await;
        waiting
    }

    /// Takes a lock in a node's database.
    pub(super) async fn hold(&self, node: &str, lock: &'static str) -> Held {
        let mut connection = PgConnection::connect(&self.hub.database(node))
            .await
            .unwrap();
        connection.execute("begin").await.unwrap();
        connection.execute(lock).await.unwrap();
        Held(connection)
    }

    /// From now on commits are durable and not answered: they wait for a second server that is
    /// not there.
    pub(super) async fn hold_answers_to_commits(&self) {
        self.on_server("alter system set synchronous_standby_names = 'nobody'")
            .await;
        self.on_server("select pg_reload_conf()").await;
        // The server takes the setting up when it comes to it: the first that waits shows that.
        let is_held = "select 1 from pg_stat_activity where wait_event = 'SyncRep'";
        let mut commit = tokio::spawn(commit(self.server()));
        eventually_within(STEP, "commits are held up", async || {
            if commit.is_finished() {
                commit = tokio::spawn(self::commit(self.server()));
            }
            !self.rows(NATIONAL, is_held).await.is_empty()
        })
        .await;
    }

    /// All commits are answered again.
    pub(super) async fn answer_commits(&self) {
        self.on_server("alter system reset synchronous_standby_names")
            .await;
        self.on_server("select pg_reload_conf()").await;
    }

    /// Waits until the node's statement that begins so is held up.
    pub(super) async fn until_held_up(&self, node: &str, statement: &str) {
        let query = "select query from pg_stat_activity where datname = current_database() \
                     and (wait_event_type = 'Lock' or wait_event = 'SyncRep')";
        eventually_within(STEP, &format!("{node} waits in {statement}"), async || {
            let rows = self.rows(node, query).await;
            let mut queries = rows.iter().map(|row| row.get::<String, _>("query"));
            queries.any(|query| query.starts_with(statement))
        })
        .await;
    }

    /// Ends what a killed node left held up: a statement that is a transaction by itself would
    /// still be done when it goes on, and the kill would have come too late.
    pub(super) async fn undo_held_up(&self, node: &str) {
        let held_up = "from pg_stat_activity \
                       where datname = current_database() and wait_event_type = 'Lock'";
        let end = format!("select pg_terminate_backend(pid) {held_up}");
        eventually_within(STEP, &format!("{node} waits no more"), async || {
            self.rows(node, &end).await.is_empty()
        })
        .await;
    }

    /// Waits until a table of a node has so many rows.
    pub(super) async fn until_rows(&self, node: &str, table: &str, rows: u64) {
        let database = self.hub.database(node);
        eventually_within(STEP, &format!("{node} has {rows} {table}"), async || {
            checker::count(&database, table).await == Some(rows)
        })
        .await;
    }

    /// Rows of a table of a node.
    pub(super) async fn count(&self, node: &str, table: &str) -> u64 {
        let count = checker::count(&self.hub.database(node), table).await;
        count.unwrap()
    }

    /// The topic of changes, and that of receipts.
    pub(super) fn topics(&mut self) -> (&mut Reader, &mut Reader) {
        (&mut self.changes, &mut self.receipts)
    }

    /// Kills a node and starts it again.
    pub(super) async fn kill(&mut self, node: &'static str) {
        self.hub.kill(node);
        self.hub.start_node(node).await;
    }

    /// Everything arrives, nothing is lost, nothing is there twice.
    pub(super) async fn check(&self, step: &str) {
        settle(&self.hub, 1 + self.acknowledged).await;
        let (national, home) = (self.hub.database(NATIONAL), self.hub.database(ZHEJIANG));
        let found = checker::check(&self.history, &national, &home).await;
        assert!(found.faults.is_empty(), "{step}: {:#?}", found.faults);
        println!("killed, and nothing is lost or doubled: {step}");
    }

    fn server(&self) -> String {
        self.engines.addresses().postgres
    }

    async fn on_server(&self, statement: &'static str) {
        let mut connection = PgConnection::connect(&self.server()).await.unwrap();
        connection.execute(statement).await.unwrap();
    }

    async fn rows(&self, node: &str, query: &str) -> Vec<PgRow> {
        let mut connection = PgConnection::connect(&self.hub.database(node))
            .await
            .unwrap();
        sqlx::query(AssertSqlSafe(query.to_owned()))
            .fetch_all(&mut connection)
            .await
            .unwrap()
    }
}

/// One transaction that writes, without anything to write.
async fn commit(url: String) {
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let write = "select pg_logical_emit_message(true, '', '')";
    connection.execute(write).await.unwrap();
}

impl Held {
    /// Lets the lock go; when this returns it is gone.
    pub(super) async fn release(mut self) {
        self.0.execute("rollback").await.unwrap();
    }
}

impl Reader {
    async fn of(bus: &KafkaBus, topic: &str) -> Self {
        let subscription = bus.subscribe(topic, Sharing::Whole, Arc::new(None)).await;
        Self {
            subscription: subscription.unwrap(),
            records: Vec::new(),
        }
    }

    /// Reads until the message was found so many times.
    pub(super) async fn until_there(&mut self, id: &str, times: usize) {
        while self.times(id) < times {
            let next = tokio::time::timeout(STEP, self.subscription.next()).await;
            let Ok(records) = next else {
                panic!("{id} is on the bus {} times, not {times}", self.times(id));
            };
            self.records.extend(records.unwrap());
        }
    }

    fn times(&self, id: &str) -> usize {
        let headers = self.records.iter().flat_map(|record| &record.headers);
        headers
            .filter(|(name, value)| name == "ce_id" && value == id)
            .count()
    }
}
