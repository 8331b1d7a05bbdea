//! `hub deadletters`: what could not be used is seen, tried again and let go, with a leaf each.
//! And what the brokers do not take holds nothing else up.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use connectors::bus::{Bus, BusError, EmbeddedBus, OutgoingRecord};
use hub::clock::SystemClock;
use hub::config::Config;
use hub::node::{Node, Running};
use hub::store::StoreError;
use hub::store::dead_letters::{self, Decision, Origin};
use hub::store::outbox::{self, Outgoing};
use schemas::leaf::Activity;
use tests::eventually;
use tests::failing_bus::{FailingBus, Fate};
use tests::program::{Finished, hub, run};

const TOPIC: &str = "requests.zhejiang";

struct Lone {
    folder: tempfile::TempDir,
}

impl Lone {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().display();
        std::fs::create_dir_all(folder.path().join("trust")).expect("a folder");
        let config = format!(
            "[node]\nname = \"zhejiang\"\nrole = \"province\"\nnational = \"national\"\n\
             data = \"{root}/data\"\ntrust = \"{root}/trust\"\n"
        );
        std::fs::write(folder.path().join("hub.toml"), config).expect("written");
        Self { folder }
    }

    fn config(&self) -> Config {
        Config::load(&self.folder.path().join("hub.toml")).expect("a configuration")
    }

    async fn bus(&self) -> Arc<dyn Bus> {
        let data = self.folder.path().join("data");
        std::fs::create_dir_all(&data).expect("a folder");
        Arc::new(
            EmbeddedBus::open(&data.join("bus.sqlite"))
                .await
                .expect("a bus"),
        )
    }

    async fn start(&self) -> Running {
        self.start_on(self.bus().await).await
    }

    async fn start_on(&self, bus: Arc<dyn Bus>) -> Running {
        let config = self.config().node;
        let started = Node::start(config, bus, Arc::new(SystemClock)).await;
        started.expect("a node")
    }

    async fn deadletters(&self, arguments: &[&str]) -> Finished {
        let config = self.folder.path().join("hub.toml");
        let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
        let work = move || run(&mut command(&config, &arguments));
        tokio::task::spawn_blocking(work).await.expect("ran")
    }
}

fn command(config: &Path, arguments: &[String]) -> std::process::Command {
    let mut command = hub();
    let (verb, numbers) = arguments.split_first().expect("a verb");
    command
        .args(["deadletters", verb, "--config"])
        .arg(config)
        .args(numbers);
    command
}

async fn letters(running: &Running, count: i64) {
    let store = &running.node.store;
    eventually("the record becomes a dead letter", async || {
        let position = hub::store::positions::last(store.reader(), TOPIC, 0).await;
        position.expect("a position") == Some(count)
            && outbox::count(store.reader()).await.expect("counts") == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_used_is_seen_tried_again_and_let_go() {
    let lone = Lone::new();
    let foreign = OutgoingRecord {
        topic: TOPIC.to_owned(),
        key: "k".to_owned(),
        headers: vec![("ce_source".to_owned(), "/nodes/no\u{1b}body".to_owned())],
        body: Bytes::from_static(b"{}"),
    };
    let bus = lone.bus().await;
    bus.publish(vec![foreign]).await.expect("published");
    drop(bus);
    let running = lone.start().await;
    letters(&running, 1).await;
    running.shutdown().await;

    let listed = lone.deadletters(&["list"]).await;
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let place = format!("{TOPIC}/0/1");
    assert!(
        listed.stdout.contains(&place) && listed.stdout.contains("open"),
        "{}",
        listed.stdout
    );
    assert!(
        !listed.stdout.contains('\u{1b}'),
        "foreign text commands the terminal"
    );
    let shown = lone.deadletters(&["show", "1"]).await;
    assert!(
        shown.stdout.contains("ce_source"),
        "{}{}",
        shown.stdout,
        shown.stderr
    );

    // Tried again: it comes as before and is refused as before.
    let retried = lone.deadletters(&["retry", "1"]).await;
    assert_eq!(
        retried.code,
        Some(0),
        "{}{}",
        retried.stdout,
        retried.stderr
    );
    let running = lone.start().await;
    letters(&running, 2).await;
    running.shutdown().await;
    let listed = lone.deadletters(&["list"]).await.stdout;
    assert!(
        listed.contains(&format!("{TOPIC}/0/2")) && !listed.contains(&place),
        "{listed}"
    );

    let dropped = lone.deadletters(&["drop", "2"]).await;
    assert_eq!(
        dropped.code,
        Some(0),
        "{}{}",
        dropped.stdout,
        dropped.stderr
    );
    let listed = lone.deadletters(&["list"]).await.stdout;
    assert!(!listed.contains(TOPIC), "{listed}");
    let absent = lone.deadletters(&["drop", "99"]).await;
    assert_eq!(absent.code, Some(3), "{}", absent.stdout);

    check_decisions(&lone, &[(1, Decision::Retried), (2, Decision::Dropped)]).await;
}

/// The decisions are in the table, and the log vouches for them.
async fn check_decisions(lone: &Lone, decisions: &[(i64, Decision)]) {
    let running = lone.start().await;
    let store = &running.node.store;
    for (position, expected) in decisions {
        let origin = Origin {
            topic: TOPIC.to_owned(),
            partition: 0,
            position: *position,
        };
        let found = dead_letters::find(store.reader(), &origin)
            .await
            .expect("reads");
        assert_eq!(found.as_ref(), Some(expected));
    }
    running.shutdown().await;
    let data = lone.folder.path().join("data");
    let mut fsck = hub();
    fsck.args(["log", "fsck", "--json", "--data"]).arg(&data);
    let report = run(&mut fsck);
    assert_eq!(report.code, Some(0), "{}{}", report.stdout, report.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_for_a_topic_that_is_missing_hold_no_others_up() {
    let lone = Lone::new();
    let bus = lone.bus().await;
    let missing = "requests.sichuan";
    let judge = move |records: &[OutgoingRecord]| {
        if records.iter().all(|record| record.topic != missing) {
            return Fate::Taken;
        }
        let topic = missing.to_owned();
        Fate::Refused(BusError::UnknownTopic { topic })
    };
    let without = FailingBus::around(Arc::clone(&bus), Box::new(judge));
    let running = lone.start_on(without).await;
    let node = Arc::clone(&running.node);
    let message = |number: usize| Outgoing {
        message_id: number.to_string(),
        topic: if number < 100 {
            missing
        } else {
            "requests.national"
        }
        .to_owned(),
        key: "k".to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    // More than one relay takes, before the one that can be sent.
    let messages: Vec<Outgoing> = (0..=100).map(message).collect();
    let written: &Vec<&Outgoing> = &messages.iter().collect();
    let (leaf, log) = (node.leaf(Activity::Refuse), &node.log);
    let outcome: Result<(), StoreError> = node
        .store
        .run_tx("test", |tx| {
            let leaf = leaf.clone();
            Box::pin(async move {
                outbox::enqueue_all(tx, written).await?;
                log.append(tx, leaf, None).await?;
                Ok(())
            })
        })
        .await;
    outcome.expect("written");
    eventually("the message behind them is sent", async || {
        outbox::count(node.store.reader()).await.expect("counts") == 100
    })
    .await;
    running.shutdown().await;
}
