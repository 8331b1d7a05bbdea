//! Invariant 8: what is too much is refused with a code; what is too much at a time is answered
//! 503 with the time to come back, and nothing that was accepted is lost. Limits of single
//! parsers have their tests beside them.

use std::sync::Arc;
use std::time::Duration;

use hub::config::{CallerRole, NodeConfig};
use hub::directory;
use hub::provenance::QUEUE_MAX;
use hub::refusal::Refusal;
use tests::{SICHUAN, TOKEN, TestHub, caller, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The limit that the node must keep: of a PDF, which a file may still be before it comes.
const FILE_BYTES_MAX: usize = 200_000_000;

/// How many of the largest files may come at the same time.
const LARGEST_AT_ONCE: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_refused_before_it_is_read() {
    let server = Server::start(|_| ()).await;
    server
        .check(&upload(FILE_BYTES_MAX + 1), "413", "TOO_LARGE")
        .await;
    let long = format!("{{\"holder_code\": \"{}\"}}", "9".repeat(64 * 1024));
    server
        .check(&post("/v1/licences/search", &long), "413", "TOO_LARGE")
        .await;
    let long = format!("{{\"holder_code\": \"{}\"}}", "9".repeat(65));
    server
        .check(&post("/v1/licences/search", &long), "400", "BAD_REQUEST")
        .await;
    for page in ["/v1/receipts?limit=201", "/v1/rejections?limit=0"] {
        server.check(&get(page), "400", "BAD_REQUEST").await;
    }
    let status = format!("/v1/licences/{}/status", server.hub.identifier(0));
    let keyed = post(&status, "{\"status\": \"02\"}");
    for key in ["", &"k".repeat(129)] {
        let line = format!("\r\nidempotency-key: {key}\r\n\r\n");
        server
            .check(&keyed.replacen("\r\n\r\n", &line, 1), "400", "BAD_REQUEST")
            .await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_node_says_when_to_come_back() {
    let server = Server::start(|config| config.limits.requests_concurrent = 1).await;
    let _held = server.hold(10).await;
    server.check_busy(&get("/v1/receipts"), "OVERLOADED").await;
    let alive = server.ask(&get("/healthz")).await;
    assert!(alive.starts_with("HTTP/1.1 200"), "{alive}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_share_a_bounded_room() {
    let server = Server::start(|_| ()).await;
    let mut held = Vec::new();
    for _ in 0..LARGEST_AT_ONCE {
        held.push(server.hold(FILE_BYTES_MAX).await);
    }
    server
        .check_busy(&upload(FILE_BYTES_MAX), "OVERLOADED")
        .await;
    let small = server.ask(&format!("{}x", upload(1))).await;
    assert!(small.starts_with("HTTP/1.1 200"), "{small}");
    drop(held.pop());
    eventually("the room is given back", async || {
        // An upload that is begun and broken off.
        let mut stream = TcpStream::connect(server.address).await.expect("connects");
        let asking = expecting(FILE_BYTES_MAX);
        stream.write_all(asking.as_bytes()).await.expect("sends");
        let mut asked_for = [0; 12];
        stream.read_exact(&mut asked_for).await.expect("an answer");
        &asked_for == b"HTTP/1.1 100"
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_takes_too_long_is_ended() {
    let server = Server::start(|config| config.limits.request_timeout_s = 1).await;
    server.check_busy(&upload(10), "TIMEOUT").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_beyond_the_queue_are_refused_and_none_is_lost() {
    let hub = TestHub::start(1, 0).await;
    hub.sync().await;
    let (node, identifier) = (Arc::clone(hub.node(SICHUAN)), hub.identifier(0));
    let first = directory::lookup(&node, &caller(), &identifier).await;
    first.expect("an answer, now in memory");
    let before = hub.leaves(SICHUAN, "lookup", "OK").await;
    // Another process holds the database, as a backup would: no record becomes durable.
    let held = hub.database(SICHUAN).hold().await.expect("locks");
    let mut asked = JoinSet::new();
    // Two batches may be on their way to the disk while the queue is full.
    for _ in 0..QUEUE_MAX + 1_000 {
        let (node, identifier) = (Arc::clone(&node), identifier.clone());
        asked.spawn(async move { directory::lookup(&node, &caller(), &identifier).await });
    }
    let refused = asked.join_next().await.expect("asked").expect("no panic");
    let refused = refused.expect_err("nothing is answered while nothing is recorded");
    assert!(matches!(refused, Refusal::Overloaded { .. }), "{refused:?}");
    assert_eq!(refused.http_status().as_u16(), 503);
    assert!(refused.retry_after_s().is_some_and(|seconds| seconds > 0));
    held.release().await.expect("unlocks");
    let mut answered = 0;
    while let Some(answer) = asked.join_next().await {
        match answer.expect("no panic") {
            Ok(found) => answered += i64::from(found.is_some()),
            Err(refusal) => assert_eq!(refusal.code(), "OVERLOADED"),
        }
    }
    assert!(
        answered >= i64::try_from(QUEUE_MAX).expect("small"),
        "{answered} answered"
    );
    assert_eq!(hub.leaves(SICHUAN, "lookup", "OK").await - before, answered);
    hub.stop().await;
}

/// Sichuan's node behind a port, for requests that no proper client would send.
struct Server {
    hub: TestHub,
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
}

impl Server {
    async fn start(change: impl FnOnce(&mut NodeConfig)) -> Self {
        let mut hub = TestHub::start(1, 0).await;
        hub.restart_with(SICHUAN, |config| {
            for caller in &mut config.callers {
                caller.roles.push(CallerRole::Registrar);
            }
            config.limits.drain_s = 1;
            change(config);
        })
        .await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let node = Arc::clone(hub.node(SICHUAN));
        tokio::spawn(hub::http::serve(listener, node, async move {
            let _ = stopped.await;
        }));
        Self { hub, address, stop }
    }

    async fn stop(self) {
        self.stop.send(()).expect("still serving");
        self.hub.stop().await;
    }

    /// Sends a request; the whole answer.
    async fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("connects");
        stream.write_all(request.as_bytes()).await.expect("sends");
        let mut answer = Vec::new();
        // The node may close before everything was sent; what it said counts.
        let answered = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        let _ = answered.expect("an answer in time");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Begins an upload of so many bytes, sends none of them, and returns once the node waits.
    async fn hold(&self, bytes: usize) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("connects");
        let asking = expecting(bytes);
        stream.write_all(asking.as_bytes()).await.expect("sends");
        let mut asked_for = [0; 12];
        stream.read_exact(&mut asked_for).await.expect("an answer");
        assert_eq!(&asked_for, b"HTTP/1.1 100");
        stream
    }

    async fn check(&self, request: &str, status: &str, code: &str) -> String {
        let answer = self.ask(request).await;
        let line = request.lines().next().unwrap_or_default();
        let start = answer.chars().take(600).collect::<String>();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{line}: {start}"
        );
        assert!(
            answer.contains(&format!("\"code\":\"{code}\"")),
            "{line}: {start}"
        );
        answer
    }

    async fn check_busy(&self, request: &str, code: &str) {
        let answer = self.check(request, "503", code).await;
        let seconds = answer
            .lines()
            .find_map(|line| line.strip_prefix("retry-after: "))
            .and_then(|value| value.parse::<u32>().ok());
        assert!(seconds.is_some_and(|seconds| seconds > 0), "{answer}");
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\n{}\r\n", headers())
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    let headers = headers();
    format!(
        "POST {path} HTTP/1.1\r\n{headers}content-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

fn upload(bytes: usize) -> String {
    let headers = headers();
    format!("POST /v1/verifications HTTP/1.1\r\n{headers}content-length: {bytes}\r\n\r\n")
}

/// An upload whose body is asked for when it is read, RFC 9110 §10.1.1.
fn expecting(bytes: usize) -> String {
    upload(bytes).replacen("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n", 1)
}

fn headers() -> String {
    format!("host: hub\r\nconnection: close\r\nauthorization: Bearer {TOKEN}\r\n")
}
