//! Messages between nodes: what comes twice, what is forged, what is asked without a right.

use bytes::Bytes;
use certs::envelope_security::sign_envelope;
use certs::sealing;
use chrono::Duration;
use connectors::bus::OutgoingRecord;
use hub::directory;
use schemas::envelope::{Envelope, MessageType, topic};
use schemas::message::{FileRefusal, FileRequest};
use schemas::permit::PermitRecord;
use schemas::status::LicenceStatus;
use tests::{MATTER, NATIONAL, SICHUAN, TestHub, ZHEJIANG, caller, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_loses_nothing_and_repeats_nothing() {
    let mut hub = TestHub::start(30, 0).await;
    hub.stop_node(NATIONAL).await;
    let zhejiang = hub.node(ZHEJIANG);
    directory::register_source(zhejiang)
        .await
        .expect("registers without the nation");
    hub.stop_node(ZHEJIANG).await;
    for name in [NATIONAL, ZHEJIANG] {
        hub.start_node(name).await;
    }
    hub.settle().await;
    for name in [NATIONAL, ZHEJIANG, SICHUAN] {
        hub.stop_node(name).await;
        hub.start_node(name).await;
    }
    let report = hub.sync().await;
    assert_eq!(
        (report.registered, report.changed, report.unchanged),
        (0, 0, 30)
    );
    assert_eq!(hub.leaves(NATIONAL, "apply", "*").await, 30);
    assert_eq!(hub.leaves(ZHEJIANG, "receipt", "OK").await, 30);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_twice_has_its_effect_once() {
    let mut hub = TestHub::start(5, 0).await;
    hub.sync().await;
    let mut changes = hub.records("directory.changes").await;
    assert_eq!(changes.len(), 5);
    // Within one batch and after a restart alike.
    changes.extend(changes.clone());
    hub.bus.publish(changes.clone()).await.expect("publishes");
    consumed(&hub, NATIONAL, "directory.changes", 15).await;
    hub.stop_node(NATIONAL).await;
    hub.start_node(NATIONAL).await;
    hub.bus.publish(changes).await.expect("publishes");
    consumed(&hub, NATIONAL, "directory.changes", 25).await;
    hub.settle().await;
    assert_eq!(hub.leaves(NATIONAL, "apply", "*").await, 5);
    assert_eq!(hub.records("directory.receipts").await.len(), 5);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_believed_goes_to_the_dead_letters() {
    let hub = TestHub::start(2, 0).await;
    hub.sync().await;
    let genuine = hub.records("directory.changes").await.swap_remove(0);
    let mut altered = genuine.clone();
    altered.body = Bytes::from([&genuine.body[..], b" "].concat());
    let mut unsigned = genuine.clone();
    unsigned.headers.retain(|(name, _)| name != "hubsig");
    let mut stranger = genuine.clone();
    for (name, value) in &mut stranger.headers {
        if name == "ce_source" {
            *value = "/nodes/nowhere".to_owned();
        }
    }
    // Signed, but for another topic: the topic is part of what is signed.
    let mut moved = genuine.clone();
    moved.topic = format!("requests.{NATIONAL}");
    hub.bus
        .publish(vec![altered, unsigned, stranger, moved])
        .await
        .expect("publishes");
    consumed(&hub, NATIONAL, "directory.changes", 5).await;
    consumed(&hub, NATIONAL, "requests.national", 1).await;
    hub.settle().await;

    let letters = hub.records("deadletter.national").await;
    let mut codes: Vec<_> = letters
        .iter()
        .flat_map(|letter| letter.headers.iter())
        .filter(|(name, _)| name == "hub_deadletter_code")
        .map(|(_, code)| code.as_str())
        .collect();
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            "ENVELOPE_MALFORMED",
            "ENVELOPE_SIGNATURE",
            "ENVELOPE_SIGNATURE",
            "UNKNOWN_NODE"
        ]
    );
    assert_eq!(
        hub.leaves(NATIONAL, "refuse", "ENVELOPE_SIGNATURE").await,
        2
    );
    assert_eq!(
        hub.leaves(NATIONAL, "apply", "*").await,
        2,
        "nothing of it was applied"
    );
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_speaks_only_for_its_own_licences() {
    let hub = TestHub::start(1, 0).await;
    hub.sync().await;
    let genuine = hub.records("directory.changes").await.swap_remove(0);
    // Properly signed, but by another node than the licence's home.
    let envelope = envelope(&hub, MessageType::DirectoryChange, NATIONAL);
    hub.bus
        .publish(vec![signed(
            &hub,
            &envelope,
            topic::DIRECTORY_CHANGES,
            &genuine.body,
        )])
        .await
        .expect("publishes");
    consumed(&hub, NATIONAL, topic::DIRECTORY_CHANGES, 2).await;
    hub.settle().await;
    assert_eq!(hub.leaves(NATIONAL, "refuse", "WRONG_ORIGIN").await, 1);
    assert_eq!(hub.records("deadletter.national").await.len(), 1);
    assert_eq!(hub.leaves(NATIONAL, "apply", "*").await, 1);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_node_checks_the_permit_evidence_itself() {
    let hub = TestHub::start(2, 2).await;
    hub.sync().await;
    let identifier = hub.identifier(0);
    let permit = hub
        .permit(&identifier, MATTER)
        .await
        .expect("decided")
        .record;
    let file_sm3 = hex::encode(certs::digest::sm3(
        hub.items[0].file.as_ref().expect("a file"),
    ));
    let good = Asked {
        identifier: identifier.as_str().to_owned(),
        file_sm3,
        permit,
    };
    let mut expired = good.clone();
    expired.permit.expires_at = expired.permit.decided_at - Duration::seconds(1);
    let mut denied = good.clone();
    denied.permit.permitted = false;
    let mut other_licence = good.clone();
    other_licence.identifier = hub.identifier(1).as_str().to_owned();
    let mut other_file = good.clone();
    other_file.file_sm3 = "00".repeat(32);
    let mut unknown = good.clone();
    unknown.identifier = "1.2.156.3005.2.nothing".to_owned();
    unknown.permit.identifier.clone_from(&unknown.identifier);
    let requests = [
        (expired, "PERMIT_EXPIRED"),
        (denied, "PERMIT_DENIED"),
        (other_licence, "PERMIT_UNKNOWN"),
        (other_file, "DIGEST_MISMATCH"),
        (unknown, "NOT_FOUND"),
    ];
    for (request, code) in requests {
        let answer = asked_directly(&hub, &request).await;
        let refusal: FileRefusal = serde_json::from_slice(&answer.body).expect("a refusal");
        assert_eq!(refusal.code, code);
        assert_eq!(hub.leaves(ZHEJIANG, "refuse", code).await, 1);
    }
    assert_eq!(hub.leaves(ZHEJIANG, "hand_out", "*").await, 0);
    asked_directly(&hub, &good).await;
    assert_eq!(
        hub.leaves(ZHEJIANG, "hand_out", "OK").await,
        1,
        "the unchanged one is served"
    );
    let zhejiang = hub.node(ZHEJIANG);
    directory::change_status(
        zhejiang,
        &identifier,
        LicenceStatus::Revoked,
        caller().agent(),
    )
    .await
    .expect("the status changes");
    let answer = asked_directly(&hub, &good).await;
    let refusal: FileRefusal = serde_json::from_slice(&answer.body).expect("a refusal");
    assert_eq!(
        refusal.code, "NOT_USABLE",
        "whatever the asking node still believes"
    );
    hub.stop().await;
}

/// A file request before its permit is sealed to the home node.
#[derive(Clone)]
struct Asked {
    identifier: String,
    file_sm3: String,
    permit: PermitRecord,
}

impl Asked {
    fn sealed(&self, hub: &TestHub) -> FileRequest {
        let node = hub.node(SICHUAN);
        let peers = node.peers();
        let home = peers.find(ZHEJIANG).expect("a peer");
        let home = home.sealing_keys(node.clock.now()).expect("keys");
        let binding = format!("hub.permit.v1\n{}\n{}", self.identifier, self.file_sm3);
        let permit = serde_json::to_vec(&self.permit).expect("json");
        let permit = sealing::seal(home, binding.as_bytes(), &permit);
        FileRequest {
            identifier: self.identifier.clone(),
            file_sm3: self.file_sm3.clone(),
            permit: permit.expect("seals"),
            chunks: Vec::new(),
        }
    }
}

/// Sends a file request of Sichuan to Zhejiang past Sichuan's own paths; its first answer.
async fn asked_directly(hub: &TestHub, asked: &Asked) -> OutgoingRecord {
    let before = hub.records("files.sichuan").await.len();
    let envelope = envelope(hub, MessageType::FileRequest, ZHEJIANG);
    let body = serde_json::to_vec(&asked.sealed(hub)).expect("json");
    let record = signed(
        hub,
        &envelope,
        &topic::requests(ZHEJIANG),
        &Bytes::from(body),
    );
    hub.bus.publish(vec![record]).await.expect("publishes");
    let mut answers = Vec::new();
    eventually("the home node answers", async || {
        answers = hub.records("files.sichuan").await;
        answers.len() > before
    })
    .await;
    answers.swap_remove(before)
}

pub(super) fn envelope(hub: &TestHub, message_type: MessageType, recipient: &str) -> Envelope {
    let node = hub.node(SICHUAN);
    let leaf = node.leaf(schemas::leaf::Activity::Audit);
    Envelope {
        id: leaf.id.clone(),
        origin: SICHUAN.to_owned(),
        message_type,
        subject: None,
        time: leaf.at,
        recipient: Some(recipient.to_owned()),
        correlation: Some(leaf.id),
        deadline: None,
    }
}

pub(super) fn signed(
    hub: &TestHub,
    envelope: &Envelope,
    topic: &str,
    body: &Bytes,
) -> OutgoingRecord {
    let headers = sign_envelope(envelope, topic, body, &hub.node(SICHUAN).keys).expect("signs");
    OutgoingRecord {
        topic: topic.to_owned(),
        key: envelope.id.clone(),
        headers,
        body: body.clone(),
    }
}

/// Waits until a node has consumed a topic up to a position.
pub(super) async fn consumed(hub: &TestHub, node: &str, topic: &str, position: i64) {
    eventually(
        &format!("{node} reads {topic} up to {position}"),
        async || {
            let reader = hub.node(node).store.reader();
            let last = hub::store::positions::last(reader, topic, 0)
                .await
                .expect("reads");
            last.is_some_and(|last| last >= position)
        },
    )
    .await;
}
