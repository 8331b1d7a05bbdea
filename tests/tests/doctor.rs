//! `hub doctor`: a good node passes, and every kind of breakage has its code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use certs::mint::pki::DevelopmentPki;
use certs::node_key::NodeKeys;
use chrono::{DateTime, Duration, Utc};
use hub::cli::serve::open_bus;
use hub::clock::{Clock as _, SystemClock};
use hub::config::Config;
use hub::node::Node;
use schemas::trust_item::{ItemState, TrustContent};
use serde_json::Value;
use tests::operator::{Operator, item};
use tests::program::{Finished, hub, run, skipped};

/// A province with its folders, which ran once.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let place = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let root = place.root();
        let now = SystemClock.now();
        place.trust("good", now, now);
        std::fs::create_dir_all(root.join("library")).expect("a folder");
        std::fs::write(root.join("library/entries.jsonl"), "").expect("a list");
        let national = NodeKeys::generate().expect("keys").public();
        hub::prove::publish_keys(root, "national", &national).expect("keys");
        place.write("hub.toml", &place.settings(""));
        let config = Config::load(&root.join("hub.toml")).expect("good").node;
        std::fs::create_dir_all(&config.data).expect("a folder");
        let bus = open_bus(&config).await.expect("a bus");
        let running = Node::start(config, bus, Arc::new(SystemClock)).await;
        running.expect("starts").shutdown().await;
        place
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A folder with one of trusted authorities of then, with a list of then.
    fn trust(&self, name: &str, minted: DateTime<Utc>, listed: DateTime<Utc>) {
        let pki = DevelopmentPki::mint("test", minted).expect("a PKI");
        pki.save(&self.root().join(name), &[], listed)
            .expect("saved");
    }

    fn settings(&self, more: &str) -> String {
        let root = self.root().display();
        format!(
            "[node]\nname = \"zhejiang\"\nrole = \"province\"\nnational = \"national\"\n\
             regions = [\"33\"]\ndata = \"{root}/data\"\ntrust = \"{root}/good/trust\"\n\
             source = \"{root}/library\"\n\
             [[node.peers]]\nname = \"national\"\nkeys = \"{root}/national.node.json\"\n\
             role = \"national\"\n{more}"
        )
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// Exit code and, per check, grade and code of what the doctor says.
    fn examine(&self, settings: &str) -> (Option<i32>, Vec<(String, String)>) {
        let finished = self.run(settings, &["--json"]);
        let lines = finished.stdout.lines().map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let is_told = line["code"].is_null() || !text("next_zh").is_empty();
            assert!(is_told, "nothing to do about {line}");
            (text("grade"), text("code"))
        });
        (finished.code, lines.collect())
    }

    fn run(&self, settings: &str, arguments: &[&str]) -> Finished {
        let file = self.write("examined.toml", settings);
        run(hub().args(["doctor", "--config"]).arg(file).args(arguments))
    }

    /// The doctor finds this, and the exit code says so.
    #[track_caller]
    fn check(&self, settings: &str, grade: &str, code: &str) {
        let (exit, found) = self.examine(settings);
        let wanted = (grade.to_owned(), code.to_owned());
        assert!(found.contains(&wanted), "{code}: {found:?}");
        let has_failed = found.iter().any(|(grade, _)| grade == "fail");
        assert_eq!(exit, Some(i32::from(has_failed)), "{code}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_node_passes_and_nothing_is_changed() {
    let place = Place::new().await;
    let before = listing(place.root());
    let (exit, found) = place.examine(&place.settings(""));
    assert_eq!(exit, Some(0), "{found:?}");
    // How much room this machine has is not this node's.
    let troubles: Vec<_> = found
        .iter()
        .filter(|(grade, code)| grade != "ok" && code != "DOCTOR_DISK")
        .collect();
    assert!(troubles.is_empty(), "{troubles:?}");
    assert!(found.len() >= 10, "{found:?}");
    let shown = place.run(&place.settings(""), &[]);
    assert!(
        shown.stdout.contains("正常 ok    database"),
        "{}",
        shown.stdout
    );
    let mut after = listing(place.root());
    after.retain(|name| !name.ends_with("examined.toml"));
    assert_eq!(before, after);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_node_itself_has_its_code() {
    let place = Place::new().await;
    let good = place.settings("");
    let root = place.root().display().to_string();
    place.check("[node]\ncolour = 1\n", "fail", "DOCTOR_CONFIG");
    let elsewhere = |from: &str, to: &str| {
        let (from, to) = (format!("{root}/{from}"), format!("{root}/{to}"));
        assert!(good.contains(&from));
        good.replace(&from, &to)
    };
    place.check(&elsewhere("data", "new"), "warn", "DOCTOR_NEW");
    assert!(!place.root().join("new").exists(), "nothing is made");
    place.check(&elsewhere("library", "none"), "fail", "DOCTOR_SOURCE");
    place.check(&elsewhere("good", "none"), "fail", "DOCTOR_TRUST");
    place.check(
        &elsewhere("national.node", "none.node"),
        "fail",
        "DOCTOR_PEERS",
    );
    let alone = good.split("[[node.peers]]").next().expect("settings");
    place.check(alone, "fail", "DOCTOR_PEERS");
    let policy = good.replace("regions =", "policy = \"none.cedar\"\nregions =");
    place.check(&policy, "fail", "DOCTOR_POLICY");

    let lost = place.root().join("lost");
    std::fs::create_dir_all(&lost).expect("a folder");
    std::fs::write(lost.join("hub.sqlite"), "no database").expect("written");
    place.check(&elsewhere("data", "lost"), "fail", "DOCTOR_KEYS");
    place.check(&elsewhere("data", "lost"), "fail", "DOCTOR_DATABASE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terms_that_are_over_or_end_soon_have_their_code() {
    let place = Place::new().await;
    let good = place.settings("");
    let trust = |name: &str| {
        let (from, to) = (format!("{}/good", place.root().display()), name);
        good.replace(&from, &format!("{}/{to}", place.root().display()))
    };
    let now = SystemClock.now();
    place.trust("stale", now, now - Duration::days(400));
    place.check(&trust("stale"), "fail", "DOCTOR_CRL");
    let long_ago = now - Duration::days(8_000);
    place.trust("expired", long_ago, now);
    place.check(&trust("expired"), "fail", "DOCTOR_CERTIFICATE");
    let soon = place.run(&good, &["--json", "--days", "3650", "--crl-days", "3650"]);
    assert_eq!(
        soon.code,
        Some(0),
        "a warning is no failure: {}",
        soon.stdout
    );
    assert!(soon.stdout.contains("DOCTOR_CRL"), "{}", soon.stdout);
    std::fs::create_dir_all(place.root().join("empty/trust")).expect("a folder");
    place.check(&trust("empty"), "warn", "DOCTOR_TRUST");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_are_away_have_their_code() {
    let place = Place::new().await;
    // Nobody listens on port 1.
    let postgres = "[node.store]\nkind = \"postgres\"\n\
                    url = \"postgres://hub@127.0.0.1:1/zhejiang\"\n";
    place.check(&place.settings(postgres), "fail", "DOCTOR_DATABASE");
    let kafka = "[node.bus]\nkind = \"kafka\"\nbrokers = [\"127.0.0.1:1\"]\n\
                 security = \"plaintext\"\n";
    place.check(&place.settings(kafka), "fail", "DOCTOR_BROKER");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_the_operator_does_not_list_has_its_code() {
    let place = Place::new().await;
    let operator = Operator::new();
    let public = place.root();
    hub::prove::publish_keys(public, "operator", &operator.public()).expect("keys");
    let file = public.join("operator.node.json");
    let named = format!("operator = {:?}\nregions =", file.display().to_string());
    let settings = place.settings("").replace("regions =", &named);
    place.check(&settings, "warn", "DOCTOR_NODE_KEY");

    // The operator lists the node with another key: what this node signs is believed nowhere.
    let path = place.write("hub.toml", &settings);
    let config = Config::load(&path).expect("good").node;
    let bus = open_bus(&config).await.expect("a bus");
    let running = Node::start(config, Arc::clone(&bus), Arc::new(SystemClock)).await;
    let running = running.expect("starts");
    let other = certs::trust::KnownKey::unbounded(NodeKeys::generate().expect("keys").public());
    let node = schemas::trust_item::NodeItem {
        name: "zhejiang".to_owned(),
        role: schemas::trust_item::NodeRole::Province,
        regions: vec!["33".to_owned()],
        keys: vec![other.to_item()],
        revoked: false,
    };
    let at = SystemClock.now();
    let item = item(TrustContent::Node(node), ItemState::Listed, 1, at);
    bus.publish(vec![operator.record(&item)])
        .await
        .expect("publishes");
    tests::eventually("the item is taken up", async || {
        running.node.trust.state().epoch == 1
    })
    .await;
    running.shutdown().await;
    place.check(&settings, "fail", "DOCTOR_NODE_KEY");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_that_are_missing_have_their_code() {
    let Ok(broker) = std::env::var("HUB_TEST_KAFKA") else {
        skipped("missing topics", "HUB_TEST_KAFKA names no broker");
        return;
    };
    let place = Place::new().await;
    let name = uuid::Uuid::new_v4().simple().to_string();
    let kafka = format!(
        "[node.bus]\nkind = \"kafka\"\nbrokers = [\"{broker}\"]\nsecurity = \"plaintext\"\n\
         prefix = \"doctor-{name}.\"\n"
    );
    let settings = place.settings(&kafka);
    place.check(&settings, "fail", "DOCTOR_TOPICS");
    let file = place.write("hub.toml", &settings);
    let made = run(hub()
        .args(["topics", "apply", "--replication", "1", "--config"])
        .arg(file));
    assert_eq!(made.code, Some(0), "{made:?}");
    let well = place.run(&settings, &["--json", "--replication", "1"]);
    assert_eq!(well.code, Some(0), "{}", well.stdout);
    assert!(!well.stdout.contains("DOCTOR_TOPICS"), "{}", well.stdout);
    place.check(&settings, "warn", "DOCTOR_TOPICS");
}

/// Every file below a folder with its size; the journal of a database comes and goes.
fn listing(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for found in std::fs::read_dir(folder).expect("a folder") {
        let path = found.expect("an entry").path();
        let shown = path.display().to_string();
        if path.is_dir() {
            names.extend(listing(&path));
        } else if !shown.contains(".sqlite-") {
            names.push(shown);
        }
    }
    names.sort_unstable();
    names
}
