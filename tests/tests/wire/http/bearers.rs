//! Who calls: tokens that are none, and callers without the right.

use super::desk::{ALL, Case, Desk, Expected, GUEST, JSON, OTHER, case, get, plain, post};

const UNAUTHENTICATED: Expected = Expected::Problem(401, "UNAUTHENTICATED");
const FORBIDDEN: Expected = Expected::Problem(403, "FORBIDDEN");

/// Readable by every caller.
const HEAD: &str = "/v1/log/head";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_known_token_calls() {
    let desk = Desk::start().await;
    let mut cases = odd_tokens();
    cases.extend(misplaced_tokens(&desk));
    desk.check(cases).await;
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_without_the_right_gets_nothing() {
    let desk = Desk::start().await;
    let licence = desk.licence(0);
    let file = format!("{licence}/file?permit={}", desk.permit);
    let (trail, status) = (format!("{licence}/trail"), format!("{licence}/status"));
    let wanted = desk.wanted().to_string();
    let keyed = format!("{JSON}idempotency-key: k\r\n");
    let search = b"{\"holder_code\":\"1\"}";
    let cases = vec![
        case("a file", get(&file, GUEST), FORBIDDEN),
        case("a trail", get(&trail, GUEST), FORBIDDEN),
        case("a trail by who may use", get(&trail, OTHER), FORBIDDEN),
        case("a proof", get("/v1/log/proofs/0", GUEST), FORBIDDEN),
        case(
            "a proof of no index",
            get("/v1/log/proofs/-", GUEST),
            FORBIDDEN,
        ),
        case("receipts", get("/v1/receipts", GUEST), FORBIDDEN),
        case(
            "receipts by who may use",
            get("/v1/receipts", OTHER),
            FORBIDDEN,
        ),
        case("rejections", get("/v1/rejections", GUEST), FORBIDDEN),
        case(
            "a permit",
            post("/v1/permits", GUEST, JSON, wanted.as_bytes()),
            FORBIDDEN,
        ),
        case(
            "a search",
            post("/v1/licences/search", GUEST, JSON, search),
            FORBIDDEN,
        ),
        case(
            "a search by who may use",
            post("/v1/licences/search", OTHER, JSON, search),
            FORBIDDEN,
        ),
        case(
            "a status",
            post(&status, GUEST, &keyed, b"{\"status\":\"07\"}"),
            FORBIDDEN,
        ),
        case(
            "a status by who may use",
            post(&status, OTHER, &keyed, b"{\"status\":\"07\"}"),
            FORBIDDEN,
        ),
        case(
            "a verification",
            post("/v1/verifications", GUEST, "", b"file"),
            FORBIDDEN,
        ),
        case(
            "a verification without its body",
            plain(
                "POST",
                "/v1/verifications",
                &format!("authorization: Bearer {GUEST}\r\ncontent-length: 60000000\r\n"),
            ),
            FORBIDDEN,
        ),
    ];
    desk.check(cases).await;
    desk.hub.stop().await;
}

/// Values of the header that are no token of a caller.
fn odd_tokens() -> Vec<Case> {
    let digest = hex::encode(certs::digest::sm3(ALL.as_bytes()));
    let long = "t".repeat(513);
    let bytes = [
        b"GET /v1/log/head HTTP/1.1\r\nconnection: close\r\nauthorization: Bearer ",
        &[0xe4, 0xb8, 0xad][..],
        b"\r\n\r\n",
    ]
    .concat();
    vec![
        case("no token", plain("GET", HEAD, ""), UNAUTHENTICATED),
        case("an empty header", with(""), UNAUTHENTICATED),
        case("a scheme alone", with("Bearer"), UNAUTHENTICATED),
        case("an empty token", with("Bearer  "), UNAUTHENTICATED),
        case("a token alone", with(ALL), UNAUTHENTICATED),
        case(
            "another scheme",
            with(&format!("Basic {ALL}")),
            UNAUTHENTICATED,
        ),
        case("a token of nobody", with("Bearer nobody"), UNAUTHENTICATED),
        case(
            "a token and more",
            with(&format!("Bearer {ALL}x")),
            UNAUTHENTICATED,
        ),
        case(
            "a token cut short",
            with(&format!("Bearer {}", &ALL[1..])),
            UNAUTHENTICATED,
        ),
        case(
            "in upper case",
            with(&format!("Bearer {}", ALL.to_uppercase())),
            UNAUTHENTICATED,
        ),
        case(
            "its digest",
            with(&format!("Bearer {digest}")),
            UNAUTHENTICATED,
        ),
        case(
            "a token of 513 bytes",
            with(&format!("Bearer {long}")),
            UNAUTHENTICATED,
        ),
        case("a token in Chinese", bytes, UNAUTHENTICATED),
    ]
}

/// Several tokens, and tokens where none is looked for.
fn misplaced_tokens(desk: &Desk) -> Vec<Case> {
    let two = |first: &str, second: &str| {
        with(&format!("Bearer {first}\r\nauthorization: Bearer {second}"))
    };
    let body = desk.wanted().to_string();
    vec![
        case(
            "a list of tokens",
            with(&format!("Bearer {ALL}, {GUEST}")),
            UNAUTHENTICATED,
        ),
        case(
            "two tokens, the first known",
            two(ALL, "nobody"),
            UNAUTHENTICATED,
        ),
        case(
            "two tokens, the last known",
            two("nobody", ALL),
            UNAUTHENTICATED,
        ),
        case("the same token twice", two(ALL, ALL), UNAUTHENTICATED),
        case(
            "a token in the address",
            plain("GET", &format!("{HEAD}?access_token={ALL}"), ""),
            UNAUTHENTICATED,
        ),
        case(
            "a token in a cookie",
            plain(
                "GET",
                HEAD,
                &format!("cookie: authorization=Bearer {ALL}\r\n"),
            ),
            UNAUTHENTICATED,
        ),
        case(
            "a permit by nobody",
            post("/v1/permits", "nobody", JSON, body.as_bytes()),
            UNAUTHENTICATED,
        ),
        case(
            "a body by nobody",
            post("/v1/verifications", "nobody", "", &[0; 100_000]),
            UNAUTHENTICATED,
        ),
    ]
}

/// A request for the head of the log with this value of the header.
fn with(value: &str) -> Vec<u8> {
    plain("GET", HEAD, &format!("authorization: {value}\r\n"))
}
