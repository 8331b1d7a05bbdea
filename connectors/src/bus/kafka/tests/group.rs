//! Several processes of one node.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;

use super::*;

const RECORDS: u32 = 4000;
const KEYS: u32 = 50;

/// The common database of the processes: position and effect are one transaction.
#[derive(Default)]
struct Ledger(Mutex<Book>);

#[derive(Default)]
struct Book {
    positions: BTreeMap<i32, i64>,
    /// Numbers in the order in which they were applied.
    applied: Vec<(String, u32)>,
    distinct: BTreeSet<u32>,
    /// Batches that another process had applied already.
    late: u32,
}

#[async_trait]
impl Positions for Ledger {
    async fn last(&self, _topic: &str, partition: i32) -> Result<Option<i64>, BusError> {
        let book = self.0.lock().expect("a ledger");
        Ok(book.positions.get(&partition).copied())
    }
}

impl Ledger {
    fn apply(&self, batch: &[BusRecord]) {
        let mut book = self.0.lock().expect("a ledger");
        for record in batch {
            let position = book.positions.entry(record.partition).or_default();
            if record.position <= *position {
                book.late += 1;
                return;
            }
            *position = record.position;
            let (key, number) = (record.key.clone(), number_of(record));
            book.applied.push((key, number));
            book.distinct.insert(number);
        }
    }

    /// How many different records were applied.
    fn count(&self) -> usize {
        self.0.lock().expect("a ledger").distinct.len()
    }
}

/// One process: reads and applies until it is told to stop, then is killed in the middle of work.
async fn process(bus: KafkaBus, ledger: Arc<Ledger>, stop: Arc<AtomicBool>) {
    let positions: Arc<dyn Positions> = Arc::<Ledger>::clone(&ledger);
    let mut subscription = bus
        .subscribe(TOPIC, Sharing::Divided, positions)
        .await
        .expect("subscribes");
    while let Ok(batch) = tokio::time::timeout(PATIENCE, subscription.next()).await {
        let batch = batch.expect("a batch");
        // Applying takes a while, so that partitions are asked back in the middle of it.
        tokio::time::sleep(Duration::from_millis(5)).await;
        if stop.load(Ordering::Relaxed) {
            return;
        }
        ledger.apply(&batch);
        if ledger.count() >= RECORDS as usize {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_record_has_its_effect_once_while_processes_come_and_go() {
    let Some(place) = Place::with_partitions("group", 6).await else {
        return;
    };
    let ledger = Arc::new(Ledger::default());
    let start = |instance: &str| {
        let stop = Arc::new(AtomicBool::new(false));
        let work = process(
            place.open_as(instance),
            Arc::clone(&ledger),
            Arc::clone(&stop),
        );
        (tokio::spawn(work), stop)
    };
    let writer = place.open_as("writer");
    let load = tokio::spawn(async move {
        for from in (0..RECORDS).step_by(50) {
            let records = numbered(from..from + 50, KEYS);
            writer.publish(records).await.expect("published");
        }
    });
    let (first, stop_first) = start("a");
    reached(&ledger, 200).await;
    let (second, _) = start("b");
    reached(&ledger, 800).await;
    stop_first.store(true, Ordering::Relaxed);
    first.await.expect("the first ends");
    let (third, _) = start("a");
    load.await.expect("the load ends");
    reached(&ledger, RECORDS as usize).await;
    second.abort();
    third.abort();

    let book = ledger.0.lock().expect("a ledger");
    assert_eq!(
        book.applied.len(),
        RECORDS as usize,
        "nothing is applied twice"
    );
    assert_eq!(
        book.late, 0,
        "partitions are given back after the batch in work"
    );
    let mut last = BTreeMap::new();
    for (key, number) in &book.applied {
        let before = last.insert(key, number);
        assert!(before < Some(number), "{key} out of order");
    }
}

/// Reads and applies for ever; where reading fails it begins again, as the hub does.
async fn read_on(bus: KafkaBus, ledger: Arc<Ledger>) {
    loop {
        let positions: Arc<dyn Positions> = Arc::<Ledger>::clone(&ledger);
        let subscribed = bus.subscribe(TOPIC, Sharing::Divided, positions).await;
        if let Ok(mut subscription) = subscribed {
            while let Ok(batch) = subscription.next().await {
                ledger.apply(&batch);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn reached(ledger: &Ledger, count: usize) {
    let all = async {
        while ledger.count() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let reached = tokio::time::timeout(PATIENCE, all).await;
    assert!(reached.is_ok(), "{} of {count} applied", ledger.count());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_of_one_name_are_told_so() {
    let Some(place) = Place::with_partitions("name", 1).await else {
        return;
    };
    let kept = Arc::new(Kept::default());
    let (one, other) = (place.open(), place.open());
    one.publish(numbered(0..1, 1)).await.expect("published");
    let mut first = subscribe(&one, Sharing::Divided, &kept).await;
    assert_eq!(next(&mut first).await.len(), 1);
    let mut second = subscribe(&other, Sharing::Divided, &kept).await;
    assert_eq!(
        next(&mut second).await.len(),
        1,
        "the later one takes the place"
    );
    let refused = tokio::time::timeout(PATIENCE, first.next()).await;
    let code = refused.expect("in time").map_err(|error| error.code());
    assert_eq!(code, Err("BUS_SETTING"));
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_added_are_read_from_their_first_record() {
    let Some(place) = Place::with_partitions("added", 1).await else {
        return;
    };
    let bus = place.open();
    let kept = Arc::new(Kept::default());
    let mut whole = subscribe(&bus, Sharing::Whole, &kept).await;
    bus.publish(numbered(0..1, 1)).await.expect("published");
    assert_eq!(read(&mut whole, &kept, 1).await.len(), 1);
    let client = place.settings.client();
    let admin: AdminClient<DefaultClientContext> = client.create().expect("a client");
    let name = place.settings.full_name(TOPIC);
    let more = [NewPartitions::new(&name, 4)];
    let answers = admin.create_partitions(&more, &AdminOptions::new()).await;
    answers.expect("an answer")[0].as_ref().expect("partitions");
    // A client of its own: this one knows the partitions.
    let writer = place.open_as("writer");
    writer
        .publish(numbered(1..41, 40))
        .await
        .expect("published");
    let records = read(&mut whole, &kept, 40).await;
    let partitions: BTreeSet<i32> = records.iter().map(|record| record.partition).collect();
    assert!(partitions.len() > 1, "{partitions:?}");
    let numbers: BTreeSet<u32> = records.iter().map(number_of).collect();
    assert_eq!(numbers, (1..41).collect());
}

/// `HUB_TEST_KAFKA_RESTART` is a shell command that kills the broker and starts it again; the
/// test must run alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_while_records_are_published_loses_none() {
    let Some(place) = Place::with_partitions("killed", 3).await else {
        return;
    };
    let Ok(restart) = std::env::var("HUB_TEST_KAFKA_RESTART") else {
        let line = b"SKIPPED killed broker: HUB_TEST_KAFKA_RESTART names no command\n";
        std::io::stderr().write_all(line).expect("stderr");
        return;
    };
    let ledger = Arc::new(Ledger::default());
    let reader = tokio::spawn(read_on(place.open_as("a"), Arc::clone(&ledger)));
    let writer = place.open_as("writer");
    // Both are at work before the broker goes.
    let first = writer.publish(numbered(0..50, KEYS)).await;
    first.expect("published");
    reached(&ledger, 50).await;
    let killer = tokio::task::spawn_blocking(move || {
        std::process::Command::new("sh")
            .args(["-c", &restart])
            .status()
    });
    let mut failures = 0;
    for from in (50..RECORDS).step_by(50) {
        // As the outbox does: the same again until it is taken.
        while writer
            .publish(numbered(from..from + 50, KEYS))
            .await
            .is_err()
        {
            failures += 1;
            assert!(failures < 60, "the broker does not come back");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        killer
            .await
            .expect("a thread")
            .expect("a command")
            .success()
    );
    reached(&ledger, RECORDS as usize).await;
    reader.abort();
    // Twice is allowed, another order is not: the first of each number counts.
    let book = ledger.0.lock().expect("a ledger");
    let (mut seen, mut last) = (BTreeSet::new(), BTreeMap::new());
    for (key, number) in &book.applied {
        if seen.insert(number) {
            let before = last.insert(key, number);
            assert!(before < Some(number), "{key} out of order");
        }
    }
    println!(
        "{failures} failed publications, {} records",
        book.applied.len()
    );
}
