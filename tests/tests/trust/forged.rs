//! Items that nobody may say: refused and recorded, now and after a restart.

use certs::node_key::NodeKeys;
use certs::trust::KnownKey;
use connectors::bus::OutgoingRecord;
use schemas::seal_status::{SealReason, SealState, SealStatus};
use schemas::trust_item::{ItemState, TrustContent, TrustItem, seal_item_name};
use tests::operator::{Operator, contents_of, item, signed};
use tests::{NATIONAL, SICHUAN, TestHub, ZHEJIANG, noon};

/// An anchor of the minted authorities.
fn anchor(hub: &TestHub, serial: u64) -> TrustItem {
    let contents = contents_of(&hub.folder.path().join("trust"));
    let anchor = contents.into_iter().find(|one| one.kind() == "anchor");
    item(anchor.expect("one"), ItemState::Listed, serial, noon())
}

fn seal_of_home(home: &str) -> TrustItem {
    let status = SealStatus {
        seal_sm3: "ab".repeat(32),
        es_id: "1".to_owned(),
        status: SealState::Revoked,
        since: noon(),
        reason: SealReason::KeyCompromise,
        suspensions: Vec::new(),
    };
    let name = seal_item_name(Some(home), &status.seal_sm3);
    let mut item = item(TrustContent::Seal(status), ItemState::Listed, 1, noon());
    item.name = name;
    item
}

/// Says it to all, and expects all to refuse it with this code and to change nothing.
async fn refused(hub: &TestHub, record: OutgoingRecord, code: &str) {
    let mut before = Vec::new();
    for name in [NATIONAL, ZHEJIANG, SICHUAN] {
        let epoch = hub.node(name).trust.state().epoch;
        before.push((name, epoch, hub.leaves(name, "refuse", code).await));
    }
    hub.say(vec![record]).await;
    for (name, epoch, leaves) in before {
        let found = hub.leaves(name, "refuse", code).await;
        assert_eq!(found, leaves + 1, "{name} refuses with {code}");
        assert_eq!(hub.node(name).trust.state().epoch, epoch, "{name}: {code}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_but_the_operator_says_what_is_trusted() {
    let hub = TestHub::start(0, 0).await;
    let item = anchor(&hub, 1);
    let (sichuan, stranger) = (&hub.node(SICHUAN).keys, Operator::new());
    let good = hub.operator.record(&item);
    let by_node = signed(sichuan, SICHUAN, "trust", &item);
    refused(&hub, by_node, "TRUST_ITEM_ORIGIN").await;
    refused(&hub, stranger.record(&item), "UNKNOWN_NODE").await;
    let as_operator = signed(sichuan, "operator", "trust", &item);
    refused(&hub, as_operator, "UNKNOWN_NODE").await;
    let of_other = signed(sichuan, SICHUAN, "trust", &seal_of_home(ZHEJIANG));
    refused(&hub, of_other, "TRUST_ITEM_ORIGIN").await;
    let keys = NodeKeys::generate().expect("keys");
    let nameless = signed(&keys, "nowhere", "trust", &item);
    refused(&hub, nameless, "UNKNOWN_NODE").await;
    let mut altered = good.clone();
    altered.body = [&good.body[..], b" "].concat().into();
    refused(&hub, altered, "ENVELOPE_SIGNATURE").await;
    let mut other_key = good.clone();
    other_key.key = "anchor:other".to_owned();
    refused(&hub, other_key, "TRUST_ITEM_MALFORMED").await;
    let mut lie = item.clone();
    lie.name = format!("anchor:{}", "ab".repeat(32));
    refused(&hub, hub.operator.record(&lie), "TRUST_ITEM_MALFORMED").await;
    // Of its own seals a home node may speak.
    let own = signed(sichuan, SICHUAN, "trust", &seal_of_home(SICHUAN));
    hub.say(vec![own, good]).await;
    for name in [NATIONAL, ZHEJIANG, SICHUAN] {
        assert_eq!(hub.node(name).trust.state().epoch, 2, "{name}");
        assert_eq!(hub.leaves(name, "trust", "OK").await, 2, "{name}");
    }
    assert_eq!(hub.records("deadletter.national").await.len(), 8);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_played_again_or_back_has_no_effect_also_after_a_restart() {
    let mut hub = TestHub::start(0, 0).await;
    let (older, newer) = (anchor(&hub, 4), anchor(&hub, 5));
    let mut withdrawn = anchor(&hub, 6);
    withdrawn.state = ItemState::Withdrawn;
    let [older, newer, withdrawn] =
        [&older, &newer, &withdrawn].map(|item| hub.operator.record(item));
    hub.say(vec![newer.clone()]).await;
    refused(&hub, older.clone(), "TRUST_ITEM_SERIAL").await;
    hub.say(vec![withdrawn.clone()]).await;
    for name in [NATIONAL, ZHEJIANG, SICHUAN] {
        hub.stop_node(name).await;
        hub.start_node(name).await;
        let state = hub.node(name).trust.state();
        assert_eq!(state.epoch, 2, "{name} still knows");
        let anchors = state.store.certificates().count();
        assert_eq!(anchors, 2, "{name}: without the anchor of its folder");
    }
    refused(&hub, newer, "TRUST_ITEM_SERIAL").await;
    refused(&hub, older, "TRUST_ITEM_SERIAL").await;
    // The very same once more is no fault: a relay that was interrupted repeats itself.
    hub.say(vec![withdrawn]).await;
    assert_eq!(hub.leaves(NATIONAL, "trust", "OK").await, 2);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operators_next_key_follows_the_present_one() {
    let mut hub = TestHub::start(0, 0).await;
    let next = Operator::new();
    let successor = TrustContent::Operator {
        follows: hub.operator.public().key_id().to_owned(),
        key: KnownKey::unbounded(next.public()).to_item(),
    };
    let successor = item(successor, ItemState::Listed, 1, noon());
    // In one batch: what follows is already checked with the new key.
    let records = vec![
        hub.operator.record(&successor),
        next.record(&anchor(&hub, 1)),
    ];
    hub.say(records).await;
    assert_eq!(hub.node(SICHUAN).trust.state().epoch, 2);
    let by_former = hub.operator.record(&anchor(&hub, 2));
    refused(&hub, by_former, "UNKNOWN_NODE").await;
    hub.stop_node(SICHUAN).await;
    hub.start_node(SICHUAN).await;
    let by_former = hub.operator.record(&anchor(&hub, 3));
    refused(&hub, by_former, "UNKNOWN_NODE").await;
    hub.say(vec![next.record(&anchor(&hub, 4))]).await;
    assert_eq!(hub.node(SICHUAN).trust.state().epoch, 3);
    hub.stop().await;
}
