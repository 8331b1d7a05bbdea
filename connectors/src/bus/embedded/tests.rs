//! Order, durability, wake-up and limits of the embedded bus.

use schemas::envelope::BODY_BYTES_MAX;
use tokio::task::JoinSet;

use super::super::{HEADERS_MAX, KEY_BYTES_MAX, TOPIC_BYTES_MAX};
use super::*;

const TOPIC: &str = "directory.changes";

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    async fn open(&self) -> EmbeddedBus {
        EmbeddedBus::open(&self.folder.path().join("bus.db"))
            .await
            .expect("a bus")
    }
}

fn record(topic: &str, number: usize) -> OutgoingRecord {
    OutgoingRecord {
        topic: topic.to_owned(),
        key: format!("key {}", number % 7),
        headers: vec![("ce_id".to_owned(), number.to_string())],
        body: Bytes::from(number.to_string()),
    }
}

fn records(topic: &str, numbers: std::ops::Range<usize>) -> Vec<OutgoingRecord> {
    numbers.map(|number| record(topic, number)).collect()
}

async fn subscribe(
    bus: &EmbeddedBus,
    topic: &str,
    after: Option<i64>,
) -> Result<Box<dyn Subscription>, BusError> {
    bus.subscribe(topic, Sharing::Whole, Arc::new(after)).await
}

async fn read(bus: &EmbeddedBus, after: Option<i64>, count: usize) -> Vec<BusRecord> {
    let mut subscription = subscribe(bus, TOPIC, after).await.expect("a subscription");
    let mut all = Vec::new();
    while all.len() < count {
        let batch = subscription.next().await.expect("a batch");
        assert!((1..=BATCH_RECORDS_MAX).contains(&batch.len()));
        all.extend(batch);
    }
    all
}

#[track_caller]
fn check_order(records: &[BusRecord], first: i64) {
    assert!(!records.is_empty());
    for (expected, record) in (first..).zip(records) {
        assert_eq!(record.position, expected);
    }
}

#[tokio::test]
async fn a_record_is_read_as_it_was_published() {
    let place = Place::new();
    let bus = place.open().await;
    bus.publish(records(TOPIC, 0..3)).await.expect("published");
    bus.publish(Vec::new()).await.expect("nothing to publish");
    let read = read(&bus, None, 3).await;
    check_order(&read, 1);
    let expected = BusRecord {
        topic: TOPIC.to_owned(),
        partition: 0,
        position: 2,
        key: "key 1".to_owned(),
        headers: vec![("ce_id".to_owned(), "1".to_owned())],
        body: Bytes::from_static(b"1"),
        malformed: None,
    };
    assert_eq!(read.get(1), Some(&expected));
    bus.healthy().await.expect("healthy");
}

#[tokio::test]
async fn what_is_forgotten_is_gone_and_its_positions_are_not_given_again() {
    let place = Place::new();
    let bus = place.open().await;
    bus.publish(records(TOPIC, 0..300))
        .await
        .expect("published");
    bus.publish(records("other", 0..3))
        .await
        .expect("published");
    bus.forget(TOPIC, 290, 20).await.expect("forgets");
    check_order(&read(&bus, None, 20).await, 281);
    bus.forget(TOPIC, 290, 0).await.expect("forgets");
    check_order(&read(&bus, None, 10).await, 291);
    bus.forget(TOPIC, i64::MAX, 0).await.expect("forgets");
    bus.publish(records(TOPIC, 0..1)).await.expect("published");
    check_order(&read(&bus, None, 2).await, 300);
    let mut late = subscribe(&bus, TOPIC, Some(7))
        .await
        .expect("a subscription");
    assert!(matches!(
        late.next().await,
        Err(BusError::Gap { expected: 8, .. })
    ));
    let mut other = subscribe(&bus, "other", None)
        .await
        .expect("a subscription");
    check_order(&other.next().await.expect("a batch"), 1);
}

#[tokio::test]
async fn every_subscriber_gets_every_record_and_restarts_go_on() {
    const COUNT: usize = 3_000;
    let place = Place::new();
    let bus = place.open().await;
    for start in (0..COUNT).step_by(100) {
        bus.publish(records(TOPIC, start..start + 100))
            .await
            .expect("published");
    }
    let (one, two) = tokio::join!(read(&bus, None, COUNT), read(&bus, None, COUNT));
    check_order(&one, 1);
    assert_eq!(one, two);
    drop(bus);

    let bus = place.open().await;
    assert_eq!(read(&bus, None, COUNT).await, one);
    bus.publish(vec![record(TOPIC, COUNT)])
        .await
        .expect("published");
    let rest = read(&bus, Some(2_990), 11).await;
    check_order(&rest, 2_991);
    assert_eq!(
        rest.last().map(|record| record.body.clone()),
        Some(Bytes::from("3000"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_publishers_leave_no_gap() {
    const PUBLISHERS: usize = 16;
    const EACH: usize = 100;
    let place = Place::new();
    let bus = Arc::new(place.open().await);
    let reader = tokio::spawn({
        let bus = Arc::clone(&bus);
        async move { read(&bus, None, PUBLISHERS * EACH).await }
    });
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let bus = Arc::clone(&bus);
        publishers.spawn(async move {
            for number in 0..EACH {
                let other = record("directory.receipts", number);
                let own = OutgoingRecord {
                    key: publisher.to_string(),
                    ..record(TOPIC, number)
                };
                bus.publish(vec![own, other]).await.expect("published");
            }
        });
    }
    publishers.join_all().await;
    let all = reader.await.expect("read");
    check_order(&all, 1);
    for publisher in 0..PUBLISHERS {
        let own = all
            .iter()
            .filter(|record| record.key == publisher.to_string());
        let bodies: Vec<_> = own.map(|record| record.body.clone()).collect();
        let expected: Vec<_> = (0..EACH)
            .map(|number| Bytes::from(number.to_string()))
            .collect();
        assert_eq!(bodies, expected, "order of publisher {publisher}");
    }
}

#[tokio::test]
async fn a_waiting_reader_is_woken_and_a_dropped_wait_loses_nothing() {
    let place = Place::new();
    let bus = place.open().await;
    let mut subscription = subscribe(&bus, TOPIC, None).await.expect("a subscription");
    let mut other = subscribe(&bus, "directory.receipts", None)
        .await
        .expect("a subscription");
    {
        let wait = other.next();
        tokio::select! {
            biased;
            _ = wait => panic!("nothing was published there"),
            done = bus.publish(records(TOPIC, 0..2)) => done.expect("published"),
        }
    }
    check_order(&subscription.next().await.expect("a batch"), 1);
    let (batch, done) = tokio::join!(subscription.next(), bus.publish(records(TOPIC, 2..3)));
    done.expect("published");
    check_order(&batch.expect("a batch"), 3);
    bus.publish(records("directory.receipts", 0..1))
        .await
        .expect("published");
    check_order(&other.next().await.expect("a batch"), 1);
    drop(bus);
    let error = subscription.next().await.expect_err("the end");
    assert_eq!(error.code(), "BUS_CLOSED");
}

#[tokio::test]
async fn batches_are_bounded_in_bytes() {
    let place = Place::new();
    let bus = place.open().await;
    let large = OutgoingRecord {
        body: vec![7; BODY_BYTES_MAX].into(),
        ..record(TOPIC, 0)
    };
    bus.publish(vec![large; 6]).await.expect("published");
    let mut subscription = subscribe(&bus, TOPIC, None).await.expect("a subscription");
    assert_eq!(subscription.next().await.expect("a batch").len(), 4);
    assert_eq!(subscription.next().await.expect("a batch").len(), 2);
}

#[tokio::test]
async fn records_over_a_limit_are_refused_with_their_whole_publication() {
    let place = Place::new();
    let bus = place.open().await;
    let header = ("a".to_owned(), "b".to_owned());
    let good = || record(TOPIC, 0);
    let faulty = [
        (
            OutgoingRecord {
                body: vec![0; BODY_BYTES_MAX + 1].into(),
                ..good()
            },
            "BUS_TOO_LARGE",
        ),
        (
            OutgoingRecord {
                key: "k".repeat(KEY_BYTES_MAX + 1),
                ..good()
            },
            "BUS_TOO_LARGE",
        ),
        (
            OutgoingRecord {
                headers: vec![header; HEADERS_MAX + 1],
                ..good()
            },
            "BUS_TOO_LARGE",
        ),
        (record("", 0), "BUS_TOPIC"),
        (record("a topic", 0), "BUS_TOPIC"),
        (record(&"t".repeat(TOPIC_BYTES_MAX + 1), 0), "BUS_TOPIC"),
    ];
    for (record, code) in faulty {
        let error = bus
            .publish(vec![good(), record])
            .await
            .expect_err("a refusal");
        assert_eq!(error.code(), code);
    }
    bus.publish(vec![record(TOPIC, 9)])
        .await
        .expect("published");
    let read = read(&bus, None, 1).await;
    assert_eq!(
        read.first().map(|record| record.body.clone()),
        Some(Bytes::from("9"))
    );
}

#[tokio::test]
async fn a_position_behind_the_end_is_refused() {
    let place = Place::new();
    let bus = place.open().await;
    bus.publish(records(TOPIC, 0..2)).await.expect("published");
    for position in [3, -1] {
        let refused = subscribe(&bus, TOPIC, Some(position)).await;
        assert_eq!(
            refused.err().map(|error| error.code()),
            Some("BUS_POSITION")
        );
    }
    assert!(subscribe(&bus, TOPIC, Some(2)).await.is_ok());
}

#[tokio::test]
async fn a_damaged_log_is_noticed() {
    let place = Place::new();
    let bus = place.open().await;
    bus.publish(records(TOPIC, 0..3)).await.expect("published");
    let damage = |sql| sqlx::query::<sqlx::Sqlite>(sql).execute(&bus.readers);
    damage("delete from record where position = 2")
        .await
        .expect("damage");
    let mut subscription = subscribe(&bus, TOPIC, None).await.expect("a subscription");
    assert_eq!(
        subscription.next().await.expect_err("a refusal").code(),
        "BUS_GAP"
    );
    damage("update record set headers = '{' where position = 1")
        .await
        .expect("damage");
    assert_eq!(
        subscription.next().await.expect_err("a refusal").code(),
        "BUS_MALFORMED"
    );
}

#[tokio::test]
async fn a_log_that_could_not_be_written_is_written_again() {
    let place = Place::new();
    let bus = place.open().await;
    bus.publish(records(TOPIC, 0..1)).await.expect("published");
    let run = |sql| sqlx::query::<sqlx::Sqlite>(sql).execute(&bus.readers);
    // SQLite ends the transaction by itself, as on a full disk.
    run(
        "create trigger broken before insert on record when new.position = 3 \
         begin select raise(rollback, 'broken for a test'); end",
    )
    .await
    .expect("breaks");
    let refused = bus.publish(records(TOPIC, 1..4)).await;
    assert_eq!(refused.expect_err("refused").code(), "BUS_STORE");
    run("drop trigger broken").await.expect("repairs");
    bus.publish(records(TOPIC, 1..4)).await.expect("published");
    let mut subscription = subscribe(&bus, TOPIC, None).await.expect("a subscription");
    let read = subscription.next().await.expect("records");
    let keys: Vec<&str> = read.iter().map(|record| record.key.as_str()).collect();
    assert_eq!(keys, ["key 0", "key 1", "key 2", "key 3"]);
}
