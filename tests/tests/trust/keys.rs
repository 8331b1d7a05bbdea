//! Nodes that are revoked or change their keys.

use certs::envelope_security::sign_envelope_by;
use certs::node_key::{self, NodePublicKeys};
use certs::trust::KnownKey;
use chrono::{DateTime, Duration, Utc};
use connectors::bus::OutgoingRecord;
use hub::clock::Clock as _;
use hub::directory;
use schemas::envelope::{Envelope, MessageType, topic};
use schemas::message::{Asker, LookupRequest};
use schemas::status::LicenceStatus;
use schemas::trust_item::{ItemState, NodeItem, NodeRole, TrustContent};
use tests::{NATIONAL, TestHub, ZHEJIANG, caller, eventually, noon};

/// Keys that count from and to certain times.
type Timed<'a> = (&'a NodePublicKeys, DateTime<Utc>, Option<DateTime<Utc>>);

/// Zhejiang with these keys.
fn zhejiang(keys: &[Timed<'_>]) -> NodeItem {
    let known = |(keys, not_before, not_after): &Timed<'_>| {
        KnownKey {
            keys: NodePublicKeys::clone(keys),
            not_before: *not_before,
            not_after: *not_after,
        }
        .to_item()
    };
    NodeItem {
        name: ZHEJIANG.to_owned(),
        role: NodeRole::Province,
        regions: vec!["33".to_owned()],
        keys: keys.iter().map(known).collect(),
        revoked: false,
    }
}

/// A question of Zhejiang to the nation, signed with one of its keys.
fn question(hub: &TestHub, key_id: &str) -> OutgoingRecord {
    let topic = topic::requests(NATIONAL);
    let envelope = Envelope {
        id: uuid::Uuid::new_v4().to_string(),
        origin: ZHEJIANG.to_owned(),
        message_type: MessageType::LookupRequest,
        subject: None,
        time: hub.clock.now(),
        recipient: Some(NATIONAL.to_owned()),
        correlation: Some("c".to_owned()),
        deadline: None,
    };
    let request = LookupRequest::Identifier {
        identifier: hub.identifier(0).as_str().to_owned(),
        asker: Asker {
            organisation: "o".to_owned(),
            caller: "c".to_owned(),
        },
    };
    let body = serde_json::to_vec(&request).expect("json");
    let keys = &hub.node(ZHEJIANG).keys;
    OutgoingRecord {
        headers: sign_envelope_by(&envelope, &topic, &body, keys, key_id).expect("signed"),
        topic,
        key: "c".to_owned(),
        body: body.into(),
    }
}

async fn answered(hub: &TestHub, key_id: &str, activity: &str, result: &str) {
    let before = hub.leaves(NATIONAL, activity, result).await;
    let question = question(hub, key_id);
    hub.bus.publish(vec![question]).await.expect("publishes");
    eventually(&format!("{activity} {result}"), async || {
        hub.leaves(NATIONAL, activity, result).await == before + 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_node_is_refused_until_it_is_listed_again() {
    let hub = TestHub::start(1, 0).await;
    hub.sync().await;
    let keys = hub.node(ZHEJIANG).keys.public();
    let item = zhejiang(&[(&keys, DateTime::UNIX_EPOCH, None)]);
    let mut revoked = item.clone();
    revoked.revoked = true;
    answered(&hub, keys.key_id(), "answer_lookup", "OK").await;
    hub.operator_says(TrustContent::Node(revoked), ItemState::Listed, 1)
        .await;
    answered(&hub, keys.key_id(), "refuse", "NODE_REVOKED").await;
    assert!(hub.node(NATIONAL).peers().find(ZHEJIANG).is_none());
    hub.operator_says(TrustContent::Node(item), ItemState::Listed, 2)
        .await;
    answered(&hub, keys.key_id(), "answer_lookup", "OK").await;
    assert_eq!(hub.records("deadletter.national").await.len(), 1);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_speaks_for_the_regions_that_the_operator_gives_it() {
    let mut hub = TestHub::start(1, 0).await;
    let keys = hub.node(ZHEJIANG).keys.public();
    let mut elsewhere = zhejiang(&[(&keys, DateTime::UNIX_EPOCH, None)]);
    elsewhere.regions = vec!["32".to_owned()];
    hub.operator_says(TrustContent::Node(elsewhere), ItemState::Listed, 1)
        .await;
    hub.sync().await;
    assert_eq!(hub.leaves(NATIONAL, "apply", "*").await, 0);
    assert_eq!(hub.leaves(NATIONAL, "reject", "*").await, 1);
    // And it stays so after a restart: the item stands above the configuration.
    hub.stop_node(NATIONAL).await;
    hub.start_node(NATIONAL).await;
    let peers = hub.node(NATIONAL).peers();
    let regions = &peers.find(ZHEJIANG).expect("known").regions;
    assert_eq!(regions[0].to_string(), "32");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_roll_over_while_work_goes_on() {
    const LICENCES: usize = 12;
    let hub = TestHub::start(LICENCES, 0).await;
    hub.sync().await;
    let node = hub.node(ZHEJIANG);
    let old = node.keys.public();
    let new = node_key::roll(&hub.folder.path().join("zhejiang/node.keys")).expect("rolled");
    let end = noon() + Duration::days(1);
    let item = zhejiang(&[
        (&old, DateTime::UNIX_EPOCH, Some(end)),
        (&new, noon(), None),
    ]);
    let status = async |number: usize, status: LicenceStatus| {
        let agent = caller().agent();
        directory::change_status(node, &hub.identifier(number), status, agent)
            .await
            .expect("the status changes");
    };
    let work = async {
        for number in 0..LICENCES {
            status(number, LicenceStatus::Suspended).await;
        }
    };
    // Not waited for: the change falls somewhere into the work.
    let change = async {
        let item = tests::operator::item(TrustContent::Node(item), ItemState::Listed, 1, noon());
        let record = hub.operator.record(&item);
        hub.bus.publish(vec![record]).await.expect("publishes");
    };
    tokio::join!(work, change);
    eventually("Zhejiang has taken its new key up", async || {
        node.keys.holds(new.key_id())
    })
    .await;
    for number in 0..LICENCES {
        status(number, LicenceStatus::Valid).await;
    }
    hub.settle().await;
    let applied = i64::try_from(3 * LICENCES).expect("in range");
    assert_eq!(hub.leaves(NATIONAL, "apply", "OK").await, applied);
    assert_eq!(hub.leaves(NATIONAL, "refuse", "*").await, 0, "none lost");
    let records = hub.records(topic::DIRECTORY_CHANGES).await;
    let by = |key_id: &str| {
        let is_by = |header: &(String, String)| header.1.starts_with(&format!("keyid={key_id};"));
        let signed = records.iter().filter(|one| one.headers.iter().any(is_by));
        signed.count()
    };
    assert!(by(old.key_id()) >= LICENCES);
    assert!(by(new.key_id()) >= LICENCES);
    let peers = hub.node(NATIONAL).peers();
    let peer = peers.find(ZHEJIANG).expect("known");
    assert_eq!(peer.sealing_keys(hub.clock.now()), Some(&new));

    answered(&hub, old.key_id(), "answer_lookup", "OK").await;
    hub.clock.advance(Duration::days(2));
    answered(&hub, old.key_id(), "refuse", "NODE_KEY_EXPIRED").await;
    answered(&hub, new.key_id(), "answer_lookup", "OK").await;
    hub.stop().await;
}
