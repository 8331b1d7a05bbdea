//! A log that no longer fits what a node has read stops its topic, is seen in its health, and is
//! gone on with when an operator says so. On a broker that `HUB_TEST_KAFKA=host:port` names.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use connectors::bus::OutgoingRecord;
use hub::cli::serve::open_bus;
use hub::clock::SystemClock;
use hub::config::{Config, NodeConfig};
use hub::node::{Node, Running};
use hub::store::{outbox, positions};
use tests::eventually;
use tests::program::{Finished, hub, run};

const TOPIC: &str = "requests.zhejiang";

struct Place {
    folder: tempfile::TempDir,
    broker: String,
}

impl Place {
    /// Another prefix is another log: what a broker shows whose disk was replaced.
    async fn set_prefix(&self, prefix: &str) -> NodeConfig {
        let root = self.folder.path().display();
        let name = self.folder.path().file_name().expect("a folder");
        let name = name.to_string_lossy().replace('.', "");
        let (broker, process) = (&self.broker, std::process::id());
        std::fs::create_dir_all(self.folder.path().join("trust")).expect("a folder");
        let config = format!(
            "[node]\nname = \"zhejiang\"\nrole = \"province\"\nnational = \"national\"\n\
             data = \"{root}/data\"\ntrust = \"{root}/trust\"\n\
             [node.bus]\nkind = \"kafka\"\nbrokers = [\"{broker}\"]\nsecurity = \"plaintext\"\n\
             prefix = \"{name}-{process}-{prefix}.\"\n"
        );
        std::fs::write(self.file(), config).expect("written");
        let applied = self.topics(&["apply", "--replication", "1"]).await;
        assert_eq!(
            applied.code,
            Some(0),
            "{}{}",
            applied.stdout,
            applied.stderr
        );
        Config::load(&self.file()).expect("a configuration").node
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("hub.toml")
    }

    async fn topics(&self, arguments: &[&str]) -> Finished {
        let mut command = hub();
        let (verb, others) = arguments.split_first().expect("a verb");
        command
            .args(["topics", verb, "--config"])
            .arg(self.file())
            .args(others);
        let work = move || run(&mut command);
        tokio::task::spawn_blocking(work).await.expect("ran")
    }
}

async fn start(config: NodeConfig) -> Running {
    let bus = open_bus(&config).await.expect("a bus");
    Node::start(config, bus, Arc::new(SystemClock))
        .await
        .expect("a node")
}

async fn read_one(running: &Running) {
    let record = OutgoingRecord {
        topic: TOPIC.to_owned(),
        key: "k".to_owned(),
        headers: Vec::new(),
        body: Bytes::from_static(b"of nobody"),
    };
    running
        .node
        .bus
        .publish(vec![record])
        .await
        .expect("published");
    let store = &running.node.store;
    eventually("the record is read", async || {
        let mut read = 0;
        for partition in 0..6 {
            let last = positions::last(store.reader(), TOPIC, partition).await;
            read += last.expect("reads").unwrap_or_default();
        }
        read == 1 && outbox::count(store.reader()).await.expect("counts") == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_replaced_is_gone_on_with_when_an_operator_says_so() {
    let Ok(broker) = std::env::var("HUB_TEST_KAFKA") else {
        let line = b"SKIPPED replaced log: HUB_TEST_KAFKA names no broker\n";
        std::io::stderr().write_all(line).expect("stderr");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place { folder, broker };
    let running = start(place.set_prefix("before").await).await;
    read_one(&running).await;
    running.shutdown().await;

    let running = start(place.set_prefix("after").await).await;
    let health = async || {
        running
            .node
            .bus
            .healthy()
            .await
            .map_err(|error| error.code())
    };
    eventually("the node says that its position is no place", async || {
        health().await == Err("BUS_POSITION")
    })
    .await;
    let resumed = place.topics(&["resume", "--replication", "1", TOPIC]).await;
    assert_eq!(
        resumed.code,
        Some(0),
        "{}{}",
        resumed.stdout,
        resumed.stderr
    );
    assert!(
        resumed.stdout.contains("was 1, goes on after 0"),
        "{}",
        resumed.stdout
    );
    let other = place.topics(&["resume", "deadletter.nobody"]).await;
    assert_eq!(other.code, Some(3), "{}", other.stdout);
    eventually("the node is well", async || health().await == Ok(())).await;
    read_one(&running).await;
    running.shutdown().await;
    let mut fsck = hub();
    fsck.args(["log", "fsck", "--data"])
        .arg(place.folder.path().join("data"));
    let report = run(&mut fsck);
    assert_eq!(report.code, Some(0), "{}{}", report.stdout, report.stderr);
}
