//! Bodies of messages that are signed as they should be.

use schemas::envelope::BODY_BYTES_MAX;
use serde_json::{Value, json};
use tests::{NATIONAL, SICHUAN, TestHub};

use super::envelopes::case;
use super::message::{Message, lookup};
use super::stage::{Case, Expected, Stage};

/// Code of every body that cannot be used.
pub(super) const BODY: Expected = Expected::Refused("BODY_MALFORMED");

/// As an honest lookup.
const ANSWERED: Expected = Expected::Recorded("answer_lookup", "OK");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_question_are_refused() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    let keys = &hub.node(SICHUAN).keys;
    let mut cases = Vec::new();
    for (name, body) in texts(hub) {
        let record = lookup(hub).body(body).signed(keys);
        cases.push(case(name, record, BODY));
    }
    for (name, pointer, value) in values() {
        let record = lookup(hub).at(pointer, value).signed(keys);
        cases.push(case(name, record, BODY));
    }
    for (name, pointer) in [
        ("no identifier", "/identifier"),
        ("no asker", "/asker"),
        ("no way of asking", "/by"),
        ("no caller", "/asker/caller"),
        ("no organisation", "/asker/organisation"),
    ] {
        cases.push(case(name, lookup(hub).missing(pointer).signed(keys), BODY));
    }
    assert!(cases.len() >= 45, "only {}", cases.len());
    stage.check(cases).await;
    stage.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_odd_but_honest_is_answered_for_what_it_says() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    let other = hub.identifier(1);
    let full = padded(&lookup(hub), BODY_BYTES_MAX);
    let mut keyed = lookup(hub);
    keyed.key = other.as_str().to_owned();
    let signed = |message: Message| message.signed(&hub.node(SICHUAN).keys);
    let cases: Vec<Case> = vec![
        case("body of exactly 1 MiB", signed(full), ANSWERED),
        // Neither the subject nor the key gives a right: the signed body is what counts.
        case(
            "subject of another licence",
            signed(lookup(hub).set("ce_subject", other.as_str())),
            ANSWERED,
        ),
        case("key of another licence", signed(keyed), ANSWERED),
        case(
            "members of a later version",
            signed(lookup(hub).at("/x_later", json!({ "y": [1] }))),
            ANSWERED,
        ),
        case(
            "headers of a later version",
            signed(lookup(hub).set("ce_later", "value")),
            ANSWERED,
        ),
        case(
            "no question to answer to",
            signed(lookup(hub).without("ce_correlation")),
            ANSWERED,
        ),
        case(
            "body of 1 MiB and a byte",
            signed(padded(&lookup(hub), BODY_BYTES_MAX + 1)),
            Expected::NotPublished("BUS_TOO_LARGE"),
        ),
    ];
    stage.check(cases).await;
    assert!(hub.leaves(NATIONAL, "answer_lookup", "OK").await >= 6);
    stage.hub.stop().await;
}

/// Bodies that are no JSON, or not the JSON of a lookup.
fn texts(hub: &TestHub) -> Vec<(&'static str, Vec<u8>)> {
    let honest = String::from_utf8(lookup(hub).body).expect("text");
    let with_start = |start: &str| format!("{start}{honest}").into_bytes();
    let in_the_name = |inside: &[u8]| {
        let (before, after) = honest.split_once("service-desk").expect("a caller");
        [before.as_bytes(), inside, after.as_bytes()].concat()
    };
    let deep = |open: &str, depth: usize| open.repeat(depth).into_bytes();
    vec![
        ("empty body", Vec::new()),
        ("blank body", b" \n".to_vec()),
        ("null", b"null".to_vec()),
        ("a number", b"7".to_vec()),
        ("a text", b"\"identifier\"".to_vec()),
        ("an empty list", b"[]".to_vec()),
        ("an empty object", b"{}".to_vec()),
        ("cut short", honest.as_bytes()[..honest.len() - 1].to_vec()),
        ("with a tail", format!("{honest}{honest}").into_bytes()),
        ("with a byte order mark", with_start("\u{feff}")),
        ("with a NUL in front", with_start("\0")),
        ("in single quotes", honest.replace('"', "'").into_bytes()),
        ("with a comment", with_start("/* */")),
        (
            "with a trailing comma",
            honest.replace("}}", ",}}").into_bytes(),
        ),
        (
            "UTF-16",
            honest.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        ("bytes of no text", in_the_name(&[0xff, 0xfe])),
        ("overlong UTF-8", in_the_name(&[0xc0, 0xaf])),
        ("surrogate in UTF-8", in_the_name(&[0xed, 0xa0, 0x80])),
        ("half a surrogate pair", in_the_name(br"\ud800")),
        ("raw line break in a text", in_the_name(b"a\nb")),
        ("unknown escape", in_the_name(br"\x41")),
        ("lists in lists", deep("[", 200_000)),
        ("objects in objects", deep("{\"by\":", 150_000)),
        ("a deep member", with_member(&honest, &deep("[", 100_000))),
        (
            "a number without end",
            with_member(&honest, &deep("9", 500_000)),
        ),
        ("a number beyond all", with_member(&honest, b"1e999999999")),
        ("not a number", with_member(&honest, b"NaN")),
        (
            "the way of asking twice",
            with_start_member(&honest, "\"by\":\"holder\""),
        ),
        (
            "the asker twice",
            with_start_member(&honest, "\"asker\":{}"),
        ),
        (
            "the identifier twice",
            with_start_member(
                &honest,
                &format!("\"identifier\":\"{}\"", hub.identifier(1)),
            ),
        ),
        ("1 MiB of nothing", vec![b'a'; BODY_BYTES_MAX]),
        ("1 MiB of zeros", vec![0; BODY_BYTES_MAX]),
    ]
}

/// Members of a lookup that are not what they should be.
fn values() -> Vec<(&'static str, &'static str, Value)> {
    let wrong_check = "1.2.156.3005.2.11990000MB999999XE001.11330105002500287C.20240001.001.0";
    vec![
        ("unknown way of asking", "/by", json!("everything")),
        ("way of asking in a list", "/by", json!(["identifier"])),
        ("identifier that is a number", "/identifier", json!(7)),
        ("empty identifier", "/identifier", json!("")),
        ("identifier that is null", "/identifier", Value::Null),
        ("wrong check character", "/identifier", json!(wrong_check)),
        ("foreign root", "/identifier", json!("1.2.3.4")),
        (
            "identifier with a path",
            "/identifier",
            json!("../../etc/passwd"),
        ),
        (
            "identifier with a NUL",
            "/identifier",
            json!("1.2.156.3005.2.\0"),
        ),
        (
            "identifier of 100 KB",
            "/identifier",
            json!("1.".repeat(50_000)),
        ),
        ("asker in a text", "/asker", json!("service-desk")),
        ("caller that is a number", "/asker/caller", json!(1)),
        (
            "caller of 500 KB",
            "/asker/caller",
            json!("c".repeat(500_000)),
        ),
        (
            "organisation of 500 KB",
            "/asker/organisation",
            json!("样".repeat(160_000)),
        ),
    ]
}

/// The same question in a body of so many bytes.
fn padded(message: &Message, bytes: usize) -> Message {
    let mut body = message.body.clone();
    body.resize(bytes, b' ');
    message.clone().body(body)
}

/// The honest body with one member more at its end.
fn with_member(honest: &str, value: &[u8]) -> Vec<u8> {
    let open = honest.strip_suffix('}').expect("an object");
    [open.as_bytes(), b",\"x_later\":", value, b"}"].concat()
}

/// The honest body with one member more at its start.
fn with_start_member(honest: &str, member: &str) -> Vec<u8> {
    let rest = honest.strip_prefix('{').expect("an object");
    format!("{{{member},{rest}").into_bytes()
}
