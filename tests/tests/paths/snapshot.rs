//! A national node that is set up anew: the present entries come from their home nodes, whatever
//! the stream of changes has lost.

use std::collections::BTreeMap;

use bytes::Bytes;
use certs::envelope_security::sign_envelope;
use certs::sealing;
use connectors::bus::OutgoingRecord;
use hub::directory;
use hub::node::node_keys;
use hub::store::{entries, receipts, registrations, snapshots};
use schemas::entry::Entry;
use schemas::envelope::{Envelope, MessageType, topic};
use schemas::message::{SNAPSHOT_ENTRIES_MAX, SnapshotEntry, SnapshotPage, SnapshotRequest};
use schemas::status::LicenceStatus;
use tests::bus::is_kafka;
use tests::{NATIONAL, SICHUAN, TestHub, ZHEJIANG, caller, eventually};

use super::exchange::{envelope, signed};

/// Two pages.
const LICENCES: usize = SNAPSHOT_ENTRIES_MAX + 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_national_node_takes_what_the_stream_has_lost() {
    let mut hub = TestHub::start(LICENCES, 0).await;
    // One that the nation refuses, then as now.
    hub.items[5].entry.type_name = "另一名称".to_owned();
    hub.write_library();
    hub.sync().await;
    set_status(&hub, 0, LicenceStatus::Suspended).await;
    hub.settle().await;
    let counted = receipt_counts(&hub).await;
    let before = directory_of(&hub, NATIONAL).await;
    assert_eq!(before.len(), LICENCES - 1);

    hub.stop_node(NATIONAL).await;
    lose_changes(&hub).await;
    hub.forget_database(NATIONAL).await;
    // This one comes both ways.
    set_status(&hub, 1, LicenceStatus::Revoked).await;
    hub.start_node(NATIONAL).await;
    hub.settle().await;

    let mut expected = directory_of(&hub, ZHEJIANG).await;
    expected.remove(hub.identifier(5).as_str());
    let now = directory_of(&hub, NATIONAL).await;
    assert_eq!(now, expected);
    assert_ne!(now, before);
    assert_eq!(hub.leaves(NATIONAL, "snapshot", "OK").await, 3);
    assert_eq!(hub.leaves(NATIONAL, "reject", "*").await, 1);
    if !is_kafka() {
        // Each entry once, whichever way it came first.
        let applied = i64::try_from(LICENCES).expect("fits") - 1;
        assert_eq!(hub.leaves(NATIONAL, "apply", "OK").await, applied);
        // Home nodes are not told again what they were told.
        assert_eq!(receipt_counts(&hub).await, counted + 1);
    }
    let reader = hub.node(ZHEJIANG).store.reader();
    assert_eq!(
        registrations::count_awaiting(reader).await.expect("counts"),
        0
    );

    hub.stop_node(NATIONAL).await;
    hub.start_node(NATIONAL).await;
    hub.settle().await;
    assert_eq!(
        hub.leaves(NATIONAL, "snapshot", "OK").await,
        3,
        "not asked again"
    );
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_midway_goes_on_at_the_cursor() {
    let mut hub = TestHub::start(LICENCES, 0).await;
    hub.sync().await;
    hub.stop_node(NATIONAL).await;
    lose_changes(&hub).await;
    hub.forget_database(NATIONAL).await;
    // One page, then the home node is busy for longer than this test runs.
    hub.restart_with(ZHEJIANG, |config| {
        config.limits.peer_questions_per_s = 1;
        config.limits.peer_burst = 1;
    })
    .await;
    hub.start_node(NATIONAL).await;
    let mut taken = snapshots::Taken::default();
    eventually("the first page is here", async || {
        let reader = hub.node(NATIONAL).store.reader();
        taken = snapshots::find(reader, ZHEJIANG).await.expect("reads");
        taken.cursor.is_some() || taken.is_complete
    })
    .await;
    hub.stop_node(NATIONAL).await;
    let asked = questions(&hub).await.len();
    hub.start_node(NATIONAL).await;
    hub.settle().await;
    let later = questions(&hub).await.split_off(asked);
    assert!(later.iter().all(Option::is_some), "{later:?}");
    let expected = directory_of(&hub, ZHEJIANG).await;
    assert_eq!(directory_of(&hub, NATIONAL).await, expected);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_the_wrong_node_or_with_foreign_entries_is_refused() {
    let mut hub = TestHub::start(2, 0).await;
    hub.sync().await;
    let own = directory_of(&hub, ZHEJIANG).await;
    let (_, entry) = own.into_iter().next().expect("an entry");
    // Only the nation may have everything.
    let request = serde_json::to_vec(&SnapshotRequest { after: None }).expect("json");
    let question = envelope(&hub, MessageType::SnapshotRequest, ZHEJIANG);
    let question = signed(&hub, &question, &topic::requests(ZHEJIANG), &request.into());
    hub.bus.publish(vec![question]).await.expect("publishes");
    eventually("Sichuan is refused", async || {
        hub.leaves(ZHEJIANG, "refuse", "WRONG_ORIGIN").await == 1
    })
    .await;

    hub.stop_node(NATIONAL).await;
    lose_changes(&hub).await;
    hub.forget_database(NATIONAL).await;
    hub.stop_node(ZHEJIANG).await;
    let asked = hub.records(&topic::requests(ZHEJIANG)).await.len();
    hub.start_node(NATIONAL).await;
    // Honest content from somebody else, then foreign content from the right node.
    let mut foreign = entry.clone();
    foreign.public.home_node = SICHUAN.to_owned();
    eventually("the page is refused", async || {
        let questions = hub.records(&topic::requests(ZHEJIANG)).await;
        if let Some(question) = questions.get(asked..).and_then(<[_]>::last) {
            let correlation = header(question, "ce_correlation");
            let pages = vec![
                page(&hub, SICHUAN, &correlation, &entry),
                page(&hub, ZHEJIANG, &correlation, &foreign),
            ];
            hub.bus.publish(pages).await.expect("publishes");
        }
        hub.leaves(NATIONAL, "refuse", "WRONG_ORIGIN").await > 0
    })
    .await;
    let taken = directory_of(&hub, NATIONAL).await;
    assert!(taken.values().all(|one| one.public.home_node == ZHEJIANG));
    assert!(taken.len() <= 1 || is_kafka(), "what the stream still has");
    let reader = hub.node(NATIONAL).store.reader();
    let taken = snapshots::find(reader, ZHEJIANG).await.expect("reads");
    assert_eq!(taken, snapshots::Taken::default());
    hub.stop().await;
}

async fn set_status(hub: &TestHub, number: usize, status: LicenceStatus) {
    let (node, identifier) = (hub.node(ZHEJIANG), hub.identifier(number));
    directory::change_status(node, &identifier, status, caller().agent())
        .await
        .expect("the status changes");
}

/// Every change so far but the last is gone from the bus, as after the time of retention. (Kafka's
/// brokers forget by themselves; there the stream says everything a second time.)
async fn lose_changes(hub: &TestHub) {
    hub.bus
        .forget(topic::DIRECTORY_CHANGES, i64::MAX, 0)
        .await
        .expect("forgets");
    let left = hub.records(topic::DIRECTORY_CHANGES).await.len();
    assert!(left <= 1 || is_kafka(), "{left} changes are left");
}

async fn directory_of(hub: &TestHub, name: &str) -> BTreeMap<String, Entry> {
    let node = hub.node(name);
    let (reader, key) = (node.store.reader(), node.keys.column_key());
    let mut all = BTreeMap::new();
    for public in entries::page(reader, None, 10_000).await.expect("reads") {
        let found = entries::find(reader, &public.identifier, key).await;
        let entry = found.expect("opens").expect("an entry");
        all.insert(public.identifier.to_string(), entry);
    }
    all
}

async fn receipt_counts(hub: &TestHub) -> u64 {
    let reader = hub.node(ZHEJIANG).store.reader();
    let counts = receipts::counts(reader).await.expect("counts");
    counts.accepted + counts.superseded + counts.rejected
}

/// Behind which identifiers Zhejiang was asked for pages.
async fn questions(hub: &TestHub) -> Vec<Option<String>> {
    let records = hub.records(&topic::requests(ZHEJIANG)).await;
    let pages = records
        .iter()
        .filter(|record| header(record, "ce_type") == "hub.snapshot.request.v1");
    pages
        .map(|record| {
            let request = serde_json::from_slice::<SnapshotRequest>(&record.body);
            request.expect("a request").after
        })
        .collect()
}

/// The last page, with one entry, signed by a node as the answer to a question of the nation.
fn page(hub: &TestHub, origin: &str, correlation: &str, entry: &Entry) -> OutgoingRecord {
    let entries = [SnapshotEntry {
        entry: entry.public.clone(),
        private: entry.private.clone(),
        message_id: correlation.to_owned(),
        outcome: None,
    }];
    let plain = serde_json::to_vec(&entries).expect("json");
    let nation = hub.node(NATIONAL).keys.public();
    let binding = format!("hub.snapshot.v1\n{ZHEJIANG}\n");
    let sealed = sealing::seal(&nation, binding.as_bytes(), &plain).expect("seals");
    let page = SnapshotPage::Page {
        entries: sealed,
        next: None,
    };
    let body = Bytes::from(serde_json::to_vec(&page).expect("json"));
    let envelope = Envelope {
        origin: origin.to_owned(),
        correlation: Some(correlation.to_owned()),
        ..envelope(hub, MessageType::SnapshotPage, NATIONAL)
    };
    let keys = node_keys(&hub.folder.path().join(origin)).expect("keys");
    let topic = topic::replies(NATIONAL);
    let headers = sign_envelope(&envelope, &topic, &body, &keys).expect("signs");
    OutgoingRecord {
        topic,
        key: correlation.to_owned(),
        headers,
        body,
    }
}

fn header(record: &OutgoingRecord, name: &str) -> String {
    let found = record.headers.iter().find(|(found, _)| found == name);
    found.expect("a header").1.clone()
}
