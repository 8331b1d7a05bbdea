//! Kill -9 of nodes, brokers and the database under load: nothing acknowledged is lost, nothing is
//! applied twice, each licence's changes keep their order, and every log stays whole.
//!
//! The writers keep a history of what was acknowledged to them; [`checker`] reads it and the
//! databases with eyes of its own.

pub(crate) mod checker;
pub(crate) mod history;
mod scene;
mod stages;
mod writers;

use std::sync::Arc;
use std::time::Duration;

use tests::engines::OwnEngines;
use tests::processes::{Libraries, Processes};
use tests::program::{self, is_long_run, run, skipped};
use tests::{NATIONAL, SICHUAN, ZHEJIANG, eventually_within};

use self::history::History;
use self::writers::Writers;
use crate::kill::Random;

/// Kills, over nodes, brokers and the database, unless `HUB_CRASH_KILLS` says otherwise.
const KILLS: u32 = 104;

/// Licences whose status changes all the time.
const LIBRARIES: Libraries = Libraries {
    licences: 24,
    files: 0,
};

/// Longest time until everything that was under way has arrived.
const SETTLED: Duration = Duration::from_secs(180);

/// What is killed.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Node(&'static str),
    Broker(u32),
    Database,
}

/// Who is killed in turn: nodes twice as often as the rest.
const TURNS: [Victim; 8] = [
    Victim::Node(NATIONAL),
    Victim::Broker(2),
    Victim::Node(ZHEJIANG),
    Victim::Database,
    Victim::Node(SICHUAN),
    Victim::Broker(3),
    Victim::Node(NATIONAL),
    Victim::Broker(1),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_killed_nothing_acknowledged_is_lost_or_doubled() {
    if !is_long_run() || std::env::var_os("HUB_TEST_KAFKA").is_none() {
        skipped("kills of nodes, brokers and database", "only with --long");
        return;
    }
    let engines = OwnEngines::start(3);
    let mut hub = Processes::start(engines.addresses(), LIBRARIES).await;
    let identifiers: Vec<String> = hub
        .items
        .iter()
        .map(|item| item.entry.identifier.to_string())
        .collect();
    let first = u64::try_from(LIBRARIES.licences).unwrap();
    settle(&hub, first).await;

    let history = Arc::new(History::create(&hub.folder.path().join("history.jsonl")));
    let writers = Writers::start(&hub, &identifiers, &history);
    let mut random = Random(0x2026_1121);
    let kills = kills();
    for number in 0..kills {
        let victim = TURNS[usize::try_from(number).unwrap() % TURNS.len()];
        // The moment of the kill is what is random here.
        tokio::time::sleep(Duration::from_secs_f64(random.fraction() * 1.5)).await;
        println!("kill {} of {kills}: {victim:?}", number + 1);
        kill(&mut hub, &engines, victim, &mut random).await;
        writers.look_up_again(&hub);
    }
    let acknowledged = writers.finish().await;
    settle(&hub, first + acknowledged).await;

    let found = checker::check(&history, &hub.database(NATIONAL), &hub.database(ZHEJIANG)).await;
    assert!(found.faults.is_empty(), "{:#?}", found.faults);
    check_logs(&mut hub).await;
    println!(
        "killed {kills} times: {acknowledged} changes acknowledged, lost 0, doubled 0, out of \
         order 0; {} applied",
        found.applied
    );
}

/// Whoever works on this wants a few: on two busy cores each takes a quarter of a minute.
fn kills() -> u32 {
    let wanted = std::env::var("HUB_CRASH_KILLS");
    wanted.map_or(KILLS, |wanted| wanted.parse().unwrap())
}

async fn kill(hub: &mut Processes, engines: &OwnEngines, victim: Victim, random: &mut Random) {
    let away = Duration::from_secs_f64(random.fraction() * 0.8);
    match victim {
        Victim::Node(name) => {
            hub.kill(name);
            tokio::time::sleep(away).await;
            hub.start_node(name).await;
        }
        Victim::Broker(number) => {
            let number = number.to_string();
            engines.kafka(&["kill", &number]);
            tokio::time::sleep(away).await;
            engines.kafka(&["restart", &number]);
        }
        Victim::Database => {
            engines.postgres(&["kill"]);
            tokio::time::sleep(away).await;
            engines.postgres(&["start"]);
        }
    }
}

/// Stops the nodes; their logs are whole, and none gave a message up.
async fn check_logs(hub: &mut Processes) {
    for name in [SICHUAN, ZHEJIANG, NATIONAL] {
        hub.stop(name);
        let fsck = ["log", "fsck", "--config"];
        let clean = run(program::hub().args(fsck).arg(hub.config_file(name)));
        assert_eq!(clean.code, Some(0), "{name}: {clean:?}");
        let given_up = checker::given_up(&hub.database(name)).await;
        assert!(given_up.is_empty(), "{name} gave up {given_up:?}");
    }
}

/// Waits until `changes` changes have their receipt and nothing waits to go out.
async fn settle(hub: &Processes, changes: u64) {
    let (zhejiang, national) = (hub.database(ZHEJIANG), hub.database(NATIONAL));
    eventually_within(SETTLED, "everything under way has arrived", async || {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let receipts = checker::count(&zhejiang, "receipt").await;
        let waiting = checker::count(&zhejiang, "outbox").await;
        let answers = checker::count(&national, "outbox").await;
        receipts.is_some_and(|receipts| receipts >= changes)
            && waiting == Some(0)
            && answers == Some(0)
    })
    .await;
}
