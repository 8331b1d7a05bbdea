//! What the bus seam costs beside the bare client and beside Kafka's own performance tools:
//! publishing, reading, and how long one record is under way.

#![expect(clippy::expect_used, reason = "what cannot be set up ends the bench")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::bare::{Receiver, Sender};
use benches::load::random_bytes;
use benches::{Comparison, Rate, Side, compare, compare_times, engines};
use bytes::Bytes;
use connectors::bus::kafka::KafkaSettings;
use connectors::bus::{Bus as _, KafkaBus, OutgoingRecord, Sharing, Subscription};
use futures_util::{StreamExt as _, stream};
use rdkafka::message::OwnedHeaders;
use tokio::runtime::Runtime;

/// Records of one round, and bytes of each.
const RECORDS: u32 = 60_000;
const RECORD_BYTES: u32 = 1_024;

/// Records of one publication, and publications under way.
const BATCH: usize = 500;
const UNDER_WAY: usize = 8;

/// Records that travel alone, one after another.
const SINGLE: usize = 300;

const TOPIC: &str = "directory.changes";
const PARTITIONS: i32 = 3;

fn main() {
    let Some(broker) = engines::kafka("bus") else {
        return;
    };
    let runtime = Runtime::new().expect("runtime");
    let place = Place { runtime, broker };
    println!("{RECORDS} records of {RECORD_BYTES} bytes a round, {PARTITIONS} partitions");
    let published = |title, theirs: Side<'_>| {
        compare(
            comparison(title),
            ("bus seam", &mut || place.publish_seam(&place.topic())),
            theirs,
        );
    };
    published(
        "publish, against the bare client",
        ("bare client", &mut || place.publish_bare(&place.topic())),
    );
    published(
        "publish, against Kafka's own tool",
        ("kafka-producer-perf-test", &mut || {
            engines::produce_with_tool(&place.topic(), TOPIC, RECORDS, RECORD_BYTES)
        }),
    );
    // Everything reads the same records.
    let full = place.topic();
    place.publish_bare(&full);
    let read = |title, theirs: Side<'_>| {
        let ours = &mut || place.consume_seam(&full);
        compare(comparison(title), ("bus seam", ours), theirs);
    };
    read(
        "read, against the bare client",
        ("bare client", &mut || place.consume_bare(&full)),
    );
    read(
        "read, against Kafka's own tool",
        ("kafka-consumer-perf-test, joining included", &mut || {
            engines::consume_with_tool(&full, TOPIC, RECORDS)
        }),
    );
    place.single();
}

fn comparison(title: &str) -> Comparison<'_> {
    Comparison {
        title,
        goal: "",
        unit: "/s",
    }
}

struct Place {
    runtime: Runtime,
    broker: String,
}

impl Place {
    /// A new, empty topic.
    fn topic(&self) -> KafkaSettings {
        let settings = engines::own_settings(&self.broker);
        let made = engines::make_topic(&settings, TOPIC, PARTITIONS);
        self.runtime.block_on(made);
        settings
    }

    fn publish_seam(&self, settings: &KafkaSettings) -> Rate {
        let _entered = self.runtime.enter();
        let bus = KafkaBus::open(settings.clone()).expect("a bus");
        let load = load();
        let started = Instant::now();
        self.runtime.block_on(async {
            let publications = load.chunks(BATCH).map(|batch| bus.publish(batch.to_vec()));
            let mut publications = stream::iter(publications).buffered(UNDER_WAY);
            while let Some(published) = publications.next().await {
                published.expect("published");
            }
        });
        rate(started)
    }

    fn publish_bare(&self, settings: &KafkaSettings) -> Rate {
        let sender = Sender::new(settings);
        let load = load();
        let started = Instant::now();
        for record in &load {
            sender.send(TOPIC, &record.key, OwnedHeaders::new(), &record.body);
        }
        sender.wait();
        rate(started)
    }

    fn consume_seam(&self, settings: &KafkaSettings) -> Rate {
        let _entered = self.runtime.enter();
        let bus = KafkaBus::open(settings.clone()).expect("a bus");
        let started = Instant::now();
        self.runtime.block_on(async {
            let mut subscription = subscribed(&bus).await;
            let mut count = 0;
            while count < RECORDS as usize {
                count += subscription.next().await.expect("reads").len();
            }
        });
        rate(started)
    }

    fn consume_bare(&self, settings: &KafkaSettings) -> Rate {
        let started = Instant::now();
        let receiver = Receiver::from_beginning(settings, TOPIC, PARTITIONS);
        let mut count = 0;
        while count < RECORDS {
            count += u32::from(receiver.next().payload_len() > 0);
        }
        rate(started)
    }

    /// One record after another: from the call to the reader's hands.
    fn single(&self) {
        let _entered = self.runtime.enter();
        let settings = self.topic();
        let bus = KafkaBus::open(settings).expect("a bus");
        let mut subscription = self.runtime.block_on(subscribed(&bus));
        let bare = self.topic();
        let (sender, receiver) = (Sender::new(&bare), Receiver::new(&bare, TOPIC, PARTITIONS));
        compare_times(
            comparison("one record under way"),
            ("bus seam", &mut || {
                let times = single_seam(&bus, &mut subscription);
                self.runtime.block_on(times)
            }),
            ("bare client", &mut || single_bare(&sender, &receiver)),
        );
    }
}

async fn subscribed(bus: &KafkaBus) -> Box<dyn Subscription> {
    let subscribed = bus.subscribe(TOPIC, Sharing::Whole, Arc::new(None)).await;
    subscribed.expect("reads")
}

async fn single_seam(bus: &KafkaBus, subscription: &mut Box<dyn Subscription>) -> Vec<Duration> {
    let mut times = Vec::new();
    for record in load().into_iter().take(SINGLE) {
        let started = Instant::now();
        bus.publish(vec![record]).await.expect("published");
        let read = subscription.next().await.expect("reads");
        assert_eq!(read.len(), 1, "one record at a time");
        times.push(started.elapsed());
    }
    times
}

fn single_bare(sender: &Sender, receiver: &Receiver) -> Vec<Duration> {
    let mut times = Vec::new();
    for record in load().iter().take(SINGLE) {
        let started = Instant::now();
        sender.send(TOPIC, &record.key, OwnedHeaders::new(), &record.body);
        assert!(receiver.next().payload_len() > 0, "an empty record");
        times.push(started.elapsed());
    }
    times
}

fn load() -> Vec<OutgoingRecord> {
    let body = Bytes::from(random_bytes(RECORD_BYTES as usize));
    let record = |number: u32| OutgoingRecord {
        topic: TOPIC.to_owned(),
        key: format!("key {}", number % 1_000),
        headers: Vec::new(),
        body: body.clone(),
    };
    (0..RECORDS).map(record).collect()
}

fn rate(started: Instant) -> Rate {
    Rate {
        operations: RECORDS.into(),
        time: started.elapsed(),
    }
}
