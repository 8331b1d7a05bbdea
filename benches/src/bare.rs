//! The bare client: librdkafka as anybody would use it for the same work, with the durability and
//! order that the hub asks for (`connectors/src/bus/kafka/settings.rs`), and nothing around it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connectors::bus::kafka::KafkaSettings;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use crate::engines::make_topic;

/// Longest wait for a record that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Wait while the queue is full or empties: a fraction of what a batch takes.
const MOMENT: Duration = Duration::from_micros(200);

/// Largest record, as of the topics of the hub (`deploy/topics.toml`).
pub(crate) const RECORD_BYTES_MAX: &str = "1639424";

const QUESTIONS: &str = "requests";
const ANSWERS: &str = "replies";

/// How often the one who answers looks whether the bench is over.
const LOOK: Duration = Duration::from_millis(100);

/// A producer.
pub struct Sender {
    producer: ThreadedProducer<DefaultProducerContext>,
    prefix: String,
}

/// A reader of one topic.
pub struct Receiver(BaseConsumer);

/// One who asks and one who answers, each with a topic that the other writes to.
pub struct Pair {
    settings: KafkaSettings,
    questions: Sender,
    answers: Receiver,
}

impl Pair {
    /// Makes the topics and connects the one who asks.
    ///
    /// # Panics
    /// When the broker does not make the topics.
    pub async fn start(settings: KafkaSettings) -> Self {
        for topic in [QUESTIONS, ANSWERS] {
            make_topic(&settings, topic, 1).await;
        }
        Self {
            questions: Sender::new(&settings),
            answers: Receiver::new(&settings, ANSWERS, 1),
            settings,
        }
    }

    /// Answers every question with what `parts` gives for its key, until `is_over`.
    ///
    /// # Panics
    /// When the broker fails.
    pub fn answer(&self, is_over: &AtomicBool, parts: impl Fn(&str, &mut dyn FnMut(&[u8]))) {
        let questions = Receiver::new(&self.settings, QUESTIONS, 1);
        let answers = Sender::new(&self.settings);
        while !is_over.load(Ordering::Relaxed) {
            let Some(question) = questions.next_within(LOOK) else {
                continue;
            };
            let key = String::from_utf8_lossy(question.key().expect("a key")).into_owned();
            parts(&key, &mut |part| {
                answers.send(ANSWERS, &key, OwnedHeaders::new(), part);
            });
        }
    }

    /// Asks, and puts an answer of so many bytes together.
    ///
    /// # Panics
    /// When it does not come.
    #[must_use]
    pub fn ask(&self, key: &str, question: &[u8], bytes: usize) -> Vec<u8> {
        self.questions
            .send(QUESTIONS, key, OwnedHeaders::new(), question);
        let mut answer = Vec::with_capacity(bytes);
        while answer.len() < bytes {
            let part = self.answers.next();
            assert_eq!(part.key(), Some(key.as_bytes()), "another's answer");
            answer.extend_from_slice(part.payload().unwrap_or_default());
        }
        answer
    }
}

impl Sender {
    /// Connects when it must.
    ///
    /// # Panics
    /// When the client cannot be made.
    #[must_use]
    pub fn new(settings: &KafkaSettings) -> Self {
        let mut config = client(settings);
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("linger.ms", "0")
            .set("batch.size", "262144")
            .set("compression.type", "lz4")
            .set("queue.buffering.max.kbytes", "524288");
        Self {
            producer: config.create().expect("a client"),
            prefix: settings.prefix.clone(),
        }
    }

    /// Queues a record; waits while there is no room.
    ///
    /// # Panics
    /// When the client refuses it.
    pub fn send(&self, topic: &str, key: &str, headers: OwnedHeaders, body: &[u8]) {
        let topic = format!("{}{topic}", self.prefix);
        let mut record = BaseRecord::to(&topic)
            .key(key)
            .payload(body)
            .headers(headers);
        loop {
            match self.producer.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), same)) => {
                    record = same;
                    std::thread::sleep(MOMENT);
                }
                Err((cause, _)) => panic!("a record was refused: {cause}"),
            }
        }
    }

    /// Waits until the broker has everything.
    pub fn wait(&self) {
        while self.producer.in_flight_count() > 0 {
            std::thread::sleep(MOMENT);
        }
    }
}

impl Receiver {
    /// Reads what comes from now on.
    ///
    /// # Panics
    /// When the broker does not answer.
    #[must_use]
    pub fn new(settings: &KafkaSettings, topic: &str, partitions: i32) -> Self {
        Self::from(settings, topic, partitions, |consumer, name, partition| {
            // The number itself: "the end" would be wherever it is when the client first asks.
            let ends = consumer.fetch_watermarks(name, partition, PATIENCE);
            Offset::Offset(ends.expect("an end").1)
        })
    }

    /// Reads everything.
    ///
    /// # Panics
    /// When the client cannot be made.
    #[must_use]
    pub fn from_beginning(settings: &KafkaSettings, topic: &str, partitions: i32) -> Self {
        Self::from(settings, topic, partitions, |_, _, _| Offset::Beginning)
    }

    fn from(
        settings: &KafkaSettings,
        topic: &str,
        partitions: i32,
        start: impl Fn(&BaseConsumer, &str, i32) -> Offset,
    ) -> Self {
        let mut config = client(settings);
        config
            .set("group.id", "bare")
            .set("enable.auto.commit", "false")
            .set("check.crcs", "true")
            .set("fetch.wait.max.ms", "500")
            .set("fetch.message.max.bytes", RECORD_BYTES_MAX)
            .set("fetch.queue.backoff.ms", "10");
        let consumer: BaseConsumer = config.create().expect("a client");
        let name = settings.full_name(topic);
        let mut places = TopicPartitionList::new();
        for partition in 0..partitions {
            let offset = start(&consumer, &name, partition);
            let added = places.add_partition_offset(&name, partition, offset);
            added.expect("a place");
        }
        consumer.assign(&places).expect("assigned");
        Self(consumer)
    }

    /// The next record; none when there is nothing for so long.
    ///
    /// # Panics
    /// When the broker fails.
    #[must_use]
    pub fn next_within(&self, wait: Duration) -> Option<BorrowedMessage<'_>> {
        self.0.poll(wait).map(|message| message.expect("a record"))
    }

    /// The next record.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    pub fn next(&self) -> BorrowedMessage<'_> {
        self.next_within(PATIENCE).expect("a record in time")
    }
}

fn client(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", settings.brokers.join(","))
        .set("socket.nagle.disable", "true")
        .set("message.max.bytes", RECORD_BYTES_MAX);
    config
}
