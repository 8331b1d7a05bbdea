//! Sealed parts: made for another node, for another use, or changed; and evidence that does not
//! permit what is asked.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Duration;
use connectors::bus::OutgoingRecord;
use schemas::message::HolderQuery;
use schemas::permit::PermitRecord;
use serde_json::{Value, json};
use tests::{NATIONAL, SICHUAN, TestHub, ZHEJIANG, noon};

use super::bodies::BODY;
use super::envelopes::case;
use super::message::{Message, file_request, holder_lookup, seal};
use super::stage::{Case, Expected, Stage};

/// What a query by holder is sealed for.
const QUERY: &str = "hub.query.v1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_that_do_not_open_are_refused() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    let keys = &hub.node(SICHUAN).keys;
    let code = &hub.items[0].entry.holders[0].code;
    let query = query(code);
    let honest = holder_lookup(hub, NATIONAL, QUERY, &query);
    let sealed = |reader: &str, binding: &str, plain: &[u8]| {
        holder_lookup(hub, reader, binding, plain).signed(keys)
    };
    let mut cases = vec![
        case("sealed to the sender", sealed(SICHUAN, QUERY, &query), BODY),
        case(
            "sealed to a third node",
            sealed(ZHEJIANG, QUERY, &query),
            BODY,
        ),
        case(
            "sealed for another use",
            sealed(NATIONAL, "hub.query.v2", &query),
            BODY,
        ),
        case("sealed nothing", sealed(NATIONAL, QUERY, b""), BODY),
        case("sealed no JSON", sealed(NATIONAL, QUERY, b"holder"), BODY),
        case(
            "sealed another shape",
            sealed(NATIONAL, QUERY, b"{\"code\":\"1\"}"),
            BODY,
        ),
        case(
            "sealed bytes of no text",
            sealed(NATIONAL, QUERY, &[0xff; 40]),
            BODY,
        ),
    ];
    for (name, part) in spoilt("/query", &honest) {
        cases.push(case(&name, part.signed(keys), BODY));
    }
    stage.check(cases).await;
    stage.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_that_permits_nothing_gets_no_file() {
    let (stage, permit) = Stage::permitted().await;
    let hub = &stage.hub;
    let keys = &hub.node(SICHUAN).keys;
    let honest = file_request(hub, &permit);
    let mut cases = Vec::new();
    for (name, spoil, code) in permits() {
        let mut permit = permit.clone();
        spoil(hub, &mut permit);
        let record = file_request(hub, &permit).signed(keys);
        cases.push(home(name, record, Expected::Recorded("refuse", code)));
    }
    for (name, pointer, value, expected) in asked_otherwise(hub) {
        let record = honest.clone().at(pointer, value).signed(keys);
        cases.push(home(name, record, expected));
    }
    for (name, part) in spoilt("/permit", &honest) {
        cases.push(home(&name, part.signed(keys), BODY));
    }
    let mut causeless = json!(permit);
    causeless["purpose"]["cause"] = json!(null);
    for (name, evidence) in [
        ("evidence that is none", json!({ "permitted": true })),
        ("a purpose without a cause", causeless),
    ] {
        let sealed = seal(
            hub,
            ZHEJIANG,
            &binding(hub),
            evidence.to_string().as_bytes(),
        );
        let record = honest.clone().at("/permit", json!(sealed)).signed(keys);
        cases.push(home(name, record, BODY));
    }
    cases.push(home(
        "a licence with a NUL",
        with_nul(hub, &permit).signed(keys),
        BODY,
    ));
    assert!(cases.len() >= 20, "only {}", cases.len());
    stage.check(cases).await;
    assert_eq!(hub.leaves(ZHEJIANG, "hand_out", "*").await, 0);
    stage.hub.stop().await;
}

/// A request for a licence that no text column can hold, with evidence for it.
fn with_nul(hub: &TestHub, permit: &PermitRecord) -> Message {
    let identifier = "1.2.156.3005.2.\0";
    let mut permit = permit.clone();
    permit.identifier = identifier.to_owned();
    let binding = format!(
        "hub.permit.v1\n{identifier}\n{}",
        super::message::file_sm3(hub)
    );
    let evidence = serde_json::to_vec(&permit).expect("JSON");
    let sealed = seal(hub, ZHEJIANG, &binding, &evidence);
    file_request(hub, &permit)
        .at("/identifier", json!(identifier))
        .at("/permit", json!(sealed))
}

/// A change of the evidence.
type Spoil = fn(&TestHub, &mut PermitRecord);

fn permits() -> Vec<(&'static str, Spoil, &'static str)> {
    vec![
        (
            "expired at this moment",
            |_, permit| permit.expires_at = noon(),
            "PERMIT_EXPIRED",
        ),
        (
            "decided in the future",
            |_, permit| permit.decided_at = noon() + Duration::minutes(6),
            "PERMIT_EXPIRED",
        ),
        (
            "denied",
            |_, permit| permit.permitted = false,
            "PERMIT_DENIED",
        ),
        (
            "for another licence",
            |hub, permit| permit.identifier = hub.identifier(1).as_str().to_owned(),
            "PERMIT_UNKNOWN",
        ),
        (
            "without a cause",
            |_, permit| permit.purpose.cause = " ".to_owned(),
            "PERMIT_UNKNOWN",
        ),
        (
            "with too long a cause",
            |_, permit| permit.purpose.cause = "因".repeat(201),
            "PERMIT_UNKNOWN",
        ),
        (
            "without a matter",
            |_, permit| permit.purpose.matter_code.clear(),
            "PERMIT_UNKNOWN",
        ),
    ]
}

/// Requests whose evidence was sealed for another licence or file than they name.
fn asked_otherwise(hub: &TestHub) -> Vec<(&'static str, &'static str, Value, Expected)> {
    vec![
        (
            "another licence",
            "/identifier",
            json!(hub.identifier(1).as_str()),
            BODY,
        ),
        ("no licence", "/identifier", json!("nothing"), BODY),
        (
            "a licence of 300 KB",
            "/identifier",
            json!("1".repeat(300_000)),
            BODY,
        ),
        ("another file", "/file_sm3", json!("00".repeat(32)), BODY),
        ("no file", "/file_sm3", json!(""), BODY),
        ("a file that is null", "/file_sm3", Value::Null, BODY),
    ]
}

/// A message with its sealed part changed in every way.
fn spoilt(pointer: &str, honest: &Message) -> Vec<(String, Message)> {
    let body: Value = serde_json::from_slice(&honest.body).expect("JSON");
    let part = body.pointer(pointer).expect("a sealed part");
    let text = part["sealed"].as_str().expect("text");
    let bytes = STANDARD.decode(text).expect("base64");
    let with = |bytes: &[u8]| json!(STANDARD.encode(bytes));
    let flipped = |offset: usize| {
        let mut bytes = bytes.clone();
        bytes[offset] ^= 0x10;
        with(&bytes)
    };
    let middle = bytes.len() / 2;
    let sealed = format!("{pointer}/sealed");
    let changes: Vec<(&str, Value)> = vec![
        ("empty", json!("")),
        ("no base64", json!("样例")),
        ("a number", json!(1)),
        ("null", Value::Null),
        ("its version alone", with(&bytes[..1])),
        ("cut short", with(&bytes[..middle])),
        ("a byte less", with(&bytes[..bytes.len() - 1])),
        ("a byte more", with(&[&bytes[..], &[0]].concat())),
        ("another version", flipped(0)),
        ("another point", flipped(40)),
        ("another wrapped key", flipped(120)),
        ("another text", flipped(bytes.len() - 40)),
        ("another tag", flipped(bytes.len() - 1)),
    ];
    let named = |name: &str| format!("sealed part: {name}");
    let mut spoilt: Vec<(String, Message)> = changes
        .into_iter()
        .map(|(name, value)| (named(name), honest.clone().at(&sealed, value)))
        .collect();
    let key = format!("{pointer}/recipient_key");
    spoilt.push((named("key of nobody"), honest.clone().at(&key, json!("00"))));
    spoilt.push((named("no key"), honest.clone().missing(&key)));
    spoilt.push((named("missing"), honest.clone().missing(pointer)));
    spoilt
}

fn query(code: &str) -> Vec<u8> {
    let query = HolderQuery {
        holder_code: code.to_owned(),
        type_code: None,
    };
    serde_json::to_vec(&query).expect("JSON")
}

fn binding(hub: &TestHub) -> String {
    let file_sm3 = super::message::file_sm3(hub);
    format!("hub.permit.v1\n{}\n{file_sm3}", hub.identifier(0))
}

/// A message for the home node.
fn home(name: &str, record: OutgoingRecord, expected: Expected) -> Case {
    Case {
        reader: ZHEJIANG,
        ..case(name, record, expected)
    }
}
