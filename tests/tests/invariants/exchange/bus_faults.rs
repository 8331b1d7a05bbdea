//! What a bus that fails does to messages that wait in the outbox: every one arrives, and has its
//! effect once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use connectors::bus::{BusError, OutgoingRecord};
use hub::directory;
use hub::node::Node;
use hub::store::{outbox, registrations};
use schemas::envelope::topic;
use tests::failing_bus::{FailingBus, Fate};
use tests::{NATIONAL, TestHub, ZHEJIANG, eventually};

use super::super::rows;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_bus_did_not_take_is_sent_again() {
    // One per publication; then the bus works.
    let faults = [
        Fate::Refused(BusError::Closed),
        Fate::Refused(BusError::Closed),
        Fate::TakenUnseen(BusError::Closed),
        Fate::Refused(BusError::Closed),
    ];
    let faults = Arc::new(Mutex::new(VecDeque::from(faults)));
    let mut hub = TestHub::start(3, 0).await;
    let config = hub.node(ZHEJIANG).config.clone();
    hub.stop_node(ZHEJIANG).await;
    let planned = Arc::clone(&faults);
    let next = move |_: &[_]| planned.lock().unwrap().pop_front().unwrap_or(Fate::Taken);
    let bus = FailingBus::around(Arc::clone(&hub.bus), Box::new(next));
    let zhejiang = Node::start(config, bus, hub.clock.clone()).await;
    let zhejiang = zhejiang.expect("starts");
    let report = directory::register_source(&zhejiang.node).await;
    assert_eq!(report.expect("registers").registered, 3);
    let reader = zhejiang.node.store.reader();
    eventually("the outbox is empty", async || {
        outbox::count(reader).await.expect("counts") == 0
    })
    .await;
    assert_eq!(faults.lock().unwrap().len(), 0, "every fault was met");
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
