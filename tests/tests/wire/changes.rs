//! Changes of the directory: what is malformed, sealed wrongly or said by the wrong node.

use connectors::bus::OutgoingRecord;
use serde_json::{Value, json};
use tests::{NATIONAL, SICHUAN, TestHub, ZHEJIANG};

use super::bodies::BODY;
use super::envelopes::case;
use super::message::{Message, change, revoked, seal};
use super::stage::{Expected, Stage};

const ORIGIN: Expected = Expected::Refused("WRONG_ORIGIN");

/// Column for personal parts, in bytes.
const COLUMN_BYTES_MAX: usize = 64 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_changes_are_refused() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    let keys = &hub.node(ZHEJIANG).keys;
    let mut cases = Vec::new();
    for (name, pointer, value) in values() {
        let record = change(hub, 0, 2).at(pointer, value).signed(keys);
        cases.push(case(name, record, BODY));
    }
    for member in [
        "/entry",
        "/private",
        "/entry/identifier",
        "/entry/region",
        "/entry/status",
        "/entry/home_node",
        "/entry/revision",
        "/private/sealed",
    ] {
        let record = change(hub, 0, 2).missing(member).signed(keys);
        cases.push(case(&format!("no {member}"), record, BODY));
    }
    for (name, record) in doubled(hub) {
        cases.push(case(name, record, BODY));
    }
    assert!(cases.len() >= 30, "only {}", cases.len());
    stage.check(cases).await;
    stage.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_parts_that_belong_elsewhere_are_refused() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    let keys = &hub.node(ZHEJIANG).keys;
    let (honest, of_another) = (change(hub, 0, 2), change(hub, 1, 2));
    let entry = revoked(hub, 0, 2);
    let private = serde_json::to_vec(&entry.private).expect("JSON");
    let binding = |revision: u64| format!("hub.private.v1\n{}\n{revision}", hub.identifier(0));
    let long = json!({ "number": "9".repeat(COLUMN_BYTES_MAX), "holders": [] }).to_string();
    let with = |reader: &str, revision: u64, plain: &[u8]| {
        let sealed = seal(hub, reader, &binding(revision), plain);
        honest.clone().at("/private", json!(sealed)).signed(keys)
    };
    let swapped = part(&of_another, "/private");
    let cases = vec![
        case(
            "private part of another message",
            honest.clone().at("/private", swapped).signed(keys),
            BODY,
        ),
        case("sealed to another node", with(SICHUAN, 2, &private), BODY),
        case(
            "sealed for an earlier revision",
            with(NATIONAL, 1, &private),
            BODY,
        ),
        case(
            "sealed for a later revision",
            with(NATIONAL, 3, &private),
            BODY,
        ),
        case("sealed nothing", with(NATIONAL, 2, b""), BODY),
        case("sealed another shape", with(NATIONAL, 2, b"{}"), BODY),
        case(
            "sealed more than a column holds",
            with(NATIONAL, 2, long.as_bytes()),
            BODY,
        ),
        case(
            "sealed a holder of unknown kind",
            with(
                NATIONAL,
                2,
                br#"{"number":"1","holders":[{"name":"n","code":"c","code_type":"000"}]}"#,
            ),
            BODY,
        ),
        case(
            "sealed a holder whose code is a number",
            with(
                NATIONAL,
                2,
                br#"{"number":"1","holders":[{"name":"n","code":1,"code_type":"999"}]}"#,
            ),
            BODY,
        ),
    ];
    stage.check(cases).await;
    stage.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_speaks_for_the_licences_of_others() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    let honest = change(hub, 0, 2);
    let said_by = |node: &str| {
        let message = honest.clone().set("ce_source", format!("/nodes/{node}"));
        message.signed(&hub.node(node).keys)
    };
    let home = |name: &str, home: &str| {
        let message = honest.clone().at("/entry/home_node", json!(home));
        case(name, message.signed(&hub.node(ZHEJIANG).keys), ORIGIN)
    };
    let cases = vec![
        case("another province", said_by(SICHUAN), ORIGIN),
        case("the national node itself", said_by(NATIONAL), ORIGIN),
        home("home of another province", SICHUAN),
        home("home of the nation", NATIONAL),
        home("home of nobody", ""),
        home("home of an unknown node", "nowhere"),
        home("home in upper case", "Zhejiang"),
        home("home with a blank", "zhejiang "),
        home("home of 100 KB", &"z".repeat(100_000)),
    ];
    stage.check(cases).await;
    stage.hub.stop().await;
}

fn values() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("revision 0", "/entry/revision", json!(0)),
        (
            "revision beyond the store",
            "/entry/revision",
            json!(1_u64 << 63),
        ),
        ("greatest revision", "/entry/revision", json!(u64::MAX)),
        ("revision below zero", "/entry/revision", json!(-1)),
        ("revision with a fraction", "/entry/revision", json!(2.5)),
        ("revision in a text", "/entry/revision", json!("2")),
        (
            "revision beyond all numbers",
            "/entry/revision",
            json!(1e300),
        ),
        (
            "wrong check character",
            "/entry/identifier",
            json!("1.2.156.3005.2.11990000MB999999XE001.11330105002500287C.20240001.001.0"),
        ),
        (
            "identifier of another kind",
            "/entry/identifier",
            json!("urn:oid:1.2"),
        ),
        (
            "identifier in lower case",
            "/entry/identifier",
            json!("1.2.156.3005.2.a.b.c.001.X"),
        ),
        ("malformed type", "/entry/type_code", json!("001")),
        ("region of no province", "/entry/region", json!("990000")),
        ("region of five digits", "/entry/region", json!("33010")),
        ("unknown status", "/entry/status", json!("42")),
        ("status in words", "/entry/status", json!("有效")),
        (
            "thirtieth of February",
            "/entry/issued_on",
            json!("2026-02-30"),
        ),
        ("day in words", "/entry/issued_on", json!("昨天")),
        ("term in words", "/entry/valid_until", json!("forever")),
        (
            "digest in upper case",
            "/entry/file/sm3",
            json!("AB".repeat(32)),
        ),
        (
            "digest of 63 digits",
            "/entry/file/sm3",
            json!("a".repeat(63)),
        ),
        ("size below zero", "/entry/file/size_bytes", json!(-1)),
        ("unknown kind of file", "/entry/file/kind", json!("docx")),
        ("related to nothing", "/entry/related", json!("")),
        ("name in a list", "/entry/licence_name", json!(["名"])),
        (
            "private part in clear",
            "/private",
            json!({ "number": "1", "holders": [] }),
        ),
        ("private part as text", "/private", json!("c2VhbGVk")),
        ("entry in a text", "/entry", json!("{}")),
    ]
}

/// The honest change with one member twice.
fn doubled(hub: &TestHub) -> Vec<(&'static str, OutgoingRecord)> {
    let keys = &hub.node(ZHEJIANG).keys;
    let honest = String::from_utf8(change(hub, 0, 2).body).expect("text");
    let twice = |member: &str, first: &str| {
        let at = format!("\"{member}\":");
        let body = honest.replacen(&at, &format!("{at}{first},{at}"), 1);
        change(hub, 0, 2).body(body).signed(keys)
    };
    vec![
        ("two entries", twice("entry", "{}")),
        ("two home nodes", twice("home_node", "\"sichuan\"")),
        ("two revisions", twice("revision", "9")),
        ("two identifiers", twice("identifier", "\"\"")),
    ]
}

fn part(message: &Message, pointer: &str) -> Value {
    let body: Value = serde_json::from_slice(&message.body).expect("JSON");
    body.pointer(pointer).expect("a part").clone()
}
