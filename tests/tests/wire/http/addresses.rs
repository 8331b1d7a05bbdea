//! Addresses and their parameters: paths that lead elsewhere, encodings, numbers out of range.

use super::desk::{ALL, Case, Desk, Expected, OTHER, case, get};

const BAD_REQUEST: Expected = Expected::Problem(400, "BAD_REQUEST");
const NO_ROUTE: Expected = Expected::Problem(404, "NO_ROUTE");
const NOT_FOUND: Expected = Expected::Problem(404, "NOT_FOUND");
const ROOT: Expected = Expected::Problem(400, "ID_ROOT");
const CHECK: Expected = Expected::Problem(400, "ID_CHECK");
const UNKNOWN: Expected = Expected::Problem(403, "PERMIT_UNKNOWN");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_that_lead_nowhere_are_refused() {
    let desk = Desk::start().await;
    let licence = desk.licence(0);
    let mut cases = Vec::new();
    for (path, expected) in PATHS {
        cases.push(case(path, get(path, ALL), *expected));
    }
    let (rest, _) = licence.split_at(licence.len() - 1);
    for (name, path, expected) in [
        ("a wrong check character", format!("{rest}_"), CHECK),
        ("a line break after it", format!("{licence}%0a"), CHECK),
        ("a blank after it", format!("{licence}%20"), CHECK),
        ("a NUL after it", format!("{licence}%00"), CHECK),
        (
            "a check too many",
            format!("{licence}.X"),
            Expected::Problem(400, "ID_SEGMENTS"),
        ),
        (
            "a licence of 9 KB",
            format!("{licence}{}", "1".repeat(9_000)),
            Expected::Problem(400, "ID_SEGMENTS"),
        ),
        (
            "a licence in lower case",
            licence.to_lowercase(),
            Expected::Problem(400, "ID_TYPE_AUTH_USCC"),
        ),
        ("a slash after it", format!("{licence}/"), NO_ROUTE),
        (
            "something else of it",
            format!("{licence}/holder"),
            NO_ROUTE,
        ),
        (
            "a dot segment",
            format!("{licence}/../../log/head"),
            NO_ROUTE,
        ),
    ] {
        cases.push(case(name, get(&path, ALL), expected));
    }
    assert!(cases.len() >= 35, "only {}", cases.len());
    desk.check(cases).await;
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_out_of_range_are_refused() {
    let desk = Desk::start().await;
    let cases = QUERIES.iter().map(|query| {
        let request = get(&query.replace("LICENCE", &desk.licence(0)), ALL);
        case(query, request, BAD_REQUEST)
    });
    let mut cases: Vec<Case> = cases.collect();
    for path in [
        "/v1/receipts?after=9223372036854775807",
        "/v1/receipts?after=-9223372036854775808&limit=200",
        "/v1/rejections?after=-1",
    ] {
        cases.push(case(path, get(path, ALL), Expected::Answered(200)));
    }
    let far = format!("{}/trail?from={}", desk.licence(0), u64::MAX);
    let last = format!("{}/trail?from={}", desk.licence(0), i64::MAX);
    cases.push(case(
        "a trail from the end",
        get(&last, ALL),
        Expected::Answered(200),
    ));
    cases.push(case("a trail from beyond", get(&far, ALL), BAD_REQUEST));
    desk.check(cases).await;
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permits_that_are_none_get_no_file() {
    let desk = Desk::start().await;
    let mut cases = odd_names(&desk);
    cases.extend(permits_of_others(&desk));
    desk.check(cases).await;
    desk.hub.stop().await;
}

/// Names that no permit has.
fn odd_names(desk: &Desk) -> Vec<Case> {
    let under = |permit: &str| under(desk, permit);
    let cut = &desk.permit[..desk.permit.len() - 1];
    vec![
        case(
            "no permit",
            get(&under("").replace("?permit=", ""), ALL),
            BAD_REQUEST,
        ),
        case("an empty permit", get(&under(""), ALL), UNKNOWN),
        case(
            "a permit of nobody",
            get(&under(&"0".repeat(36)), ALL),
            UNKNOWN,
        ),
        case("a permit cut short", get(&under(cut), ALL), UNKNOWN),
        case(
            "a permit in upper case",
            get(&under(&desk.permit.to_uppercase()), ALL),
            UNKNOWN,
        ),
        case(
            "a permit with a NUL",
            get(&under(&format!("{}%00", desk.permit)), ALL),
            UNKNOWN,
        ),
        case(
            "a permit with a blank",
            get(&under(&format!("{}%20", desk.permit)), ALL),
            UNKNOWN,
        ),
        case("a permit of bytes", get(&under("%FF%FE"), ALL), UNKNOWN),
        case(
            "a permit in SQL",
            get(&under("%27%20or%201=1--"), ALL),
            UNKNOWN,
        ),
        case(
            "a permit of 20 KB",
            get(&under(&"0".repeat(20_000)), ALL),
            UNKNOWN,
        ),
    ]
}

/// Permits that are for somebody or something else, and the right one.
fn permits_of_others(desk: &Desk) -> Vec<Case> {
    let under = |permit: &str| under(desk, permit);
    let of_another = format!("{}/file?permit={}", desk.licence(1), desk.permit);
    let expired = Expected::Problem(403, "PERMIT_EXPIRED");
    let twice = under(&format!("{0}&permit={0}", desk.permit));
    vec![
        case("two permits", get(&twice, ALL), BAD_REQUEST),
        case(
            "a permit and more",
            get(&under(&format!("{}&x=1", desk.permit)), ALL),
            BAD_REQUEST,
        ),
        case(
            "a permit of another caller",
            get(&under(&desk.permit), OTHER),
            UNKNOWN,
        ),
        case(
            "a permit for another licence",
            get(&of_another, ALL),
            UNKNOWN,
        ),
        case(
            "an expired permit",
            get(&under(&desk.expired), ALL),
            expired,
        ),
        case(
            "the permit",
            get(&under(&desk.permit), ALL),
            Expected::Answered(200),
        ),
    ]
}

fn under(desk: &Desk, permit: &str) -> String {
    format!("{}/file?permit={permit}", desk.licence(0))
}

const PATHS: &[(&str, Expected)] = &[
    ("/", NO_ROUTE),
    ("/v1", NO_ROUTE),
    ("/v2/log/head", NO_ROUTE),
    ("//v1/log/head", NO_ROUTE),
    ("/v1//log/head", NO_ROUTE),
    ("/v1/log/head/", NO_ROUTE),
    ("/v1/../v1/log/head", NO_ROUTE),
    ("/V1/LOG/HEAD", NO_ROUTE),
    ("/v1/log%2fhead", NO_ROUTE),
    ("/../../etc/passwd", NO_ROUTE),
    ("/v1/licences/", NO_ROUTE),
    ("/v1/licences/..%2f..%2fetc%2fpasswd", ROOT),
    ("/v1/licences/%2e%2e", ROOT),
    ("/v1/licences/..", ROOT),
    ("/v1/licences/%00", ROOT),
    ("/v1/licences/%FF", BAD_REQUEST),
    ("/v1/licences/%C0%AF", BAD_REQUEST),
    ("/v1/licences/%ED%A0%80/trail", BAD_REQUEST),
    ("/v1/licences/%F4%90%80%80/file?permit=1", BAD_REQUEST),
    ("/v1/licences/%zz", ROOT),
    ("/v1/licences/%", ROOT),
    ("/v1/licences/%2531", ROOT),
    ("/v1/licences/%E7%94%B5%E5%AD%90%E8%AF%81%E7%85%A7", ROOT),
    ("/v1/licences/%EF%BC%91.2.156.3005.2", ROOT),
    (
        "/v1/licences/search",
        Expected::Problem(405, "METHOD_NOT_ALLOWED"),
    ),
    ("/v1/log/proofs/%FF", BAD_REQUEST),
    ("/v1/log/proofs/%C0%B1", BAD_REQUEST),
    ("/v1/log/proofs/-1", BAD_REQUEST),
    ("/v1/log/proofs/+1", BAD_REQUEST),
    ("/v1/log/proofs/1.5", BAD_REQUEST),
    ("/v1/log/proofs/0x1", BAD_REQUEST),
    ("/v1/log/proofs/one", BAD_REQUEST),
    ("/v1/log/proofs/%EF%BC%91", BAD_REQUEST),
    ("/v1/log/proofs/18446744073709551616", BAD_REQUEST),
    ("/v1/log/proofs/18446744073709551615", NOT_FOUND),
    ("/v1/log/proofs/9223372036854775808", NOT_FOUND),
    ("/v1/log/proofs/1000000", NOT_FOUND),
    ("/v1/log/proofs/", NO_ROUTE),
    ("/v1/log/proofs/1/2", NO_ROUTE),
];

const QUERIES: &[&str] = &[
    "/v1/receipts?limit=0",
    "/v1/receipts?limit=201",
    "/v1/receipts?limit=-1",
    "/v1/receipts?limit=many",
    "/v1/receipts?limit=",
    "/v1/receipts?limit=1e2",
    "/v1/receipts?limit=4294967297",
    "/v1/receipts?limit=%FF",
    "/v1/receipts?limit=1%00",
    "/v1/receipts?limit=1&limit=2",
    "/v1/receipts?limit[]=1",
    "/v1/receipts?unknown=1",
    "/v1/receipts?limit=1&UNKNOWN",
    "/v1/receipts?after=one",
    "/v1/receipts?after=1.5",
    "/v1/receipts?after=9223372036854775808",
    "/v1/receipts?after=1;drop%20table%20receipt",
    "/v1/rejections?limit=0",
    "/v1/rejections?after=",
    "LICENCE/trail?from=-1",
    "LICENCE/trail?from=18446744073709551616",
    "LICENCE/trail?from=0&from=1",
    "LICENCE/trail?until=1",
];
