//! Well-formed requests that ask for what cannot be.

use schemas::identifier::Identifier;
use serde_json::{Value, json};

use super::desk::{ALL, Case, Desk, Expected, JSON, USED_KEY, case, plain, post};

const BAD_REQUEST: Expected = Expected::Problem(400, "BAD_REQUEST");
const NOT_FOUND: Expected = Expected::Problem(404, "NOT_FOUND");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn purposes_and_searches_that_cannot_be_are_refused() {
    let desk = Desk::start().await;
    let mut cases = Vec::new();
    for (name, pointer, value, expected) in purposes() {
        let mut wanted = desk.wanted();
        *wanted.pointer_mut(pointer).expect("a place") = value;
        let request = post("/v1/permits", ALL, JSON, wanted.to_string().as_bytes());
        cases.push(case(name, request, expected));
    }
    for (name, body, expected) in [
        ("an empty holder", json!({ "holder_code": "" }), BAD_REQUEST),
        (
            "a blank holder",
            json!({ "holder_code": " \t" }),
            BAD_REQUEST,
        ),
        (
            "a holder of 65",
            json!({ "holder_code": "9".repeat(65) }),
            BAD_REQUEST,
        ),
        (
            "a holder that is a number",
            json!({ "holder_code": 1 }),
            BAD_REQUEST,
        ),
        (
            "a holder in a list",
            json!({ "holder_code": ["1", "2"] }),
            BAD_REQUEST,
        ),
        ("no holder", json!({}), BAD_REQUEST),
        (
            "an unknown type",
            json!({ "holder_code": "1", "licence_type": "001" }),
            BAD_REQUEST,
        ),
        (
            "an empty type",
            json!({ "holder_code": "1", "licence_type": "" }),
            BAD_REQUEST,
        ),
        (
            "more than a search",
            json!({ "holder_code": "1", "name": "样例" }),
            BAD_REQUEST,
        ),
    ] {
        let request = post(
            "/v1/licences/search",
            ALL,
            JSON,
            body.to_string().as_bytes(),
        );
        cases.push(case(name, request, expected));
    }
    desk.check(cases).await;
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_status_that_cannot_be_are_refused() {
    let desk = Desk::start().await;
    let mut cases = Vec::new();
    for (name, body) in [
        ("an unknown status", json!({ "status": "42" })),
        ("a status in words", json!({ "status": "吊销" })),
        ("a status that is a number", json!({ "status": 7 })),
        ("a status of one digit", json!({ "status": "7" })),
        ("no status", json!({})),
        (
            "more than a status",
            json!({ "status": "07", "reason": "x" }),
        ),
    ] {
        cases.push(change(
            &desk,
            name,
            "idempotency-key: k\r\n",
            &body,
            BAD_REQUEST,
        ));
    }
    let revoke = json!({ "status": "07" });
    let long = format!("idempotency-key: {}\r\n", "k".repeat(129));
    for (name, keys) in [
        ("no key", ""),
        ("an empty key", "idempotency-key: \r\n"),
        ("a key of 129", &long),
        ("a key in Chinese", "idempotency-key: 钥\r\n"),
        ("two keys", "idempotency-key: a\r\nidempotency-key: b\r\n"),
        (
            "the same key twice",
            "idempotency-key: a\r\nidempotency-key: a\r\n",
        ),
    ] {
        cases.push(change(&desk, name, keys, &revoke, BAD_REQUEST));
    }
    let reused = Expected::Problem(422, "IDEMPOTENCY_KEY_REUSED");
    let used = format!("idempotency-key: {USED_KEY}\r\n");
    cases.push(change(
        &desk,
        "a key of another change",
        &used,
        &revoke,
        reused,
    ));
    let known = desk.hub.identifier(0);
    let unknown = Identifier::build(known.type_code(), known.issuer_code(), "1", 1);
    let unknown = format!("/v1/licences/{}/status", unknown.expect("an identifier"));
    let headers = format!("{JSON}idempotency-key: k\r\n");
    let nowhere = post(&unknown, ALL, &headers, revoke.to_string().as_bytes());
    cases.push(case("a licence of nobody", nowhere, NOT_FOUND));
    desk.check(cases).await;
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_too_large_are_refused_before_they_are_sent() {
    let desk = Desk::start().await;
    let large = Expected::Problem(413, "TOO_LARGE");
    let announced = |bytes: &str, more: &str| {
        let headers = format!("authorization: Bearer {ALL}\r\ncontent-length: {bytes}\r\n{more}");
        plain("POST", "/v1/verifications", &headers)
    };
    let expect = "expect: 100-continue\r\n";
    let most = 200_000_000;
    let most_ofd = 64 * 1024 * 1024;
    let begun = |bytes: usize, head: &[u8]| {
        let request = announced(&format!("{bytes}"), "");
        [request.as_slice(), head].concat()
    };
    let cases = vec![
        case(
            "200 MB and a byte",
            announced(&format!("{}", most + 1), ""),
            large,
        ),
        case(
            "as much as can be said",
            announced("18446744073709551613", ""),
            large,
        ),
        case(
            "200 MB and a byte, asked first",
            announced(&format!("{}", most + 1), expect),
            large,
        ),
        case(
            "an OFD of 64 MiB and a byte",
            begun(most_ofd + 1, b"PK\x03\x04"),
            large,
        ),
        case(
            "what is neither, of 64 MiB and a byte",
            begun(most_ofd + 1, &[0; 1_024]),
            large,
        ),
        case(
            "a file of no kind",
            post("/v1/verifications", ALL, "", b"x"),
            Expected::Answered(200),
        ),
        case(
            "an empty file",
            post("/v1/verifications", ALL, "", b""),
            BAD_REQUEST,
        ),
    ];
    desk.check(cases).await;
    desk.hub.stop().await;
}

fn change(desk: &Desk, name: &str, keys: &str, body: &Value, expected: Expected) -> Case {
    let path = format!("{}/status", desk.licence(0));
    let body = body.to_string();
    let request = post(&path, ALL, &format!("{JSON}{keys}"), body.as_bytes());
    case(name, request, expected)
}

fn purposes() -> Vec<(&'static str, &'static str, Value, Expected)> {
    let root = Expected::Problem(400, "ID_ROOT");
    let long = || json!("因".repeat(201));
    vec![
        ("no licence", "/identifier", json!(""), root),
        (
            "a licence of another kind",
            "/identifier",
            json!("urn:uuid:1"),
            root,
        ),
        ("a licence with a NUL", "/identifier", json!("\u{0}"), root),
        ("no matter", "/purpose/matter_code", json!(""), BAD_REQUEST),
        (
            "a blank matter",
            "/purpose/matter_name",
            json!("\u{3000}"),
            BAD_REQUEST,
        ),
        ("no system", "/purpose/system_name", json!(""), BAD_REQUEST),
        ("no cause", "/purpose/cause", json!(" "), BAD_REQUEST),
        (
            "too long a matter",
            "/purpose/matter_code",
            long(),
            BAD_REQUEST,
        ),
        (
            "too long a name of a matter",
            "/purpose/matter_name",
            long(),
            BAD_REQUEST,
        ),
        (
            "too long a system",
            "/purpose/system_name",
            long(),
            BAD_REQUEST,
        ),
        ("too long a cause", "/purpose/cause", long(), BAD_REQUEST),
    ]
}
