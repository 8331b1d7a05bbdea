//! Methods that an address does not take, and conditions that mean nothing.

use super::desk::{ALL, Case, Desk, Expected, case, plain};

const METHOD: Expected = Expected::Problem(405, "METHOD_NOT_ALLOWED");
/// The file, as without the header.
const WHOLE: Expected = Expected::Answered(200);
const NO_ROUTE: Expected = Expected::Problem(404, "NO_ROUTE");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn methods_that_an_address_does_not_take_are_refused() {
    let desk = Desk::start().await;
    let licence = desk.licence(0);
    let bearer = format!("authorization: Bearer {ALL}\r\n");
    let with = |method: &str, path: &str| plain(method, path, &bearer);
    let cases = vec![
        case("DELETE of a licence", with("DELETE", &licence), METHOD),
        case("PUT of a licence", with("PUT", &licence), METHOD),
        case("PATCH of a licence", with("PATCH", &licence), METHOD),
        case("POST of the head", with("POST", "/v1/log/head"), METHOD),
        case("GET of permits", with("GET", "/v1/permits"), METHOD),
        case(
            "GET of a status",
            with("GET", &format!("{licence}/status")),
            METHOD,
        ),
        case(
            "DELETE of a leaf",
            with("DELETE", "/v1/log/proofs/0"),
            METHOD,
        ),
        case("OPTIONS of a licence", with("OPTIONS", &licence), METHOD),
        case("TRACE of a licence", with("TRACE", &licence), METHOD),
        case("POST of readiness", with("POST", "/readyz"), METHOD),
        case("an unknown method", with("PROPFIND", &licence), METHOD),
        case("a method in lower case", with("get", &licence), METHOD),
        case(
            "an unknown method nowhere",
            with("BREW", "/coffee"),
            NO_ROUTE,
        ),
        case("OPTIONS of all", with("OPTIONS", "*"), NO_ROUTE),
        case(
            "CONNECT to elsewhere",
            with("CONNECT", "elsewhere:443"),
            NO_ROUTE,
        ),
        case(
            "another address in full",
            with("GET", "http://elsewhere/v1/nothing"),
            NO_ROUTE,
        ),
        case(
            "HEAD without a token",
            plain("HEAD", "/v1/log/head", ""),
            Expected::Problem(401, "UNAUTHENTICATED"),
        ),
        case("HEAD of nothing", with("HEAD", "/v1/nothing"), NO_ROUTE),
        case(
            "HEAD of the head",
            with("HEAD", "/v1/log/head"),
            Expected::Answered(200),
        ),
    ];
    desk.check(cases).await;
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_that_mean_nothing_are_passed_over() {
    let desk = Desk::start().await;
    let mut cases = ranges(&desk);
    cases.extend(headers(&desk));
    desk.check(cases).await;
    desk.hub.stop().await;
}

fn ranges(desk: &Desk) -> Vec<Case> {
    let with = |header: &str| file_with(desk, header);
    let outside = Expected::Problem(416, "RANGE_NOT_SATISFIABLE");
    let many = format!("range: bytes={}", "0-0,".repeat(5_000));
    vec![
        case(
            "a range beyond the end",
            with("range: bytes=99999999-"),
            outside,
        ),
        case("a range of nothing", with("range: bytes=-0"), outside),
        case(
            "a range beyond all numbers",
            with("range: bytes=99999999999999999999999-"),
            outside,
        ),
        case("a range backwards", with("range: bytes=9-1"), WHOLE),
        case("a range in words", with("range: bytes=first-last"), WHOLE),
        case("a range below zero", with("range: bytes=--5"), WHOLE),
        case("a range of lines", with("range: lines=1-2"), WHOLE),
        case("ranges without end", with(&many), WHOLE),
    ]
}

fn headers(desk: &Desk) -> Vec<Case> {
    let with = |header: &str| file_with(desk, header);
    vec![
        case("a tag without quotes", with("if-none-match: sm3"), WHOLE),
        case(
            "tags without end",
            with(&format!("if-none-match: {}", "\"a\",".repeat(5_000))),
            WHOLE,
        ),
        case(
            "a range of another file",
            with("range: bytes=0-1\r\nif-range: \"x\""),
            WHOLE,
        ),
        case(
            "a trace of zeros",
            with(&format!("traceparent: 00-{0}{0}-{0}-00", "0".repeat(16))),
            WHOLE,
        ),
        case(
            "a trace in words",
            with("traceparent: ../../etc/passwd"),
            WHOLE,
        ),
        case(
            "a trace of 20 KB",
            with(&format!("traceparent: {}", "0".repeat(20_000))),
            WHOLE,
        ),
        case(
            "a name that forges a log line",
            with("x-request-id: a\tb level=error"),
            WHOLE,
        ),
        case("an expectation of nothing", with("expect: nothing"), WHOLE),
        case(
            "an upgrade",
            with("connection: upgrade\r\nupgrade: websocket"),
            WHOLE,
        ),
        case(
            "a forwarded address",
            with("x-forwarded-for: 127.0.0.1"),
            WHOLE,
        ),
        case(
            "another method within",
            with("x-http-method-override: DELETE"),
            WHOLE,
        ),
    ]
}

/// A request for the file with one header more.
fn file_with(desk: &Desk, header: &str) -> Vec<u8> {
    let file = format!("{}/file?permit={}", desk.licence(0), desk.permit);
    let headers = format!("authorization: Bearer {ALL}\r\n{header}\r\n");
    plain("GET", &file, &headers)
}
