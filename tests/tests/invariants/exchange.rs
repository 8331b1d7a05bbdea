//! Invariant 3: consumed position, effect, outgoing messages and leaf are one transaction; and
//! what the national node does when two nodes claim one licence.

mod bus_faults;
mod store_faults;

use certs::envelope_security::sign_envelope;
use certs::node_key::NodeKeys;
use connectors::bus::OutgoingRecord;
use hub::directory;
use hub::refusal::Refusal;
use hub::store::{positions, receipts, rejections};
use schemas::envelope::{Envelope, MessageType, topic};
use schemas::leaf::Activity;
use schemas::message::LookupReply;
use schemas::region::RegionCode;
use tests::{NATIONAL, SICHUAN, TestHub, ZHEJIANG, caller, eventually};

use super::observed::observed;
use super::{break_table, repair, rows};

#[test]
fn a_change_is_applied_as_a_whole_or_not_at_all() {
    for table in ["consumed_partition", "outbox", "log_leaf"] {
        observed(async |log| {
            let hub = TestHub::start(3, 0).await;
            let leaves = rows(&hub, NATIONAL, "log_leaf").await;
            break_table(&hub, NATIONAL, table).await;
            let zhejiang = hub.node(ZHEJIANG);
            directory::register_source(zhejiang)
                .await
                .expect("registers");
            log.says(&["reading failed", "directory.changes"]).await;
            for untouched in ["entry", "entry_holder", "applied", "outbox"] {
                let count = rows(&hub, NATIONAL, untouched).await;
                assert_eq!(count, 0, "{untouched} with a broken {table}");
            }
            assert_eq!(rows(&hub, NATIONAL, "log_leaf").await, leaves, "{table}");
            let reader = hub.node(NATIONAL).store.reader();
            let position = positions::last(reader, "directory.changes", 0).await;
            assert_eq!(position.expect("reads"), None, "with a broken {table}");
            assert_eq!(hub.records("directory.receipts").await.len(), 0, "{table}");

            repair(&hub, NATIONAL).await;
            hub.settle().await;
            assert_eq!(rows(&hub, NATIONAL, "entry").await, 3);
            assert_eq!(hub.leaves(NATIONAL, "apply", "OK").await, 3);
            assert_eq!(hub.leaves(ZHEJIANG, "receipt", "OK").await, 3);
            hub.stop().await;
        });
    }
}

#[test]
fn a_receipt_is_taken_as_a_whole_or_not_at_all() {
    for table in ["consumed_partition", "log_leaf"] {
        observed(async |log| {
            let mut hub = TestHub::start(3, 0).await;
            hub.stop_node(NATIONAL).await;
            let zhejiang = hub.node(ZHEJIANG);
            directory::register_source(zhejiang)
                .await
                .expect("registers");
            break_table(&hub, ZHEJIANG, table).await;
            hub.start_node(NATIONAL).await;
            log.says(&["reading failed", "directory.receipts"]).await;
            let reader = hub.node(ZHEJIANG).store.reader();
            let position = positions::last(reader, "directory.receipts", 0).await;
            assert_eq!(position.expect("reads"), None, "with a broken {table}");
            assert_eq!(rows(&hub, ZHEJIANG, "receipt").await, 0, "{table}");
            assert_eq!(hub.leaves(ZHEJIANG, "receipt", "*").await, 0, "{table}");
            repair(&hub, ZHEJIANG).await;
            hub.settle().await;
            assert_eq!(hub.leaves(ZHEJIANG, "receipt", "OK").await, 3);
            hub.stop().await;
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_is_registered_with_its_message_or_not_at_all() {
    let hub = TestHub::start(3, 0).await;
    let zhejiang = hub.node(ZHEJIANG);
    let leaves = rows(&hub, ZHEJIANG, "log_leaf").await;
    for table in ["outbox", "registration", "entry"] {
        break_table(&hub, ZHEJIANG, table).await;
        let refused = directory::register_source(zhejiang).await;
        assert_eq!(refused.expect_err("cannot register").code(), "INTERNAL");
        for untouched in ["entry", "registration", "outbox"] {
            let count = rows(&hub, ZHEJIANG, untouched).await;
            assert_eq!(count, 0, "{untouched} with a broken {table}");
        }
        assert_eq!(rows(&hub, ZHEJIANG, "log_leaf").await, leaves, "{table}");
        repair(&hub, ZHEJIANG).await;
    }
    assert_eq!(hub.records("directory.changes").await.len(), 0);
    assert_eq!(hub.sync().await.registered, 3);
    assert_eq!(hub.leaves(ZHEJIANG, "register", "OK").await, 3);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_twice_in_one_batch_has_its_effect_once() {
    let mut hub = TestHub::start(5, 0).await;
    hub.stop_node(NATIONAL).await;
    let zhejiang = hub.node(ZHEJIANG);
    let report = directory::register_source(zhejiang).await;
    assert_eq!(report.expect("registers").registered, 5);
    let mut changes = Vec::new();
    eventually("the changes are on the bus", async || {
        changes = hub.records("directory.changes").await;
        changes.len() == 5
    })
    .await;
    // As an outbox does that was killed before it noted what it had sent.
    hub.bus.publish(changes).await.expect("publishes");
    hub.start_node(NATIONAL).await;
    let last = async || {
        let reader = hub.node(NATIONAL).store.reader();
        positions::last(reader, "directory.changes", 0)
            .await
            .expect("reads")
    };
    eventually("all ten are read", async || last().await == Some(10)).await;
    hub.settle().await;
    assert_eq!(hub.leaves(NATIONAL, "apply", "*").await, 5);
    assert_eq!(hub.records("directory.receipts").await.len(), 5);
    hub.stop().await;
}

#[test]
fn an_answer_leaves_with_its_leaf_or_not_at_all() {
    observed(async |log| {
        let hub = TestHub::start(1, 0).await;
        hub.sync().await;
        log.clear();
        break_table(&hub, NATIONAL, "outbox").await;
        let (node, identifier) = (std::sync::Arc::clone(hub.node(SICHUAN)), hub.identifier(0));
        let asked =
            tokio::spawn(async move { directory::lookup(&node, &caller(), &identifier).await });
        log.says(&["reading failed", "requests.national"]).await;
        assert_eq!(hub.leaves(NATIONAL, "answer_lookup", "*").await, 0);
        assert_eq!(hub.records("replies.sichuan").await.len(), 0);
        repair(&hub, NATIONAL).await;
        // On Kafka the failed reader joins its group anew: the question may not wait for it.
        let answer = asked.await.expect("no panic");
        assert!(
            matches!(answer, Ok(Some(_)) | Err(Refusal::PeerTimeout { .. })),
            "{answer:?}"
        );
        eventually("answered after the repair", async || {
            let (node, identifier) = (hub.node(SICHUAN), hub.identifier(0));
            matches!(
                directory::lookup(node, &caller(), &identifier).await,
                Ok(Some(_))
            )
        })
        .await;
        let answered = hub.records("replies.sichuan").await.len();
        let leaves = hub.leaves(NATIONAL, "answer_lookup", "OK").await;
        let leaves = usize::try_from(leaves).expect("a count");
        assert!(answered >= 1 && leaves == answered, "{leaves} leaves");
        hub.stop().await;
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_licence_that_another_node_registered_first_is_refused() {
    let mut hub = TestHub::start(2, 0).await;
    hub.sync().await;
    // The same licence in Sichuan's library, in every other respect as Sichuan's own.
    let claimed = hub.folder.path().join("claimed");
    let mut items = hub.items.clone();
    for item in &mut items {
        item.entry.region = RegionCode::parse("510100").expect("Sichuan");
    }
    hub::mint::write_library(&claimed, &items[..1]).expect("library");
    hub.restart_with(SICHUAN, |config| config.source = Some(claimed))
        .await;
    let report = directory::register_source(hub.node(SICHUAN)).await;
    assert_eq!(report.expect("registers").registered, 1);
    hub.settle().await;

    let sichuan = hub.node(SICHUAN).store.reader();
    let counts = receipts::counts(sichuan).await.expect("counts");
    assert_eq!((counts.accepted, counts.rejected), (0, 1));
    let national = hub.node(NATIONAL);
    let queue = rejections::page(national.store.reader(), 0, 10)
        .await
        .expect("pages");
    let [reason] = queue[0].rejection.reasons.as_slice() else {
        panic!("{:?}", queue[0].rejection.reasons)
    };
    assert_eq!(
        (reason.rule.as_str(), reason.rejecting),
        ("Q-HOME-NODE", true)
    );
    assert!(!reason.zh.is_empty() && !reason.en.is_empty());
    assert_eq!(queue[0].rejection.home_node, SICHUAN);
    assert_eq!(hub.leaves(NATIONAL, "reject", "Q-HOME-NODE").await, 1);
    let known = directory::lookup(national, &caller(), &hub.identifier(0)).await;
    let known = known.expect("an answer").expect("found");
    assert_eq!(known.entry.public.home_node, ZHEJIANG, "the first keeps it");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_refusal_is_shown_only_when_its_code_is_known() {
    let mut hub = TestHub::start(1, 0).await;
    hub.stop_node(NATIONAL).await;
    let keys = hub::node::node_keys(&hub.folder.path().join(NATIONAL)).expect("keys");
    for (number, (said, shown)) in [("NOT_FOUND", "NOT_FOUND"), ("<b>", "PEER_REFUSED")]
        .into_iter()
        .enumerate()
    {
        let (node, identifier) = (std::sync::Arc::clone(hub.node(SICHUAN)), hub.identifier(0));
        let asked =
            tokio::spawn(async move { directory::lookup(&node, &caller(), &identifier).await });
        let mut requests = Vec::new();
        eventually("the question is on the bus", async || {
            requests = hub.records("requests.national").await;
            requests.len() > number
        })
        .await;
        let correlation = requests[number].headers.iter();
        let correlation = correlation
            .clone()
            .find(|(name, _)| name == "ce_correlation");
        let (_, correlation) = correlation.expect("a correlation");
        let reply = refusal(&hub, correlation, said, &keys);
        hub.bus.publish(vec![reply]).await.expect("publishes");
        let refused = asked.await.expect("no panic").expect_err("refused");
        let Refusal::PeerRefused { node, code } = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((node.as_str(), code.as_str()), (NATIONAL, shown));
        let result = format!("PEER_REFUSED:{shown}");
        assert_eq!(hub.leaves(SICHUAN, "lookup", &result).await, 1);
    }
    hub.stop().await;
}

/// A refusal as the national node would sign it.
fn refusal(hub: &TestHub, correlation: &str, code: &str, keys: &NodeKeys) -> OutgoingRecord {
    let leaf = hub.node(SICHUAN).leaf(Activity::Audit);
    let envelope = Envelope {
        id: leaf.id,
        origin: NATIONAL.to_owned(),
        message_type: MessageType::LookupReply,
        subject: None,
        time: leaf.at,
        recipient: Some(SICHUAN.to_owned()),
        correlation: Some(correlation.to_owned()),
        deadline: None,
    };
    let code = code.to_owned();
    let body = serde_json::to_vec(&LookupReply::Refused { code }).expect("json");
    let topic = topic::replies(SICHUAN);
    let headers = sign_envelope(&envelope, &topic, &body, keys).expect("signs");
    OutgoingRecord {
        topic,
        key: correlation.to_owned(),
        headers,
        body: body.into(),
    }
}
