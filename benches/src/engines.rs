//! The engines that a bench needs, and topics of its own on the broker.
//!
//! `HUB_TEST_KAFKA=host:port` names the broker, `HUB_TEST_POSTGRES=URL` the database server, as for
//! the tests; `deploy/bench.sh` starts both. A bench whose engine is not there says so and ends.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use connectors::bus::kafka::topics::{TopicAdmin, TopicPlan};
use connectors::bus::kafka::{KafkaSettings, Security};

use crate::Rate;
use crate::bare::RECORD_BYTES_MAX;

/// The broker; none, said loudly, when there is none.
#[must_use]
pub fn kafka(bench: &str) -> Option<String> {
    engine(bench, "HUB_TEST_KAFKA", "broker")
}

/// URL of a database on the server; none, said loudly, when there is none.
#[must_use]
pub fn postgres(bench: &str) -> Option<String> {
    engine(bench, "HUB_TEST_POSTGRES", "PostgreSQL server")
}

/// The broker, where the nodes of the harness run on both engines (`HUB_TEST_STORE=postgres`,
/// `HUB_TEST_BUS=kafka`), which compares only what is compared on the same engines; none, said
/// loudly, where they do not.
#[must_use]
pub fn both(bench: &str) -> Option<String> {
    let broker = kafka(bench)?;
    postgres(bench)?;
    let is = |name, value: &str| std::env::var_os(name).is_some_and(|found| found == value);
    let both = is("HUB_TEST_STORE", "postgres") && is("HUB_TEST_BUS", "kafka");
    if !both {
        println!("SKIPPED {bench}: wants HUB_TEST_STORE=postgres and HUB_TEST_BUS=kafka");
    }
    both.then_some(broker)
}

/// Settings under which nobody else has topics.
#[must_use]
pub fn own_settings(broker: &str) -> KafkaSettings {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    KafkaSettings {
        brokers: vec![broker.to_owned()],
        security: Security::Plaintext,
        prefix: format!("bench-{}-{count}.", uuid::Uuid::new_v4().simple()),
        node: "bench".to_owned(),
        instance: "1".to_owned(),
    }
}

/// Makes a topic and waits until the broker knows it.
///
/// # Panics
/// When the broker does not make it.
pub async fn make_topic(settings: &KafkaSettings, name: &str, partitions: i32) {
    let plan = TopicPlan {
        name: name.to_owned(),
        partitions,
        replication: 1,
        settings: [("max.message.bytes".to_owned(), RECORD_BYTES_MAX.to_owned())].into(),
    };
    let admin = TopicAdmin::open(settings.clone()).expect("a client");
    let plans = [plan];
    let missing = admin.differences(&plans).await.expect("compares");
    admin.apply(&plans, &missing).await.expect("makes a topic");
}

/// Sends records of random bytes with Kafka's own `kafka-producer-perf-test`, as durably as the hub
/// does; the time by its own account, which leaves out its start.
///
/// # Panics
/// When it cannot be run, fails or says something else.
#[must_use]
pub fn produce_with_tool(settings: &KafkaSettings, topic: &str, records: u32, bytes: u32) -> Rate {
    let text = kafka_tool(
        "org.apache.kafka.tools.ProducerPerformance",
        &[
            &format!("--bootstrap-server={}", settings.brokers.join(",")),
            &format!("--topic={}", settings.full_name(topic)),
            &format!("--num-records={records}"),
            &format!("--record-size={bytes}"),
            "--throughput=-1",
            "--command-property",
            "acks=all",
            "enable.idempotence=true",
            "batch.size=262144",
            "linger.ms=5",
        ],
    );
    // "50000 records sent, 65000.1 records/sec (…"; the last line is about all.
    let last = text.lines().last().unwrap_or_default();
    let rate = last
        .split(", ")
        .nth(1)
        .and_then(|part| part.split(' ').next());
    rate_of(records, rate.and_then(|rate| rate.parse().ok()), &text)
}

/// Reads as many records with Kafka's own `kafka-consumer-perf-test`, its joining included.
///
/// # Panics
/// When it cannot be run, fails or says something else.
#[must_use]
pub fn consume_with_tool(settings: &KafkaSettings, topic: &str, records: u32) -> Rate {
    let text = kafka_tool(
        "org.apache.kafka.tools.ConsumerPerformance",
        &[
            &format!("--bootstrap-server={}", settings.brokers.join(",")),
            &format!("--topic={}", settings.full_name(topic)),
            &format!("--num-records={records}"),
            "--hide-header",
        ],
    );
    // Start, end, MB, MB/s, records, records/s, …
    let last = text.lines().last().unwrap_or_default();
    let rate = last.split(", ").nth(5).and_then(|rate| rate.parse().ok());
    rate_of(records, rate, &text)
}

fn rate_of(records: u32, per_second: Option<f64>, text: &str) -> Rate {
    let per_second: f64 = per_second.unwrap_or_else(|| panic!("no figures: {text}"));
    Rate {
        operations: records.into(),
        time: Duration::from_secs_f64(f64::from(records) / per_second),
    }
}

fn kafka_tool(class: &str, arguments: &[&str]) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/kafka.sh");
    let mut command = Command::new(script);
    // The compiler of the virtual machine at full strength.
    command.env("HUB_KAFKA_TOOL_JAVA", "-Xmx512m");
    command.arg("tool").arg(class).args(arguments);
    text_of(command)
}

/// Runs a program to its end; answers what it printed.
///
/// # Panics
/// When it cannot be run or fails.
#[must_use]
pub fn text_of(mut command: Command) -> String {
    let output = command.output().expect("a program that runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn engine(bench: &str, variable: &str, what: &str) -> Option<String> {
    let found = std::env::var(variable).ok();
    if found.is_none() {
        println!("SKIPPED {bench}: {variable} names no {what}");
    }
    found
}
