//! Three nodes as processes of their own – `hub serve`, a national node and two provinces – on a
//! real broker and a real database. Their logs are printed when a test fails.

mod brokers;
mod settings;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use certs::mint::pki::DevelopmentPki;
use connectors::client::Client;
use http::Method;
use hub::clock::{Clock as _, SystemClock};
use hub::mint::{Format, LibraryItem, LibraryPlan, mint_library, write_library};
use hub::node::node_keys;
use hub::prove::publish_keys;
use schemas::identifier::Identifier;
use schemas::region::ProvinceCode;
use serde_json::{Value, json};
use tempfile::TempDir;

pub use crate::engines::Engines;
use crate::program::{hub, run};
use crate::{MATTER, NATIONAL, SICHUAN, TOKEN, ZHEJIANG, purpose};

/// Bearer token of those who run a node; the same at all three.
pub const OPERATOR_TOKEN: &str = "token-of-the-operators";

/// Longest wait for something that must happen by itself, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Lines of each log that are printed when a test fails.
const LINES_SHOWN: usize = 40;

/// The three nodes with their province, two digits.
const PLACES: [(&str, Option<&str>); 3] = [
    (NATIONAL, None),
    (ZHEJIANG, Some("33")),
    (SICHUAN, Some("51")),
];

/// How large the libraries of the two provinces are.
#[derive(Clone, Copy, Debug)]
pub struct Libraries {
    /// Licences in each.
    pub licences: usize,
    /// How many of them have a file.
    pub files: usize,
}

/// Three processes with their folder, databases and topics.
pub struct Processes {
    /// The folder; removed at the end.
    pub folder: TempDir,
    /// Zhejiang's licences as they were minted.
    pub items: Vec<LibraryItem>,
    /// Sichuan's.
    pub sichuan_items: Vec<LibraryItem>,
    engines: Engines,
    /// How Sichuan reaches the engines, where it does so by another way than the others.
    sichuan_engines: Option<Engines>,
    prefix: String,
    running: BTreeMap<&'static str, Running>,
}

struct Running {
    child: Child,
    url: String,
    /// Length of the log before this start.
    log_from: usize,
}

impl Processes {
    /// Writes keys, libraries and configurations, makes databases and topics, starts the three
    /// nodes and waits until each is ready. The provinces then register their libraries by
    /// themselves.
    pub async fn start(engines: Engines, libraries: Libraries) -> Self {
        Self::start_with(engines, libraries, |_, _| {}).await
    }

    /// The same with Sichuan at the end of lines of its own to the engines.
    pub async fn start_apart(engines: Engines, sichuan: Engines, libraries: Libraries) -> Self {
        Self::start_on(engines, Some(sichuan), libraries, |_, _| {}).await
    }

    /// The same with Zhejiang's library and Sichuan's changed before they are written.
    pub async fn start_with(
        engines: Engines,
        libraries: Libraries,
        change: impl Fn(&str, &mut Vec<LibraryItem>),
    ) -> Self {
        Self::start_on(engines, None, libraries, change).await
    }

    async fn start_on(
        engines: Engines,
        sichuan_engines: Option<Engines>,
        libraries: Libraries,
        change: impl Fn(&str, &mut Vec<LibraryItem>),
    ) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let now = SystemClock.now();
        let pki = DevelopmentPki::mint("test", now - chrono::Duration::days(1)).expect("a PKI");
        pki.save(folder.path(), &[], now).expect("trust folder");
        let mut minted = BTreeMap::new();
        for (name, region) in PLACES {
            publish(folder.path(), name);
            let Some(region) = region else { continue };
            let mut items = mint(&pki, region, libraries);
            change(name, &mut items);
            write_library(&library(folder.path(), name), &items).expect("a library");
            minted.insert(name, items);
        }
        let id = uuid::Uuid::new_v4().simple().to_string();
        let mut processes = Self {
            items: minted.remove(ZHEJIANG).expect("Zhejiang's licences"),
            sichuan_items: minted.remove(SICHUAN).expect("Sichuan's licences"),
            sichuan_engines,
            prefix: format!("test-{}.", &id[..12]),
            engines,
            running: BTreeMap::new(),
            folder,
        };
        for (name, _) in PLACES {
            let database = processes.database_name(name);
            processes.engines.make_database(&database).await;
            let file = processes.config_file(name);
            std::fs::write(file, settings::settings(&processes, name)).expect("a configuration");
        }
        processes.make_topics();
        for (name, _) in PLACES {
            processes.spawn(name, &[]);
        }
        for (name, _) in PLACES {
            processes.wait_ready(name).await;
        }
        processes
    }

    /// Client of a node, as the department that has a duty (at Sichuan) or as another caller.
    #[must_use]
    pub fn client(&self, name: &str, token: &str) -> Client {
        Client::new(&self.running[name].url, Some(token)).expect("a client")
    }

    /// Client of those who run a node.
    #[must_use]
    pub fn operator(&self, name: &str) -> Client {
        self.client(name, OPERATOR_TOKEN)
    }

    /// Client of Sichuan's department.
    #[must_use]
    pub fn department(&self) -> Client {
        self.client(SICHUAN, TOKEN)
    }

    /// Where a running node listens.
    #[must_use]
    pub fn url(&self, name: &str) -> &str {
        &self.running[name].url
    }

    /// What the names of the topics and groups begin with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// URL of a node's database.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        self.engines.database(&self.database_name(name))
    }

    /// Kills a node's process with SIGKILL and waits until it is gone.
    pub fn kill(&mut self, name: &str) {
        let mut running = self.running.remove(name).expect("a running node");
        running.child.kill().expect("killed");
        running.child.wait().expect("gone");
    }

    /// Lets a node's process stand still; it can only be killed then.
    pub fn pause(&self, name: &str) {
        signal(&self.running[name].child, "STOP");
    }

    /// Stops a node in good order.
    pub fn stop(&mut self, name: &str) {
        let mut running = self.running.remove(name).expect("a running node");
        signal(&running.child, "TERM");
        let status = running.child.wait().expect("gone");
        assert!(status.success(), "{name} ended with {status}");
    }

    /// Starts a node that was stopped or killed, and waits until it is ready.
    pub async fn start_node(&mut self, name: &'static str) {
        self.start_node_in(name, &[]).await;
    }

    /// Starts a node that was stopped or killed, and does not wait.
    pub fn begin_start(&mut self, name: &'static str) {
        self.spawn(name, &[]);
    }

    /// The same with variables in its environment.
    pub async fn start_node_in(&mut self, name: &'static str, environment: &[(&str, &str)]) {
        self.spawn(name, environment);
        self.wait_ready(name).await;
    }

    /// Stops a node in good order and starts it again.
    pub async fn restart(&mut self, name: &'static str) {
        self.stop(name);
        self.start_node(name).await;
    }

    /// Everything that a node logged since the first start.
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.log_file(name)).unwrap_or_default()
    }

    /// Stops every node in good order; no log may hold an error.
    pub fn finish(mut self) {
        for name in [SICHUAN, ZHEJIANG, NATIONAL] {
            if self.running.contains_key(name) {
                self.stop(name);
            }
        }
        for (name, _) in PLACES {
            let log = self.log(name);
            let errors: Vec<&str> = log.lines().filter(|line| is_error(line)).collect();
            assert!(errors.is_empty(), "{name} logged errors: {errors:#?}");
        }
    }

    fn spawn(&mut self, name: &'static str, environment: &[(&str, &str)]) {
        let log_from = self.log(name).len();
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.log_file(name))
            .expect("a log");
        let child = hub()
            .args(["serve", "--config"])
            .arg(self.config_file(name))
            .envs(environment.iter().copied())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let url = String::new();
        let running = Running {
            child,
            url,
            log_from,
        };
        self.running.insert(name, running);
    }

    /// Waits until a node says where it listens, and then that it is ready.
    async fn wait_ready(&mut self, name: &'static str) {
        let started = Instant::now();
        loop {
            let log = self.log(name);
            let running = self.running.get_mut(name).expect("a running node");
            if let Some(status) = running.child.try_wait().expect("state of the child") {
                panic!("{name} ended with {status}");
            }
            if let Some(address) = address_of(log.get(running.log_from..).unwrap_or_default()) {
                running.url = format!("http://{address}");
                let client = Client::new(&running.url, None).expect("a client");
                if client
                    .request_json(Method::GET, "/readyz", None)
                    .await
                    .is_ok()
                {
                    return;
                }
            }
            assert!(started.elapsed() < PATIENCE, "{name} is not ready");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Processes {
    fn make_topics(&self) {
        // Three copies where there are brokers for them.
        let brokers = self.engines.kafka.split(',').count();
        let replication = if brokers >= 3 { "3" } else { "1" };
        let made = run(hub()
            .args(["topics", "apply", "--replication", replication, "--config"])
            .arg(self.config_file(NATIONAL)));
        assert_eq!(made.code, Some(0), "{made:?}");
    }

    fn database_name(&self, name: &str) -> String {
        let id = self
            .prefix
            .trim_start_matches("test-")
            .trim_end_matches('.');
        format!("hub_test_{id}_{name}")
    }

    /// Configuration of a node.
    #[must_use]
    pub fn config_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.toml"))
    }

    fn log_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for running in self.running.values_mut() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
        if std::thread::panicking() {
            for (name, _) in PLACES {
                let log = self.log(name);
                let lines: Vec<&str> = log.lines().collect();
                let last = &lines[lines.len().saturating_sub(LINES_SHOWN)..];
                println!("-- the log of {name} ends:\n{}", last.join("\n"));
            }
        }
    }
}

/// What `POST /v1/permits` is asked for: a licence for the matter of the tests' duty.
#[must_use]
pub fn permit_request(identifier: &Identifier) -> Value {
    json!({ "identifier": identifier, "purpose": purpose(MATTER) })
}

fn signal(child: &Child, signal: &str) {
    let (signal, id) = (format!("-{signal}"), child.id().to_string());
    let told = run(Command::new("sh").args(["-c", "kill \"$0\" \"$1\"", &signal, &id]));
    assert_eq!(told.code, Some(0), "{told:?}");
}

/// Whether a line of a log is one of level ERROR, or no line of the log at all.
fn is_error(line: &str) -> bool {
    let level = serde_json::from_str::<Value>(line).ok();
    level.is_none_or(|line| line["level"] == "ERROR")
}

fn address_of(log: &str) -> Option<String> {
    log.lines().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        Some(line.get("listen.address")?.as_str()?.to_owned())
    })
}

fn publish(folder: &Path, name: &str) {
    let keys = node_keys(&folder.join(name)).expect("keys").public();
    publish_keys(&keys_folder(folder), name, &keys).expect("public keys");
}

fn keys_folder(folder: &Path) -> PathBuf {
    folder.join("nodes")
}

fn library(folder: &Path, name: &str) -> PathBuf {
    folder.join("libraries").join(name)
}

fn mint(pki: &DevelopmentPki, region: &str, libraries: Libraries) -> Vec<LibraryItem> {
    let plan = LibraryPlan {
        province: ProvinceCode::parse(region).expect("a province"),
        licences: libraries.licences,
        files: libraries.files,
        seed: 7,
        formats: vec![Format::default()],
        spoil: None,
        scan_bytes: 0,
        at: SystemClock.now(),
    };
    mint_library(&plan, pki).expect("a library").0
}
