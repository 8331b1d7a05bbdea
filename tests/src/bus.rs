//! The bus of the harness: embedded, or with `HUB_TEST_BUS=kafka` and `HUB_TEST_KAFKA=host:port`
//! Apache Kafka, where every harness has topics of its own.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use connectors::bus::kafka::topics::TopicAdmin;
use connectors::bus::kafka::{KafkaSettings, Security};
use connectors::bus::{Bus, EmbeddedBus, KafkaBus, OutgoingRecord, Positions, Sharing};

use crate::TestHub;

/// Partitions per topic: one, so that the same tests can name positions and wait for an order on
/// both buses. Several are tested where the bus is (`connectors/src/bus/kafka/tests.rs`).
const PARTITIONS_MAX: i32 = 1;

/// See the module.
pub enum TestBus {
    /// One bus of all nodes.
    Embedded(Arc<dyn Bus>),
    /// Each node has its own clients.
    Kafka(KafkaSettings),
}

/// Whether the tests run on Apache Kafka.
#[must_use]
pub fn is_kafka() -> bool {
    std::env::var_os("HUB_TEST_BUS").is_some_and(|kind| kind == "kafka")
}

impl TestBus {
    /// Opens the bus of nodes of these names.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open(folder: &Path, nodes: &[&str]) -> Self {
        if !is_kafka() {
            let bus = EmbeddedBus::open(&folder.join("bus.sqlite")).await;
            return Self::Embedded(Arc::new(bus.expect("bus")));
        }
        let broker = std::env::var("HUB_TEST_KAFKA").expect("HUB_TEST_KAFKA=host:port");
        let name = folder.file_name().and_then(|name| name.to_str());
        // The name of the temporary folder is no other test's.
        let name = name
            .expect("a folder")
            .replace(|c: char| !c.is_ascii_alphanumeric(), "");
        let settings = KafkaSettings {
            brokers: vec![broker],
            security: Security::Plaintext,
            prefix: format!("{name}-{}.", std::process::id()),
            node: "tests".to_owned(),
            instance: "1".to_owned(),
        };
        let nodes: BTreeSet<String> = nodes.iter().map(|node| (*node).to_owned()).collect();
        let mut plans = hub::cli::topics::plans(&nodes, 1).expect("plans");
        for plan in &mut plans {
            plan.partitions = plan.partitions.min(PARTITIONS_MAX);
        }
        let admin = TopicAdmin::open(settings.clone()).expect("a client");
        let differences = admin.differences(&plans).await.expect("topics");
        admin.apply(&plans, &differences).await.expect("topics");
        Self::Kafka(settings)
    }

    /// The bus as a node sees it.
    ///
    /// # Panics
    /// When it cannot be opened.
    #[must_use]
    pub fn of(&self, node: &str) -> Arc<dyn Bus> {
        match self {
            Self::Embedded(bus) => Arc::clone(bus),
            Self::Kafka(settings) => {
                let mut settings = settings.clone();
                settings.node = node.to_owned();
                Arc::new(KafkaBus::open(settings).expect("bus"))
            }
        }
    }
}

impl TestHub {
    /// Every record of a topic, as it would be published again.
    pub async fn records(&self, topic: &str) -> Vec<OutgoingRecord> {
        // Long enough for a busy machine: what is there is given at once, and a client of Kafka
        // first asks where the topic is.
        let quiet = Duration::from_secs(if is_kafka() { 4 } else { 1 });
        records_until_quiet(self.bus.as_ref(), topic, quiet).await
    }
}

/// Every record of a topic from its beginning until none has come for a time.
///
/// # Panics
/// When the bus fails.
pub async fn records_until_quiet(
    bus: &dyn Bus,
    topic: &str,
    quiet: Duration,
) -> Vec<OutgoingRecord> {
    let from_the_first: Arc<dyn Positions> = Arc::new(None);
    let mut subscription = bus
        .subscribe(topic, Sharing::Whole, from_the_first)
        .await
        .expect("subscribes");
    let mut records = Vec::new();
    while let Ok(batch) = tokio::time::timeout(quiet, subscription.next()).await {
        for record in batch.expect("reads") {
            let (key, headers, body) = (record.key, record.headers, record.body);
            records.push(OutgoingRecord {
                topic: record.topic,
                key,
                headers,
                body,
            });
        }
    }
    records
}
