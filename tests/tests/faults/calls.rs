//! Requests as callers send them, each with a bound: a node that hangs fails the test.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::processes::Processes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest wait for any answer: the time after which a node gives a request up
/// (`request_timeout_s`), and some for a busy machine.
const ANSWER_WAIT: Duration = Duration::from_secs(40);

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
    pub(super) took: Duration,
}

/// What is asked.
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) token: &'a str,
    /// Name of a request that may be sent twice.
    pub(super) key: Option<&'a str>,
    pub(super) body: Option<Value>,
}

impl<'a> Call<'a> {
    /// A question without a body.
    pub(super) fn get(path: &'a str, token: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            token,
            key: None,
            body: None,
        }
    }

    /// Asks a node.
    pub(super) async fn send(&self, hub: &Processes, node: &str) -> Answer {
        let address = hub.url(node).trim_start_matches("http://").to_owned();
        let body = self.body.as_ref().map_or(String::new(), Value::to_string);
        let key = self
            .key
            .map_or(String::new(), |key| format!("idempotency-key: {key}\r\n"));
        let request = format!(
            "{} {} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\nauthorization: Bearer {}\r\n{key}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.method,
            self.path,
            self.token,
            body.len()
        );
        let started = Instant::now();
        let ask = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let answer = tokio::time::timeout(ANSWER_WAIT, ask).await;
        let answer = answer.unwrap_or_else(|_| panic!("{} {} hangs", self.method, self.path));
        Answer::read(&answer, started.elapsed())
    }
}

impl Answer {
    fn read(answer: &[u8], took: Duration) -> Self {
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.expect("an answer with a head");
        let head = std::str::from_utf8(&answer[..end]).unwrap();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self {
            status: status.and_then(|status| status.parse().ok()).unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body: answer[end + 4..].to_vec(),
            took,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Stable code of a refusal. Whatever happens, there is one, and who is to come back is told
    /// when.
    pub(super) fn code(&self) -> String {
        let body = self.json();
        let code = body["code"].as_str().unwrap_or_default().to_owned();
        assert!(!code.is_empty(), "a refusal without a code: {self:?}");
        assert_ne!(code, "INTERNAL", "{self:?}");
        assert!(
            body["next_zh"].is_string() && body["next_en"].is_string(),
            "{self:?}"
        );
        if [503, 504].contains(&self.status) {
            let again = self
                .headers
                .get("retry-after")
                .and_then(|text| text.parse().ok());
            assert!(
                again.is_some_and(|again: u32| (1..=60).contains(&again)),
                "{self:?}"
            );
        }
        code
    }

    /// `source` of an answer about a licence.
    pub(super) fn source(&self) -> String {
        self.json()["source"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        let body: String = body.chars().take(400).collect();
        write!(formatter, "{} after {:?}: {body}", self.status, self.took)
    }
}
