//! Bodies of requests: of another kind, too large, malformed.

use serde_json::{Value, json};

use super::desk::{ALL, Desk, Expected, JSON, case, post};

const BODY: Expected = Expected::Problem(400, "BAD_REQUEST");
const KIND: Expected = Expected::Problem(415, "UNSUPPORTED_MEDIA_TYPE");
const LARGE: Expected = Expected::Problem(413, "TOO_LARGE");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_json_are_refused() {
    let desk = Desk::start().await;
    let wanted = desk.wanted().to_string();
    let with = |headers: &str, body: &[u8]| post("/v1/permits", ALL, headers, body);
    let mut cases: Vec<_> = KINDS
        .iter()
        .map(|kind| case(kind, with(&format!("{kind}\r\n"), wanted.as_bytes()), KIND))
        .collect();
    cases.push(case("no kind", with("", wanted.as_bytes()), KIND));
    for (name, body) in texts(&wanted) {
        cases.push(case(name, with(JSON, &body), BODY));
    }
    let at_most = [
        wanted.as_bytes(),
        &vec![b' '; 64 * 1024 - wanted.len() - 1],
        b"x",
    ]
    .concat();
    cases.push(case("64 KiB with a tail", with(JSON, &at_most), BODY));
    let larger = [wanted.as_bytes(), &vec![b' '; 64 * 1024 + 1 - wanted.len()]].concat();
    cases.push(case("64 KiB and a byte", with(JSON, &larger), LARGE));
    cases.push(case(
        "a packed body",
        with(
            &format!("{JSON}content-encoding: gzip\r\n"),
            &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3],
        ),
        BODY,
    ));
    assert!(cases.len() >= 35, "only {}", cases.len());
    desk.check(cases).await;
    desk.hub.stop().await;
}

const KINDS: &[&str] = &[
    "content-type: text/plain",
    "content-type: application/x-www-form-urlencoded",
    "content-type: multipart/form-data; boundary=x",
    "content-type: application/json5",
    "content-type: application/problem+json",
    "content-type: text/json",
    "content-type: ",
    "content-type: ;",
    "content-type: application/json, text/plain",
    "content-type: application / json",
];

/// Bodies that are no question for a permit.
fn texts(wanted: &str) -> Vec<(&'static str, Vec<u8>)> {
    let replaced = |pointer: &str, value: Value| {
        let mut body: Value = serde_json::from_str(wanted).expect("JSON");
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        body.pointer_mut(parent).expect("a place")[name] = value;
        body.to_string().into_bytes()
    };
    let doubled = wanted
        .replacen('{', "{\"identifier\":\"x\",", 1)
        .into_bytes();
    let inside = |bytes: &[u8]| {
        let (before, after) = wanted.split_once("办理").expect("a cause");
        [before.as_bytes(), bytes, after.as_bytes()].concat()
    };
    vec![
        ("nothing", Vec::new()),
        ("blanks", b"  \r\n".to_vec()),
        ("null", b"null".to_vec()),
        ("a number", b"1".to_vec()),
        ("an empty list", b"[]".to_vec()),
        ("an empty object", b"{}".to_vec()),
        ("cut short", wanted.as_bytes()[..wanted.len() - 1].to_vec()),
        ("with a tail", format!("{wanted}{wanted}").into_bytes()),
        (
            "with a byte order mark",
            format!("\u{feff}{wanted}").into_bytes(),
        ),
        (
            "UTF-16",
            wanted.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        ),
        ("GB 18030", inside(&[0xb0, 0xec, 0xc0, 0xed])),
        ("overlong UTF-8", inside(&[0xc0, 0xaf])),
        ("half a surrogate pair", inside(br"\ud83d")),
        ("raw line break", inside(b"\n")),
        ("lists in lists", b"[".repeat(60_000)),
        ("objects in objects", b"{\"purpose\":".repeat(5_000)),
        ("a number without end", b"9".repeat(60_000)),
        ("a form", b"identifier=1&purpose=2".to_vec()),
        (
            "XML",
            b"<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY y \"z\">]><x>&y;</x>".to_vec(),
        ),
        ("the identifier twice", doubled),
        ("a member too many", replaced("/x_later", json!(1))),
        (
            "a member too many inside",
            replaced("/purpose/x_later", json!(1)),
        ),
        (
            "an identifier that is a number",
            replaced("/identifier", json!(1)),
        ),
        (
            "an identifier that is null",
            replaced("/identifier", Value::Null),
        ),
        ("a purpose in a text", replaced("/purpose", json!("办理"))),
        (
            "an unknown category",
            replaced("/purpose/call_category", json!("2")),
        ),
        (
            "a category that is a number",
            replaced("/purpose/call_category", json!(0)),
        ),
        (
            "a cause in a list",
            replaced("/purpose/cause", json!(["办理"])),
        ),
    ]
}
