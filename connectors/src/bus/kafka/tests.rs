//! Against a real broker when `HUB_TEST_KAFKA=host:port` names one, else against the library's
//! own mock where that is enough.

mod broker;
mod group;
mod hostile;
mod mock;
mod secure;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use super::topics::{TopicAdmin, TopicPlan};
use super::{KafkaBus, KafkaSettings, Security};
use crate::bus::{Bus, BusError, BusRecord, OutgoingRecord, Positions, Sharing, Subscription};

/// Longest wait for something that must happen by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// The topic of a test; the prefix tells tests apart.
const TOPIC: &str = "directory.changes";

/// A place of its own on the real broker.
struct Place {
    settings: KafkaSettings,
}

impl Place {
    /// None, said loudly, without a broker.
    async fn with_partitions(test: &str, partitions: i32) -> Option<Self> {
        Self::with_settings(test, partitions, &[]).await
    }

    async fn with_settings(test: &str, partitions: i32, settings: &[(&str, &str)]) -> Option<Self> {
        let Ok(broker) = std::env::var("HUB_TEST_KAFKA") else {
            let line = format!("SKIPPED {test}: HUB_TEST_KAFKA names no broker\n");
            std::io::stderr()
                .write_all(line.as_bytes())
                .expect("stderr");
            return None;
        };
        let place = Self {
            settings: settings_of(&broker, &unique()),
        };
        let plan = TopicPlan {
            name: TOPIC.to_owned(),
            partitions,
            replication: 1,
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        let admin = TopicAdmin::open(place.settings.clone()).expect("a client");
        let plans = [plan];
        let differences = admin.differences(&plans).await.expect("compares");
        admin
            .apply(&plans, &differences)
            .await
            .expect("makes the topic");
        Some(place)
    }

    fn open(&self) -> KafkaBus {
        KafkaBus::open(self.settings.clone()).expect("a bus")
    }

    fn open_as(&self, instance: &str) -> KafkaBus {
        let mut settings = self.settings.clone();
        settings.instance = instance.to_owned();
        KafkaBus::open(settings).expect("a bus")
    }
}

fn settings_of(broker: &str, prefix: &str) -> KafkaSettings {
    KafkaSettings {
        brokers: vec![broker.to_owned()],
        security: Security::Plaintext,
        prefix: prefix.to_owned(),
        node: "zhejiang".to_owned(),
        instance: "1".to_owned(),
    }
}

/// A prefix that no other test, process or run has.
#[expect(clippy::disallowed_methods, reason = "a name, not a time")]
fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("t{}-{}-{count}.", since.as_nanos(), std::process::id())
}

/// Positions as a node's database would keep them.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<i32, i64>>);

#[async_trait]
impl Positions for Kept {
    async fn last(&self, _topic: &str, partition: i32) -> Result<Option<i64>, BusError> {
        Ok(self.0.lock().expect("kept").get(&partition).copied())
    }
}

impl Kept {
    fn advance(&self, batch: &[BusRecord]) {
        let last = batch.last().expect("a batch is not empty");
        self.0
            .lock()
            .expect("kept")
            .insert(last.partition, last.position);
    }
}

fn record(key: &str, body: impl Into<Bytes>) -> OutgoingRecord {
    OutgoingRecord {
        topic: TOPIC.to_owned(),
        key: key.to_owned(),
        headers: vec![("ce_id".to_owned(), key.to_owned())],
        body: body.into(),
    }
}

/// Records `key i mod keys` with the number as their body.
fn numbered(numbers: std::ops::Range<u32>, keys: u32) -> Vec<OutgoingRecord> {
    numbers
        .map(|number| record(&format!("key {}", number % keys), number.to_string()))
        .collect()
}

fn number_of(record: &BusRecord) -> u32 {
    let text = std::str::from_utf8(&record.body).expect("text");
    text.parse().expect("a number")
}

async fn subscribe(bus: &KafkaBus, sharing: Sharing, kept: &Arc<Kept>) -> Box<dyn Subscription> {
    let positions: Arc<dyn Positions> = Arc::<Kept>::clone(kept);
    bus.subscribe(TOPIC, sharing, positions)
        .await
        .expect("subscribes")
}

async fn next(subscription: &mut Box<dyn Subscription>) -> Vec<BusRecord> {
    tokio::time::timeout(PATIENCE, subscription.next())
        .await
        .expect("in time")
        .expect("a batch")
}

/// Reads `count` records; each batch is of one partition and within its limits.
async fn read(
    subscription: &mut Box<dyn Subscription>,
    kept: &Kept,
    count: usize,
) -> Vec<BusRecord> {
    let mut records = Vec::new();
    while records.len() < count {
        let batch = next(subscription).await;
        assert!(
            batch.len() <= crate::bus::BATCH_RECORDS_MAX,
            "{}",
            batch.len()
        );
        let partition = batch[0].partition;
        assert!(batch.iter().all(|record| record.partition == partition));
        kept.advance(&batch);
        records.extend(batch);
    }
    records
}
