//! Other verifiers as processes that run beside ours: EU DSS and ofdrw in Java, pyHanko in Python.
//! `deploy/peers.sh` prepares them; they answer a path per line (`tests/peers/Peer.java`).

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use tempfile::TempDir;

use crate::program::skipped;

/// Longest wait for one answer: a Java program that starts on a busy machine, a bomb that it
/// unpacks. Who needs longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// What `deploy/peers.sh run` ends with when a peer is not prepared.
const NOT_PREPARED: i32 = 3;

/// Which verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerName {
    /// EU DSS 6.4, for PDF; its checks against attacks refuse.
    Dss,
    /// ofdrw 2.3.1, for OFD.
    Ofdrw,
    /// pyHanko 0.38, for PDF, with its judgement of later revisions.
    PyHanko,
}

/// How a peer is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tuning {
    /// As its documentation shows it.
    Stock,
    /// What it makes anew for each file although it could be kept is kept: ofdrw's crypto
    /// provider, pyHanko's paths of certificates.
    Tuned,
}

/// A peer that waits for files. It ends with this value.
pub struct Peer {
    child: Child,
    files: ChildStdin,
    answers: Receiver<String>,
    folder: TempDir,
    name: PeerName,
}

/// What a peer said about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAnswer {
    /// `accepted`, `refused`, `unsigned`, or `crashed` for an error that it did not mean to raise.
    pub verdict: String,
    /// CPU time of the thread that verified.
    pub cpu: Duration,
    /// The peer's own word: an indication, the name of an exception.
    pub word: String,
}

impl PeerName {
    /// As `deploy/peers.sh` and the table of differences call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dss => "dss",
            Self::Ofdrw => "ofdrw",
            Self::PyHanko => "pyhanko",
        }
    }
}

impl Peer {
    /// Starts a peer that trusts what the folders hold and verifies as of `at`; ofdrw does neither.
    /// Says loudly when `test` is skipped because the peer is not prepared.
    ///
    /// # Panics
    /// When it is prepared and does not start.
    #[must_use]
    pub fn start(
        name: PeerName,
        tuning: Tuning,
        trust: &[PathBuf],
        at: DateTime<Utc>,
        test: &str,
    ) -> Option<Self> {
        let folder = TempDir::new().expect("a temporary folder");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/peers.sh");
        let mut command = Command::new(script);
        command.args(["run", name.as_str()]);
        if name != PeerName::Ofdrw {
            let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
            command.arg(gathered(trust, folder.path())).arg(at);
        }
        if tuning == Tuning::Tuned {
            command.arg("tuned");
        }
        let unpacked = folder.path().join("unpacked");
        std::fs::create_dir(&unpacked).expect("a folder");
        let said = File::create(folder.path().join("said")).expect("a file");
        let mut child = command
            .env("TMPDIR", unpacked)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said)
            .spawn()
            .expect("deploy/peers.sh starts");
        let (sender, answers) = channel();
        let output = child.stdout.take().expect("its output");
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let files = child.stdin.take().expect("its input");
        let mut peer = Self {
            child,
            files,
            answers,
            folder,
            name,
        };
        peer.is_ready(test).then_some(peer)
    }

    /// The peer's verdict on a file.
    ///
    /// # Panics
    /// When the peer ended or hangs.
    pub fn verify(&mut self, file: &Path) -> PeerAnswer {
        let path = file.to_str().expect("a path that is text");
        writeln!(self.files, "{path}").expect("the peer reads");
        let Ok(line) = self.answers.recv_timeout(PATIENCE) else {
            panic!(
                "{} says nothing about {path}: {}",
                self.name.as_str(),
                self.said()
            );
        };
        let mut parts = line.splitn(3, '\t');
        let mut part = || parts.next().expect("verdict, time and word").to_owned();
        let (verdict, nanoseconds, word) = (part(), part(), part());
        let nanoseconds = nanoseconds.parse().expect("nanoseconds");
        PeerAnswer {
            verdict,
            cpu: Duration::from_nanos(nanoseconds),
            word,
        }
    }

    fn is_ready(&mut self, test: &str) -> bool {
        if self.answers.recv_timeout(PATIENCE).as_deref() == Ok("ready") {
            return true;
        }
        let code = self
            .child
            .try_wait()
            .ok()
            .flatten()
            .and_then(|status| status.code());
        assert_eq!(
            code,
            Some(NOT_PREPARED),
            "{} does not start: {}",
            self.name.as_str(),
            self.said()
        );
        skipped(test, self.said().trim());
        false
    }

    /// What it printed as trouble.
    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// One folder with all files of several, which may have the same names.
fn gathered(folders: &[PathBuf], within: &Path) -> PathBuf {
    let gathered = within.join("trust");
    std::fs::create_dir(&gathered).expect("a new folder");
    for (number, folder) in folders.iter().enumerate() {
        for entry in std::fs::read_dir(folder).expect("a trust folder") {
            let entry = entry.expect("an entry");
            let name = entry.file_name();
            let name = format!("{number}-{}", name.to_string_lossy());
            std::fs::copy(entry.path(), gathered.join(name)).expect("copied");
        }
    }
    gathered
}
