//! The bus on Apache Kafka.
//!
//! A position is the offset after the record: 0 stands before the first, and a stored position is
//! the offset to go on with. Retention is the brokers' (`deploy/topics.toml`).
//!
//! * `settings`: every setting of the clients, each with its reason
//! * `producer`: publishing, in order and without loss
//! * `reader`: the thread of a subscription; `context`: how its partitions change; `start`: where
//!   they begin; `shelf`: what it hands over
//! * `record`: records that others may have written
//! * `lost`: clients that found no way back to the brokers
//! * `fault`: what the client says, as errors of the seam
//! * [`topics`]: which topics there should be

mod context;
mod fault;
mod lost;
mod producer;
mod reader;
mod record;
mod settings;
mod shelf;
mod start;
pub mod topics;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rdkafka::producer::Producer as _;
use schemas::envelope::topic::DIRECTORY_CHANGES;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use self::fault::Troubles;
use self::producer::Producer;
pub use self::settings::{KafkaSettings, Login, RECORD_BYTES_MAX, Security, Tls};
use self::shelf::{KafkaSubscription, Shelf};
use super::{
    Bus, BusError, OutgoingRecord, Positions, Sharing, Subscription, TOPIC_BYTES_MAX, check_topic,
};

/// Longest wait for the brokers when somebody asks whether they are there.
const HEALTH_WAIT: Duration = Duration::from_secs(3);

/// How long an answer about the health is given again: whoever asks often does not ask the
/// brokers as often.
const HEALTH_KEPT: Duration = Duration::from_secs(1);

/// Bus on Apache Kafka; see the module.
pub struct KafkaBus {
    settings: Arc<KafkaSettings>,
    producer: Arc<Producer>,
    troubles: Arc<Troubles>,
    health: Mutex<Option<(Instant, Result<(), BusError>)>>,
}

impl KafkaBus {
    /// Makes the clients; the brokers need not be there yet.
    ///
    /// # Errors
    /// [`BusError::Setting`]: a setting, certificate or key that cannot be used.
    pub fn open(settings: KafkaSettings) -> Result<Self, BusError> {
        let troubles = Arc::new(Troubles::default());
        let producer = Arc::new(Producer::open(settings.producer(), Arc::clone(&troubles))?);
        let topic = settings.full_name(DIRECTORY_CHANGES);
        lost::watch(Arc::downgrade(&producer), topic)
            .map_err(|error| BusError::Setting(error.to_string()))?;
        Ok(Self {
            settings: Arc::new(settings),
            producer,
            troubles,
            health: Mutex::new(None),
        })
    }

    /// The topic's name on the brokers.
    fn full_name(&self, topic: &str) -> Result<String, BusError> {
        check_topic(topic)?;
        let name = self.settings.full_name(topic);
        if name.len() > TOPIC_BYTES_MAX {
            return Err(BusError::Topic);
        }
        Ok(name)
    }

    /// Brokers that have just taken a record are no longer away.
    fn forget_absence(&self) {
        if let Ok(mut health) = self.health.try_lock()
            && matches!(&*health, Some((_, Err(_))))
        {
            *health = None;
        }
    }

    async fn ask_brokers(&self) -> Result<(), BusError> {
        let client = self.producer.client();
        let ask = move || client.client().fetch_metadata(None, HEALTH_WAIT).map(drop);
        let answer = tokio::task::spawn_blocking(ask)
            .await
            .map_err(|_| BusError::Closed)?;
        answer.map_err(|error| self.troubles.unreachable(&fault::in_words(&error)))
    }
}

#[async_trait]
impl Bus for KafkaBus {
    async fn publish(&self, mut records: Vec<OutgoingRecord>) -> Result<(), BusError> {
        for record in &mut records {
            record.check()?;
            record.topic = self.full_name(&record.topic)?;
        }
        if records.is_empty() {
            return Ok(());
        }
        let published = self.producer.publish(records).await;
        if published.is_ok() {
            self.forget_absence();
        }
        published.map_err(|error| error.without_prefix(&self.settings.prefix))
    }

    async fn subscribe(
        &self,
        topic: &str,
        sharing: Sharing,
        positions: Arc<dyn Positions>,
    ) -> Result<Box<dyn Subscription>, BusError> {
        let full_name = self.full_name(topic)?;
        let (client, name) = (self.producer.client(), topic.to_owned());
        let look = move || start::partitions(client.client(), &name, &full_name);
        let partitions = tokio::task::spawn_blocking(look)
            .await
            .map_err(|_| BusError::Closed)??;
        let shelf = Arc::new(Shelf::default());
        let order = reader::Order {
            settings: Arc::clone(&self.settings),
            topic: topic.to_owned(),
            sharing,
            positions,
            troubles: Arc::clone(&self.troubles),
            producer: Arc::clone(&self.producer),
            runtime: Handle::current(),
            partitions,
        };
        reader::start(order, Arc::clone(&shelf))?;
        Ok(Box::new(KafkaSubscription(shelf)))
    }

    /// Does nothing: the brokers let records go by age and size.
    async fn forget(&self, _topic: &str, _up_to: i64, _keep: u32) -> Result<(), BusError> {
        Ok(())
    }

    async fn healthy(&self) -> Result<(), BusError> {
        // One question at a time, however many ask.
        let mut health = self.health.lock().await;
        let answer = match &*health {
            Some((when, answer)) if when.elapsed() < HEALTH_KEPT => answer.clone(),
            _ => {
                let answer = self.ask_brokers().await;
                *health = Some((Instant::now(), answer.clone()));
                answer
            }
        };
        answer?;
        self.troubles.first().map_or(Ok(()), Err)
    }
}

impl BusError {
    /// Names the topic as the hub knows it.
    fn without_prefix(self, prefix: &str) -> Self {
        let short = |topic: String| match topic.strip_prefix(prefix) {
            Some(short) => short.to_owned(),
            None => topic,
        };
        match self {
            Self::UnknownTopic { topic } => Self::UnknownTopic {
                topic: short(topic),
            },
            Self::Refused { topic, cause } => Self::Refused {
                topic: short(topic),
                cause,
            },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
