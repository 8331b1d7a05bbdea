//! What a bus that fails does to messages that wait in the outbox: every one arrives, and has its
//! effect once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use connectors::bus::{Bus, BusError, OutgoingRecord, Positions, Sharing, Subscription};
use hub::directory;
use hub::node::Node;
use hub::store::{outbox, registrations};
use schemas::envelope::topic;
use tests::{NATIONAL, TestHub, ZHEJIANG, eventually};

use super::super::rows;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_bus_did_not_take_is_sent_again() {
    let faults = [
        Fault::Refused,
        Fault::Refused,
        Fault::Unknown,
        Fault::Refused,
    ];
    let mut hub = TestHub::start(3, 0).await;
    let config = hub.node(ZHEJIANG).config.clone();
    hub.stop_node(ZHEJIANG).await;
    let bus = Arc::new(FailingBus::around(Arc::clone(&hub.bus), &faults));
    let of_node: Arc<dyn Bus> = Arc::<FailingBus>::clone(&bus);
    let zhejiang = Node::start(config, of_node, hub.clock.clone()).await;
    let zhejiang = zhejiang.expect("starts");
    let report = directory::register_source(&zhejiang.node).await;
    assert_eq!(report.expect("registers").registered, 3);
    let reader = zhejiang.node.store.reader();
    eventually("the outbox is empty", async || {
        outbox::count(reader).await.expect("counts") == 0
    })
    .await;
    assert_eq!(bus.faults.lock().unwrap().len(), 0, "every fault was met");
    let changes = hub.records(topic::DIRECTORY_CHANGES).await;
    let mut times = BTreeMap::new();
    for change in &changes {
        *times.entry(name(change)).or_insert(0) += 1;
    }
    // The bus had them already when it answered with an error.
    assert_eq!(times.into_values().collect::<Vec<_>>(), [2, 2, 2]);
    eventually("every receipt is there", async || {
        registrations::count_awaiting(reader).await.expect("counts") == 0
    })
    .await;
    assert_eq!(rows(&hub, NATIONAL, "entry").await, 3);
    assert_eq!(hub.leaves(NATIONAL, "apply", "*").await, 3);
    assert_eq!(hub.records(topic::DIRECTORY_RECEIPTS).await.len(), 3);
    zhejiang.shutdown().await;
    hub.stop().await;
}

fn name(record: &OutgoingRecord) -> &str {
    let mut headers = record.headers.iter();
    let name = headers.find(|(name, _)| name == "ce_id");
    name.map(|(_, id)| id.as_str()).expect("a name")
}

/// How a bus fails to publish.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Nothing was published.
    Refused,
    /// All was published, but the answer does not say so.
    Unknown,
}

/// A bus that fails as planned, one fault per publication, and then works.
struct FailingBus {
    inner: Arc<dyn Bus>,
    faults: Mutex<VecDeque<Fault>>,
}

impl FailingBus {
    fn around(inner: Arc<dyn Bus>, faults: &[Fault]) -> Self {
        let faults = Mutex::new(faults.iter().copied().collect());
        Self { inner, faults }
    }
}

#[async_trait]
impl Bus for FailingBus {
    async fn publish(&self, records: Vec<OutgoingRecord>) -> Result<(), BusError> {
        let fault = self.faults.lock().unwrap().pop_front();
        if !matches!(fault, Some(Fault::Refused)) {
            self.inner.publish(records).await?;
        }
        match fault {
            Some(_) => Err(BusError::Closed),
            None => Ok(()),
        }
    }

    async fn subscribe(
        &self,
        topic: &str,
        sharing: Sharing,
        positions: Arc<dyn Positions>,
    ) -> Result<Box<dyn Subscription>, BusError> {
        self.inner.subscribe(topic, sharing, positions).await
    }

    async fn forget(&self, topic: &str, up_to: i64, keep: u32) -> Result<(), BusError> {
        self.inner.forget(topic, up_to, keep).await
    }

    async fn healthy(&self) -> Result<(), BusError> {
        self.inner.healthy().await
    }
}
