//! Bytes that are no request, or a request that could be read in two ways.

use super::desk::{ALL, Case, Desk, Expected, JSON, case};

const BODY: Expected = Expected::Problem(400, "BAD_REQUEST");

/// Said by the connection before any route is known: without a body, as there is nobody to talk
/// HTTP to.
const NO_HTTP: Expected = Expected::Bare(400);
/// A head that is too large, likewise.
const TOO_LARGE: Expected = Expected::Bare(431);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_request_are_refused_before_they_are_routed() {
    let desk = Desk::start().await;
    let cases: Vec<Case> = [first_lines(), headers()]
        .concat()
        .into_iter()
        .map(|(name, bytes, expected)| case(name, bytes, expected))
        .collect();
    assert!(cases.len() >= 25, "only {}", cases.len());
    desk.check(cases).await;
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_framed_wrongly_are_refused() {
    let desk = Desk::start().await;
    let head = format!(
        "POST /v1/permits HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\
         authorization: Bearer {ALL}\r\n{JSON}"
    );
    let mut cases = Vec::new();
    for (name, rest, expected) in frames() {
        cases.push(case(name, [head.as_bytes(), &rest].concat(), expected));
    }
    // The sender ends before its body does.
    for (name, rest) in [
        (
            "a body that ends early",
            "content-length: 100\r\n\r\n{\"identifier\"",
        ),
        (
            "chunks that end early",
            "transfer-encoding: chunked\r\n\r\n5\r\n{\"ide",
        ),
        (
            "chunks without an end",
            "transfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
        ),
    ] {
        cases.push(Case {
            ends: true,
            ..case(name, format!("{head}{rest}"), BODY)
        });
    }
    desk.check(cases).await;
    desk.hub.stop().await;
}

/// First lines that are none, and what other programs say first.
fn first_lines() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let line = |line: &str| format!("{line}\r\nconnection: close\r\n\r\n").into_bytes();
    let long_path = format!("GET /{} HTTP/1.1", "a".repeat(70_000));
    vec![
        ("bytes of nothing", vec![0; 64], NO_HTTP),
        ("bytes of no text", vec![0xff; 64], NO_HTTP),
        (
            "a greeting of TLS",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            NO_HTTP,
        ),
        (
            "a greeting of HTTP/2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            Expected::Closed,
        ),
        (
            "a greeting of SSH",
            b"SSH-2.0-OpenSSH_9.0\r\n\r\n".to_vec(),
            NO_HTTP,
        ),
        (
            "a question to Redis",
            b"*1\r\n$4\r\nPING\r\n\r\n".to_vec(),
            NO_HTTP,
        ),
        ("a method alone", line("GET"), NO_HTTP),
        ("no version", line("GET /healthz"), NO_HTTP),
        ("version 0.9", line("GET /healthz HTTP/0.9"), NO_HTTP),
        ("version 3", line("GET /healthz HTTP/3.0"), NO_HTTP),
        (
            "version in lower case",
            line("GET /healthz http/1.1"),
            NO_HTTP,
        ),
        (
            "a blank in the address",
            line("GET /health z HTTP/1.1"),
            NO_HTTP,
        ),
        ("a NUL in the address", line("GET /\0 HTTP/1.1"), NO_HTTP),
        ("two blanks", line("GET  /healthz HTTP/1.1"), NO_HTTP),
        ("no address", line("GET  HTTP/1.1"), NO_HTTP),
        (
            "an address without a slash",
            line("GET healthz HTTP/1.1"),
            Expected::Problem(404, "NO_ROUTE"),
        ),
        (
            "a method with a NUL",
            line("G\0T /healthz HTTP/1.1"),
            NO_HTTP,
        ),
        ("an address of 70 KB", line(&long_path), TOO_LARGE),
    ]
}

/// Headers with a fault, in requests for what every caller may read.
fn headers() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let with = |header: &str| {
        let start = "GET /v1/log/head HTTP/1.1\r\nconnection: close\r\n";
        format!("{start}authorization: Bearer {ALL}\r\n{header}\r\n\r\n").into_bytes()
    };
    let many: String = (0..200)
        .map(|number| format!("x-{number}: 1\r\n"))
        .collect();
    vec![
        ("a header without a colon", with("header"), NO_HTTP),
        ("a header without a name", with(": value"), NO_HTTP),
        (
            "a blank before the colon",
            with("x-header : value"),
            NO_HTTP,
        ),
        ("a folded header", with("x-header: a\r\n b"), NO_HTTP),
        ("a NUL in a value", with("x-header: a\0b"), NO_HTTP),
        ("a return in a value", with("x-header: a\rb"), NO_HTTP),
        ("a name in Chinese", with("名: value"), NO_HTTP),
        ("a length in words", with("content-length: ten"), NO_HTTP),
        ("a length below zero", with("content-length: -1"), NO_HTTP),
        ("a length with a sign", with("content-length: +1"), NO_HTTP),
        (
            "a length with a fraction",
            with("content-length: 1.0"),
            NO_HTTP,
        ),
        ("a length in hex", with("content-length: 0x1"), NO_HTTP),
        (
            "a length beyond all",
            with("content-length: 99999999999999999999999"),
            NO_HTTP,
        ),
        (
            "two lengths",
            with("content-length: 1\r\ncontent-length: 2"),
            NO_HTTP,
        ),
        ("two lengths in one", with("content-length: 1, 2"), NO_HTTP),
        (
            "an unknown coding",
            with("transfer-encoding: gzip"),
            NO_HTTP,
        ),
        (
            "a coding after the chunks",
            with("transfer-encoding: chunked, gzip"),
            NO_HTTP,
        ),
        (
            "a header of 64 KiB",
            with(&format!("x-header: {}", "a".repeat(65_536))),
            TOO_LARGE,
        ),
        ("200 headers", with(many.trim_end()), TOO_LARGE),
    ]
}

/// Ends of heads with their bodies.
fn frames() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let chunked = |body: &[u8]| [b"transfer-encoding: chunked\r\n\r\n", body].concat();
    let large = [&b"11170\r\n"[..], &vec![b' '; 0x11170], b"\r\n0\r\n\r\n"].concat();
    let extended = [b"1;", &vec![b'x'; 40_000][..], b"\r\n{\r\n0\r\n\r\n"].concat();
    let trailers: String = (0..5_000)
        .map(|number| format!("x-{number}: 1\r\n"))
        .collect();
    let trailed = format!("1\r\n{{\r\n0\r\n{trailers}\r\n").into_bytes();
    vec![
        ("chunks of no size", chunked(b"\r\n\r\n"), BODY),
        (
            "chunks of a size in words",
            chunked(b"ten\r\n{\r\n0\r\n\r\n"),
            BODY,
        ),
        (
            "chunks of a size below zero",
            chunked(b"-1\r\n{\r\n0\r\n\r\n"),
            BODY,
        ),
        (
            "chunks of a size beyond all",
            chunked(b"FFFFFFFFFFFFFFFFF\r\n{"),
            BODY,
        ),
        (
            "chunks longer than they say",
            chunked(b"1\r\n{}\r\n0\r\n\r\n"),
            BODY,
        ),
        ("chunks with endless remarks", chunked(&extended), BODY),
        ("chunks with endless trailers", chunked(&trailed), BODY),
        ("chunks of nothing", chunked(b"0\r\n\r\n"), BODY),
        (
            "chunks of 70 KB",
            chunked(&large),
            Expected::Problem(413, "TOO_LARGE"),
        ),
        (
            "a length and chunks",
            b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
            BODY,
        ),
        (
            "chunks twice",
            b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
            BODY,
        ),
        ("no length and no body", b"\r\n".to_vec(), BODY),
    ]
}
