//! Registrars that change the status of licences all the time, each its own licences, whatever is
//! killed meanwhile: a request without an answer is sent again under the same key.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tests::ZHEJIANG;
use tests::processes::{OPERATOR_TOKEN, Processes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::history::{Acknowledged, History};

/// Registrars at the same time.
const WRITERS: usize = 4;

/// Longest wait for one answer: a node that hangs must not hang the test.
const ANSWER_WAIT: Duration = Duration::from_secs(20);

/// Wait before a request without an answer is sent again.
const AGAIN: Duration = Duration::from_millis(100);

pub(super) struct Writers {
    tasks: JoinSet<u64>,
    is_over: Arc<AtomicBool>,
    address: Arc<Mutex<String>>,
}

impl Writers {
    pub(super) fn start(hub: &Processes, identifiers: &[String], history: &Arc<History>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let address = Arc::new(Mutex::new(address_of(hub)));
        let mut tasks = JoinSet::new();
        for own in identifiers.chunks(identifiers.len().div_ceil(WRITERS)) {
            tasks.spawn(write(
                own.to_vec(),
                Arc::clone(history),
                Arc::clone(&is_over),
                Arc::clone(&address),
            ));
        }
        Self {
            tasks,
            is_over,
            address,
        }
    }

    /// A node that was started again listens at another port.
    pub(super) fn look_up_again(&self, hub: &Processes) {
        *self.address.lock().unwrap() = address_of(hub);
    }

    /// Lets every request under way come to its answer; how many changes were acknowledged.
    pub(super) async fn finish(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().sum()
    }
}

async fn write(
    identifiers: Vec<String>,
    history: Arc<History>,
    is_over: Arc<AtomicBool>,
    address: Arc<Mutex<String>>,
) -> u64 {
    let mut acknowledged = 0;
    // Valid, suspended, valid, …: every change is one.
    for status in ["02", "01"].iter().cycle() {
        for identifier in &identifiers {
            if is_over.load(Ordering::Relaxed) {
                return acknowledged;
            }
            let key = uuid::Uuid::new_v4().to_string();
            let revision = loop {
                let address = address.lock().unwrap().clone();
                if let Some(revision) = change(&address, &key, identifier, status).await {
                    break revision;
                }
                tokio::time::sleep(AGAIN).await;
            };
            history.acknowledge(&Acknowledged {
                identifier: identifier.clone(),
                revision,
                status: (*status).to_owned(),
            });
            acknowledged += 1;
        }
    }
    acknowledged
}

/// Revision of the change once it is acknowledged; none when the answer is a refusal or missing.
pub(super) async fn change(
    address: &str,
    key: &str,
    identifier: &str,
    status: &str,
) -> Option<u64> {
    let body = format!("{{\"status\":\"{status}\"}}");
    let request = format!(
        "POST /v1/licences/{identifier}/status HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\
         authorization: Bearer {OPERATOR_TOKEN}\r\nidempotency-key: {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let ask = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    };
    let answer = tokio::time::timeout(ANSWER_WAIT, ask).await.ok()??;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let body: Value = serde_json::from_str(body).ok()?;
    if head.starts_with("HTTP/1.1 200 ") {
        return body["revision"].as_u64();
    }
    assert!(
        body["code"].is_string(),
        "a refusal without a code: {answer}"
    );
    None
}

pub(super) fn address_of(hub: &Processes) -> String {
    hub.url(ZHEJIANG).trim_start_matches("http://").to_owned()
}
