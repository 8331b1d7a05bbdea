//! A lone node as a process of its own, whose memory can be seen from outside.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use connectors::client::Client;
use serde_json::Value;
use tempfile::TempDir;
use tests::program::hub;

use super::client;

/// Longest wait for the process to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process of `hub serve`; killed at the end.
pub(super) struct Process {
    child: Child,
    pub(super) address: SocketAddr,
    folder: TempDir,
}

impl Process {
    /// A node that trusts what lies in `folder/trust`, with a caller for each of these names, whose
    /// token is its name.
    pub(super) async fn start(folder: TempDir, callers: &[&str]) -> Self {
        let config = folder.path().join("hub.toml");
        std::fs::write(&config, settings(folder.path(), callers)).expect("a configuration");
        let log = folder.path().join("log");
        let child = hub()
            .args(["serve", "--config"])
            .arg(&config)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a log"))
            .spawn()
            .expect("the program starts");
        let mut process = Self {
            child,
            address: ([127, 0, 0, 1], 0).into(),
            folder,
        };
        tests::eventually_within(PATIENCE, "the node listens", async || {
            let ended = process.child.try_wait().expect("state of the child");
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            assert!(ended.is_none(), "{log}");
            let listening = log.lines().find_map(address);
            process.address = listening.unwrap_or(process.address);
            listening.is_some()
        })
        .await;
        process
    }

    /// A client with this token.
    pub(super) fn client(&self, token: Option<&str>) -> Client {
        Client::new(&format!("http://{}", self.address), token).expect("a client")
    }

    /// Kibibytes of memory that are in use, `VmRSS` of proc(5).
    pub(super) fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.trim().split(' ').next());
        number.expect("a number").parse().expect("a number")
    }

    /// Verifications on record, by what the node has counted.
    pub(super) async fn recorded(&self) -> u64 {
        let client = self.client(None);
        let answer = client
            .request_bytes(http::Method::GET, "/metrics", None)
            .await;
        let text = String::from_utf8(answer.expect("an answer").2.to_vec()).expect("text");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("hub_records_total "));
        line.map_or(0, |number| number.parse().expect("a number"))
    }

    /// What is left in the folder of spooled files.
    pub(super) fn spooled(&self) -> usize {
        let folder = self.folder.path().join("data/spool");
        std::fs::read_dir(folder).expect("a folder").count()
    }

    /// Lines of the log about errors.
    pub(super) fn errors(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("log")).expect("a log");
        let is_error = |line: &&str| {
            let line: Option<Value> = serde_json::from_str(line).ok();
            line.is_none_or(|line| line["level"] == "ERROR")
        };
        log.lines().filter(is_error).map(str::to_owned).collect()
    }

    /// Sends a whole batch; status and lines.
    pub(super) async fn batch(&self, token: &str, body: Vec<u8>) -> (u16, Vec<Value>) {
        client::ask(self.address, token, &client::multipart(), body).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(folder: &Path, callers: &[&str]) -> String {
    let trust = folder.join("trust");
    let mut text = format!(
        "listen = \"127.0.0.1:0\"\n[log]\nfilter = \"warn,hub::cli=info\"\n[node]\n\
         name = \"national\"\nrole = \"national\"\nnational = \"national\"\n\
         data = \"data\"\ntrust = {trust:?}\n"
    );
    for caller in callers {
        let token_sm3 = hex::encode(certs::digest::sm3(caller.as_bytes()));
        text.push_str(&format!(
            "[[node.callers]]\nsystem = \"{caller}\"\norganisation = \"91330106673959654P\"\n\
             token_sm3 = \"{token_sm3}\"\nroles = [\"verify\"]\n"
        ));
    }
    text
}

fn address(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    line.get("listen.address")?.as_str()?.parse().ok()
}
