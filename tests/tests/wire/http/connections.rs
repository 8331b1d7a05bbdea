//! Several requests on one connection, and requests that never end.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::connection::{PATIENCE, ask};
use super::desk::{ALL, Desk, JSON, get};
use crate::wire::stage::state;

/// Requests that are sent before the first answer is read.
const MANY: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_request_does_not_spoil_the_good_one_behind_it() {
    let desk = Desk::start().await;
    let good = get(&desk.licence(0), ALL);
    for (name, bad) in [
        (
            "no route",
            "GET /v1/nothing HTTP/1.1\r\nhost: hub\r\n\r\n".to_owned(),
        ),
        (
            "no token",
            "GET /v1/log/head HTTP/1.1\r\nhost: hub\r\n\r\n".to_owned(),
        ),
        ("no JSON", upload("{")),
        (
            "another method",
            "DELETE /readyz HTTP/1.1\r\nhost: hub\r\n\r\n".to_owned(),
        ),
    ] {
        let answer = ask(desk.address, &[bad.as_bytes(), &good].concat()).await;
        let statuses = statuses(&answer);
        assert_eq!(statuses.len(), 2, "{name}: {statuses:?}");
        assert!(statuses[0] >= 400, "{name}: {statuses:?}");
        assert_eq!(statuses[1], 200, "{name}");
    }
    let mut many = "GET /v1/log/head HTTP/1.1\r\nhost: hub\r\n\r\n"
        .repeat(MANY)
        .into_bytes();
    many.extend(&good);
    let statuses = statuses(&ask(desk.address, &many).await);
    assert_eq!(statuses, [vec![401; MANY], vec![200]].concat());
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_never_taken_for_a_request() {
    let desk = Desk::start().await;
    let before = state(&desk.hub).await;
    let inner = get("/healthz", ALL);
    let inner = String::from_utf8(inner).expect("text");
    let refused = format!(
        "POST /v1/permits HTTP/1.1\r\nhost: hub\r\ncontent-length: {}\r\n{JSON}\r\n{inner}",
        inner.len()
    );
    let unread = refused.replace("/v1/permits", "/v1/nothing");
    // Two lengths: whoever reads the other one sees a request where a body was meant.
    let smuggled = format!(
        "POST /v1/permits HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {ALL}\r\n{JSON}\
         content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}"
    );
    for (name, request) in [
        ("refused", refused),
        ("nowhere", unread),
        ("smuggled", smuggled),
    ] {
        let answer = ask(desk.address, request.as_bytes()).await;
        let statuses = statuses(&answer);
        assert_eq!(statuses.len(), 1, "{name}: {statuses:?}");
        assert!(statuses[0] >= 400, "{name}: {statuses:?}");
    }
    assert_eq!(state(&desk.hub).await, before);
    desk.check_alive("bodies").await;
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_never_end_are_ended() {
    let desk = Desk::start().await;
    let before = state(&desk.hub).await;
    let mut slow = Vec::new();
    for start in [
        "",
        "GET",
        "GET /v1/log/head HTTP/1.1\r\nhost:",
        "GET /v1/log/head HTTP/1.1\r\nhost: hub\r\nx-header: a",
    ] {
        let mut stream = TcpStream::connect(desk.address).await.expect("connects");
        stream.write_all(start.as_bytes()).await.expect("sends");
        slow.push((start, stream));
    }
    // One byte now and then does not help: the time is that of the whole head.
    let address = desk.address;
    let drip = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        while stream.write_all(b"G").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    desk.check_alive("slow clients").await;
    for (start, mut stream) in slow {
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        let _ = ended.unwrap_or_else(|_| panic!("{start:?} is still open"));
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{start:?}");
    }
    let ended = tokio::time::timeout(PATIENCE, drip).await;
    ended.expect("the drip is ended").expect("no panic");
    assert_eq!(state(&desk.hub).await, before);
    desk.check_alive("slow clients").await;
    desk.hub.stop().await;
}

fn upload(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /v1/permits HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {ALL}\r\n{JSON}\
         content-length: {length}\r\n\r\n{body}"
    )
}

/// The statuses of all answers of one connection.
fn statuses(answers: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answers);
    let statuses = text.split("HTTP/1.1 ").skip(1);
    statuses
        .map(|answer| answer[..3].parse().expect("a status"))
        .collect()
}
