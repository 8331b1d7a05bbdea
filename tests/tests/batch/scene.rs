//! Sichuan's node behind a port, with two callers.

use std::net::SocketAddr;
use std::sync::Arc;

use connectors::client::Client;
use hub::config::NodeConfig;
use serde_json::Value;
use tests::{SICHUAN, TOKEN, TestHub};
use tokio::net::TcpListener;

use super::client;
use crate::contracts::Schemas;

/// Bearer of another caller's right to have files verified.
pub(super) const OTHER_TOKEN: &str = "token-of-another-caller";

pub(super) struct Scene {
    pub(super) hub: TestHub,
    pub(super) address: SocketAddr,
    schemas: Schemas,
}

impl Scene {
    /// With so many licences that all have a file, registered everywhere.
    pub(super) async fn start(files: usize, change: impl FnOnce(&mut NodeConfig)) -> Self {
        let mut hub = TestHub::start(files, files).await;
        hub.sync().await;
        hub.restart_with(SICHUAN, |config| {
            let mut other = config.callers[0].clone();
            other.system.push_str("-2");
            other.token_sm3 = hex::encode(certs::digest::sm3(OTHER_TOKEN.as_bytes()));
            config.callers.push(other);
            config.limits.drain_s = 1;
            change(config);
        })
        .await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let node = Arc::clone(hub.node(SICHUAN));
        tokio::spawn(hub::http::serve(listener, node, std::future::pending()));
        Self {
            hub,
            address,
            schemas: Schemas::load(),
        }
    }

    /// A client with this token.
    pub(super) fn client(&self, token: &str) -> Client {
        Client::new(&format!("http://{}", self.address), Some(token)).expect("a client")
    }

    /// The file of a licence.
    pub(super) fn file(&self, number: usize) -> Vec<u8> {
        self.hub.items[number].file.clone().expect("a file")
    }

    /// Sends a batch and checks the shape of what comes back: lines of files by their place, and
    /// the end.
    pub(super) async fn batch(&self, media_type: &str, body: Vec<u8>) -> (Vec<Value>, Value) {
        let (status, lines) = client::ask(self.address, TOKEN, media_type, body).await;
        assert_eq!(status, 200, "{lines:?}");
        for line in &lines {
            self.schemas.check("batch-line", line, "a line");
        }
        let mut lines = lines;
        let end = lines.pop().expect("an end");
        assert_eq!(end["line"], "end", "{end}");
        lines.retain(|line| line["line"] == "file");
        lines.sort_by_key(|line| line["index"].as_u64());
        for (index, line) in lines.iter().enumerate() {
            assert_eq!(line["index"], index, "each once, none left out");
        }
        assert_eq!(end["done"], lines.len());
        (lines, end)
    }

    /// One file is verified as ever.
    pub(super) async fn check_alive(&self, what: &str) {
        let media_type = "application/ofd";
        let asked = client::ask(self.address, OTHER_TOKEN, media_type, self.file(0));
        let (status, verdict) = asked.await;
        assert_eq!(status, 200, "after {what}: {verdict:?}");
        assert_eq!(verdict[0]["verdict"], "valid", "after {what}");
    }

    /// Leaves about verifications.
    pub(super) async fn verified(&self) -> i64 {
        self.hub.leaves(SICHUAN, "verify", "*").await
    }
}

/// The verdict of a line, or the code of its problem.
pub(super) fn outcome(line: &Value) -> &str {
    let found = line["verdict"]["verdict"].as_str();
    found.or(line["problem"]["code"].as_str()).unwrap_or("none")
}
