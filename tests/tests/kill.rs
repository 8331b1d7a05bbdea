//! Kill -9 of the demo's process at random points: nothing acknowledged is lost, nothing is there
//! twice, and the log stays whole.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tests::program::{hub, is_long_run, run};

/// Kills on one data folder before the demo may finish on it.
const KILLS_PER_FOLDER: u32 = 5;

/// Entries that the demo's two libraries hold; one of them is rejected.
const ENTRIES: usize = 1200;

#[tokio::test]
async fn a_killed_demo_loses_nothing_and_doubles_nothing() {
    let folders = if is_long_run() { 12 } else { 1 };
    let mut random = Random(0x2026_1121);
    let mut kills = 0;
    for _ in 0..folders {
        let folder = tempfile::tempdir().expect("folder");
        let data = folder.path();
        // A run on a folder that is already full ends sooner: kill earlier then.
        let mut longest = whole_run_time();
        let mut kills_here = 0;
        while kills_here < KILLS_PER_FOLDER {
            if killed_at(data, longest.mul_f64(random.fraction())) {
                kills_here += 1;
            } else {
                longest = longest.mul_f64(0.8);
            }
        }
        kills += kills_here;
        let finished = run(hub().args(["demo", "--exit", "--data"]).arg(data));
        assert_eq!(finished.code, Some(0), "after {kills} kills: {finished:?}");
        let clean = run(hub().args(["log", "fsck", "--data"]).arg(data));
        assert_eq!(clean.code, Some(0), "after {kills} kills: {clean:?}");
        check_state(data).await;
    }
    println!("killed {kills} times on {folders} folders: nothing lost, nothing twice");
}

/// How long an undisturbed demo takes here and now.
fn whole_run_time() -> Duration {
    let folder = tempfile::tempdir().expect("folder");
    let started = Instant::now();
    let finished = run(hub().args(["demo", "--exit", "--data"]).arg(folder.path()));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    started.elapsed()
}

/// Starts the demo and kills it after `moment`; false when it had already ended.
fn killed_at(data: &Path, moment: Duration) -> bool {
    let mut child: Child = hub()
        .args(["demo", "--exit", "--data"])
        .arg(data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    // The moment of the fault is the point of this test; nothing waits for the sleep's outcome.
    std::thread::sleep(moment);
    let ended = child.try_wait().expect("state of the child").is_some();
    // SIGKILL: the process has no chance to tidy up.
    child.kill().expect("killed");
    child.wait().expect("gone");
    !ended
}

/// The directory is the libraries' content, and every change was made and recorded once.
async fn check_state(data: &Path) {
    let mut expected = library(data, "zhejiang");
    let faulty = expected
        .iter()
        .find(|(_, name)| name.ends_with("（旧版）"))
        .cloned();
    let faulty = faulty.expect("the faulty entry").0;
    expected.extend(library(data, "sichuan"));
    assert_eq!(expected.len(), ENTRIES);

    let mut national = open(data, "national").await;
    let directory: BTreeSet<String> = texts(&mut national, "select identifier from entry")
        .await
        .into_iter()
        .collect();
    let wanted: BTreeSet<String> = expected
        .iter()
        .map(|(id, _)| id.clone())
        .filter(|id| *id != faulty)
        .collect();
    assert_eq!(
        directory, wanted,
        "the national directory is not the libraries' content"
    );
    check_once(&mut national, "apply").await;
    check_once(&mut national, "reject").await;
    assert_eq!(
        number(&mut national, "select count(*) from rejection").await,
        1
    );

    for node in ["zhejiang", "sichuan"] {
        let mut home = open(data, node).await;
        check_once(&mut home, "register").await;
        check_once(&mut home, "receipt").await;
        let awaiting = "select count(*) from registration where outcome is null";
        assert_eq!(
            number(&mut home, awaiting).await,
            0,
            "{node} awaits receipts"
        );
        let doubled =
            "select count(*) - count(distinct identifier || '/' || revision) from receipt";
        assert_eq!(
            number(&mut home, doubled).await,
            0,
            "{node} took a receipt twice"
        );
    }
}

/// No licence revision has two leaves of this activity.
async fn check_once(database: &mut SqliteConnection, activity: &str) {
    let leaves = texts(database, "select cast(bytes as text) from log_leaf").await;
    let mut seen = BTreeSet::new();
    for text in leaves {
        let leaf: Value = serde_json::from_str(&text).expect("leaf");
        if leaf["activity"] == activity {
            let revision = leaf["entity"]["revision"].as_u64();
            let once = seen.insert((leaf["identifier"].to_string(), revision));
            assert!(once, "{activity} twice: {leaf}");
        }
    }
}

fn library(data: &Path, node: &str) -> Vec<(String, String)> {
    let path = data.join("libraries").join(node).join("entries.jsonl");
    let text = std::fs::read_to_string(path).expect("library");
    let field = |entry: &Value, name: &str| entry[name].as_str().expect("text").to_owned();
    text.lines()
        .map(|line| serde_json::from_str(line).expect("entry"))
        .map(|entry: Value| (field(&entry, "identifier"), field(&entry, "type_name")))
        .collect()
}

async fn open(data: &Path, node: &str) -> SqliteConnection {
    let file = data.join(node).join("hub.sqlite");
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    SqliteConnection::connect_with(&options)
        .await
        .expect("database")
}

async fn texts(database: &mut SqliteConnection, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query)
        .fetch_all(database)
        .await
        .expect("rows")
}

async fn number(database: &mut SqliteConnection, query: &'static str) -> i64 {
    sqlx::query_scalar(query)
        .fetch_one(database)
        .await
        .expect("number")
}

/// A small generator with a fixed seed, so that a failing run can be repeated (xorshift64*).
/// Numbers that are the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number from 0 up to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits =
            u32::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32).expect("32 bits");
        f64::from(bits) / f64::from(u32::MAX)
    }
}
