//! What the seam costs beside the bare client, in one run, order swapped each round:
//! `cargo test --release -p connectors measure -- --ignored --nocapture`.

use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

use super::super::record::headers_of;
use super::*;

const RECORDS: u32 = 50_000;
const ROUNDS: usize = 6;

/// Records of one publication, and publications under way.
const BATCH: u32 = 500;
const UNDER_WAY: usize = 8;

fn load() -> Vec<Vec<OutgoingRecord>> {
    let body = Bytes::from(vec![b'x'; 1024]);
    let one = |number: u32| record(&format!("key {}", number % 1000), body.clone());
    (0..RECORDS)
        .step_by(BATCH as usize)
        .map(|from| (from..from + BATCH).map(one).collect())
        .collect()
}

fn rate(started: Instant) -> f64 {
    f64::from(RECORDS) / started.elapsed().as_secs_f64()
}

async fn publish_seam(bus: &KafkaBus) -> f64 {
    let load = load();
    let started = Instant::now();
    let publications = load.into_iter().map(|batch| bus.publish(batch));
    let outcomes: Vec<_> = stream::iter(publications)
        .buffered(UNDER_WAY)
        .collect()
        .await;
    assert!(outcomes.iter().all(Result::is_ok));
    rate(started)
}

fn publish_bare(place: &Place) -> f64 {
    let load = load();
    let config = place.settings.producer();
    let producer: ThreadedProducer<DefaultProducerContext> = config.create().expect("a client");
    let topic = place.settings.full_name(TOPIC);
    let started = Instant::now();
    for record in load.iter().flatten() {
        let bare = BaseRecord::to(&topic)
            .key(&record.key)
            .payload(record.body.as_ref())
            .headers(headers_of(record));
        producer
            .send(bare)
            .map_err(|(error, _)| error)
            .expect("queued");
    }
    while producer.in_flight_count() > 0 {
        std::thread::sleep(Duration::from_micros(200));
    }
    rate(started)
}

async fn consume_seam(bus: &KafkaBus) -> f64 {
    let started = Instant::now();
    let positions = Arc::new(None);
    let mut subscription = bus
        .subscribe(TOPIC, Sharing::Whole, positions)
        .await
        .expect("reads");
    let mut count = 0;
    while count < RECORDS as usize {
        count += next(&mut subscription).await.len();
    }
    rate(started)
}

fn consume_bare(place: &Place, partitions: i32) -> f64 {
    let started = Instant::now();
    let mut config = place.settings.client();
    config.set("group.id", "bare").set("check.crcs", "true");
    let consumer: BaseConsumer = config.create().expect("a client");
    let mut list = rdkafka::TopicPartitionList::new();
    let topic = place.settings.full_name(TOPIC);
    for partition in 0..partitions {
        let from = rdkafka::Offset::Beginning;
        list.add_partition_offset(&topic, partition, from)
            .expect("a partition");
    }
    consumer.assign(&list).expect("assigned");
    let mut count = 0;
    while count < RECORDS {
        let message = consumer
            .poll(PATIENCE)
            .expect("in time")
            .expect("a message");
        count += u32::from(message.payload_len() == 1024);
    }
    rate(started)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn what_the_seam_costs() {
    let partitions = 3;
    let mut ratios = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        let (Some(seam), Some(bare)) = (
            Place::with_partitions("measure", partitions).await,
            Place::with_partitions("measure", partitions).await,
        ) else {
            return;
        };
        let bus = seam.open();
        let mut rates = [0.0; 4];
        for first in [round % 2 == 0, round % 2 == 1] {
            if first {
                rates[0] = publish_seam(&bus).await;
                rates[1] = consume_seam(&bus).await;
            } else {
                rates[2] = publish_bare(&bare);
                rates[3] = consume_bare(&bare, partitions);
            }
        }
        println!(
            "seam publish {:.0}/s consume {:.0}/s | bare publish {:.0}/s consume {:.0}/s",
            rates[0], rates[1], rates[2], rates[3]
        );
        ratios[0].push(rates[0] / rates[2]);
        ratios[1].push(rates[1] / rates[3]);
    }
    for (what, mut ratios) in ["publish", "consume"].into_iter().zip(ratios) {
        ratios.sort_by(f64::total_cmp);
        println!(
            "{what}: median ratio {:.2} ({:.2}–{:.2})",
            ratios[ROUNDS / 2],
            ratios[0],
            ratios[ROUNDS - 1]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn how_long_one_record_is_under_way() {
    let Some(place) = Place::with_partitions("latency", 1).await else {
        return;
    };
    let bus = place.open();
    let positions = Arc::new(None);
    let subscribed = bus.subscribe(TOPIC, Sharing::Whole, positions).await;
    let mut subscription = subscribed.expect("reads");
    let mut times = Vec::new();
    for number in 0..1000_u32 {
        let started = Instant::now();
        bus.publish(numbered(number..number + 1, 1))
            .await
            .expect("published");
        assert_eq!(number_of(&next(&mut subscription).await[0]), number);
        times.push(started.elapsed());
    }
    let config = place.settings.producer();
    let producer: ThreadedProducer<DefaultProducerContext> = config.create().expect("a client");
    let mut reader = place.settings.client();
    reader
        .set("group.id", "bare")
        .set("fetch.wait.max.ms", "500");
    let reader: BaseConsumer = reader.create().expect("a client");
    let topic = place.settings.full_name(TOPIC);
    let mut list = rdkafka::TopicPartitionList::new();
    let end = rdkafka::Offset::Offset(1000);
    list.add_partition_offset(&topic, 0, end)
        .expect("a partition");
    reader.assign(&list).expect("assigned");
    let mut bare = Vec::new();
    for _ in 0..1000 {
        let started = Instant::now();
        let record = BaseRecord::to(&topic).key("key 0").payload("1");
        producer
            .send(record)
            .map_err(|(error, _)| error)
            .expect("queued");
        reader.poll(PATIENCE).expect("in time").expect("a message");
        bare.push(started.elapsed());
    }
    for (what, mut times) in [("seam", times), ("bare", bare)] {
        times.sort_unstable();
        println!("{what}: p50 {:?} p99 {:?}", times[500], times[990]);
    }
}
