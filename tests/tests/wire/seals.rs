//! Questions about seals that no seal has.

use connectors::bus::OutgoingRecord;
use schemas::envelope::{MessageType, topic};
use schemas::seal_status::{SealReply, SealRequest};
use serde_json::{Value, json};
use tests::{SICHUAN, TestHub, ZHEJIANG, noon};

use super::bodies::BODY;
use super::envelopes::{MALFORMED, case};
use super::message::Message;
use super::stage::{Case, Expected, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_about_seals_that_are_none_are_refused() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    let keys = &hub.node(SICHUAN).keys;
    let home = |name: &str, message: Message, expected| Case {
        reader: ZHEJIANG,
        ..case(name, message.signed(keys), expected)
    };
    let mut cases = Vec::new();
    for (name, pointer, value) in values() {
        cases.push(home(name, question(hub).at(pointer, value), BODY));
    }
    for member in ["/seal_sm3", "/es_id", "/signer_sm3"] {
        let message = question(hub).missing(member);
        cases.push(home(&format!("no {member}"), message, BODY));
    }
    let answer = SealReply {
        seal_sm3: "ab".repeat(32),
        status: None,
        as_of: noon(),
    };
    let answer = serde_json::to_vec(&answer).expect("JSON");
    let among = question(hub).set("ce_type", "hub.seal.reply.v1");
    cases.push(home(
        "an answer among the questions",
        among.body(answer),
        MALFORMED,
    ));
    let late = question(hub).set("ce_deadline", "2026-11-21T03:59:59.000000Z");
    cases.push(home("a question too late", late, Expected::PassedOver));
    stage.check(cases).await;
    stage.hub.stop().await;
}

/// As Sichuan asks Zhejiang.
fn question(hub: &TestHub) -> Message {
    let body = SealRequest {
        seal_sm3: "ab".repeat(32),
        es_id: "33010000000001".to_owned(),
        signer_sm3: "cd".repeat(32),
        signed_at: Some(noon()),
    };
    let place = (MessageType::SealRequest, topic::requests(ZHEJIANG));
    Message::new(hub, SICHUAN, ZHEJIANG, place, &body)
}

/// The same, signed.
pub(crate) fn about_a_seal(hub: &TestHub) -> OutgoingRecord {
    question(hub).signed(&hub.node(SICHUAN).keys)
}

fn values() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (
            "a digest in upper case",
            "/seal_sm3",
            json!("AB".repeat(32)),
        ),
        ("a digest of 63 digits", "/seal_sm3", json!("a".repeat(63))),
        ("an empty digest", "/seal_sm3", json!("")),
        (
            "a digest with a NUL",
            "/seal_sm3",
            json!("\u{0}".repeat(64)),
        ),
        (
            "a digest of 500 KB",
            "/seal_sm3",
            json!("a".repeat(500_000)),
        ),
        ("a digest that is a number", "/seal_sm3", json!(7)),
        ("a name in a list", "/es_id", json!(["1"])),
        ("a signer that is null", "/signer_sm3", Value::Null),
        ("a time in words", "/signed_at", json!("yesterday")),
        (
            "a time that is a number",
            "/signed_at",
            json!(1_795_233_600),
        ),
    ]
}
