//! A node of the demo as a process of its own: `hub serve` of this very program.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use connectors::client::Client;
use http::Method;
use serde_json::Value;

/// Longest wait until a node serves: its first start makes the tables of its database, and on a
/// busy machine everything takes several times as long.
const START_WAIT: Duration = Duration::from_secs(120);

/// Longest wait until it has stopped: a node lets requests finish for `drain_s` (20 s), then its
/// tasks for as long.
const STOP_WAIT: Duration = Duration::from_secs(60);

/// How often the demo looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Lines of a node's log that are shown when it ended.
const LINES_SHOWN: usize = 5;

/// A running process; it is killed when this is dropped.
pub(super) struct ServeProcess {
    /// Where its HTTP face listens.
    pub(super) address: SocketAddr,
    child: Child,
    log: PathBuf,
}

impl ServeProcess {
    /// Starts `hub serve` on a configuration file and waits until it is ready. Its log stands
    /// beside the file.
    ///
    /// # Errors
    /// The process does not start, ends, or is not ready in time; with the end of its log.
    pub(super) async fn start(config: &Path) -> anyhow::Result<Self> {
        let log = config.with_extension("log");
        let stderr = File::create(&log).with_context(|| log.display().to_string())?;
        let program = std::env::current_exe().context("the path of this program")?;
        let child = Command::new(program)
            .args(["serve", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .context("hub serve")?;
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut process = Self {
            address: unknown,
            child,
            log,
        };
        let deadline = Instant::now() + START_WAIT;
        loop {
            if let Some(address) = process.listening()?
                && is_ready(address).await?
            {
                process.address = address;
                return Ok(process);
            }
            if let Some(status) = process.child.try_wait()? {
                bail!("hub serve ended with {status}:\n{}", process.last_lines());
            }
            if Instant::now() >= deadline {
                bail!("hub serve is not ready:\n{}", process.last_lines());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Tells the process to stop and waits for its end.
    ///
    /// # Errors
    /// It does not stop in time, or did not end well.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        // The shell's own `kill`: this program has no way of its own to send a signal. An error
        // means that the process has ended already.
        let _ = Command::new("sh")
            .args(["-c", "kill -TERM \"$0\" 2>/dev/null"])
            .arg(self.child.id().to_string())
            .status();
        let deadline = Instant::now() + STOP_WAIT;
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("hub serve ended with {status}:\n{}", self.last_lines()),
                None if Instant::now() >= deadline => bail!("hub serve did not stop in time"),
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// The address in the line of the log that says where the node listens, if it is there yet.
    fn listening(&self) -> anyhow::Result<Option<SocketAddr>> {
        let text = std::fs::read_to_string(&self.log)?;
        let address = text.lines().find_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            line.get("listen.address")?.as_str()?.parse().ok()
        });
        Ok(address)
    }

    fn last_lines(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let first = lines.len().saturating_sub(LINES_SHOWN);
        lines.get(first..).unwrap_or_default().join("\n")
    }
}

impl Drop for ServeProcess {
    fn drop(&mut self) {
        // Without effect on a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes the topics of the exchange, as an operator does before the nodes' first start.
///
/// # Errors
/// The program cannot be run, or refuses; with what it says.
pub(super) fn apply_topics(config: &Path, brokers: usize) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("the path of this program")?;
    // Three copies where there are brokers for them.
    let replication = if brokers >= 3 { "3" } else { "1" };
    let applied = Command::new(program)
        .args(["topics", "apply", "--replication", replication, "--config"])
        .arg(config)
        .output()
        .context("hub topics apply")?;
    if !applied.status.success() {
        let said = String::from_utf8_lossy(&applied.stderr);
        bail!("hub topics apply ended with {}:\n{said}", applied.status);
    }
    Ok(())
}

async fn is_ready(address: SocketAddr) -> anyhow::Result<bool> {
    let client = Client::new(&format!("http://{address}"), None)?;
    let answer = client.request_json(Method::GET, "/readyz", None).await;
    Ok(answer.is_ok())
}
