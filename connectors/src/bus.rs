//! The seam to the bus: an ordered, durable log per topic.
//!
//! A topic has partitions; each keeps its records in the order of publication, under positions
//! that only grow, from 1. Records of one key go to one partition. Where a consumer stands is the
//! consumer's to know: it stores the position with the effect of the record, in one transaction
//! (invariant 3), and the bus asks it ([`Positions`]) before it reads a partition. Delivery is at
//! least once: after a failed [`Bus::publish`] the records may be there or not.

mod embedded;
pub mod kafka;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use schemas::envelope::{BODY_BYTES_MAX, HEADER_BYTES_MAX};

pub use self::embedded::EmbeddedBus;
pub use self::kafka::KafkaBus;

/// Most records of one batch: a consumer applies a batch in one transaction, which should stay
/// short.
pub const BATCH_RECORDS_MAX: usize = 256;

/// Most bytes of bodies of one batch: four of the largest records, so that memory per
/// subscription is bounded.
pub const BATCH_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;

/// Longest topic name, in bytes: the limit of Kafka.
pub const TOPIC_BYTES_MAX: usize = 249;

/// Longest record key, in bytes: an identifier or a node name needs under 100.
pub const KEY_BYTES_MAX: usize = 1024;

/// Most headers of one record: an envelope has ten, a trace adds a few.
pub const HEADERS_MAX: usize = 64;

/// One record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusRecord {
    /// Topic it was read from.
    pub topic: String,
    /// Part of the topic, from 0. The embedded bus has one.
    pub partition: i32,
    /// Place in the partition, from 1; only grows. A broker leaves gaps, the embedded bus none.
    pub position: i64,
    /// Records of one key stay in order.
    pub key: String,
    /// Headers in the order in which they were given.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Bytes,
    /// What of it is over a limit or no text, when somebody wrote it who is no node. Key, headers
    /// and body are cut and replaced then so that they can be kept: good for a dead letter alone.
    pub malformed: Option<&'static str>,
}

/// One record to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRecord {
    /// Topic: 1–249 characters of `A-Z`, `a-z`, `0-9`, `.`, `_`, `-`.
    pub topic: String,
    /// Records of one key stay in order.
    pub key: String,
    /// Headers, at most [`HEADERS_MAX`].
    pub headers: Vec<(String, String)>,
    /// Body, at most 1 MiB.
    pub body: Bytes,
}

/// A bus.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Publishes all records or none, in the given order. When it returns they are durable.
    ///
    /// # Errors
    /// A record over a limit: nothing was published. Any other error, or not waiting for the
    /// answer, leaves open whether they were.
    async fn publish(&self, records: Vec<OutgoingRecord>) -> Result<(), BusError>;

    /// Reads a topic, each partition after the position that `positions` names; when it names
    /// none, from the oldest record that is kept.
    ///
    /// # Errors
    /// A position behind the end of a partition: the log was lost or replaced.
    async fn subscribe(
        &self,
        topic: &str,
        sharing: Sharing,
        positions: Arc<dyn Positions>,
    ) -> Result<Box<dyn Subscription>, BusError>;

    /// Lets records of a topic go that nobody needs any more: those up to position `up_to`,
    /// except the newest `keep` of the topic, at least one. Positions are never given again.
    ///
    /// # Errors
    /// The log cannot be written; some records may be gone then.
    async fn forget(&self, topic: &str, up_to: i64, keep: u32) -> Result<(), BusError>;

    /// Whether the bus can be written and read now.
    ///
    /// # Errors
    /// Why it cannot.
    async fn healthy(&self) -> Result<(), BusError>;
}

/// Whether several processes of one node divide the partitions of a topic among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Each record is read by one of the processes: its effect lies in their common database.
    Divided,
    /// Each process reads every record: its effect lies in the memory of the process.
    Whole,
}

/// How far a consumer has come: asked whenever a partition is about to be read.
#[async_trait]
pub trait Positions: Send + Sync {
    /// Position of the last record of the partition whose effect is durable; none before the
    /// first.
    ///
    /// # Errors
    /// [`BusError::Positions`] when the consumer's store does not answer.
    async fn last(&self, topic: &str, partition: i32) -> Result<Option<i64>, BusError>;
}

/// The same place in every partition, for a reader that keeps none itself.
#[async_trait]
impl Positions for Option<i64> {
    async fn last(&self, _topic: &str, _partition: i32) -> Result<Self, BusError> {
        Ok(*self)
    }
}

/// One reader of one topic.
#[async_trait]
pub trait Subscription: Send {
    /// Waits for the next records, all of one partition: at least one, at most
    /// [`BATCH_RECORDS_MAX`] with bodies of [`BATCH_BYTES_MAX`]. Asking for the next says that the
    /// effect of those before is durable. Dropping the future loses nothing: the next call gives
    /// the same.
    ///
    /// # Errors
    /// The log cannot be read, or the bus was closed.
    async fn next(&mut self) -> Result<Vec<BusRecord>, BusError>;
}

/// Why the bus did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BusError {
    /// A part of a record is over its limit.
    #[error("{0} of a record is over its limit")]
    TooLarge(&'static str),
    /// The topic's name is empty, too long or has other characters.
    #[error("malformed topic name")]
    Topic,
    /// A consumer has seen more than the topic holds.
    #[error(
        "position {position} of topic {topic}, partition {partition}, is behind its end {end}: \
         was the log replaced?"
    )]
    PositionBehindEnd {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Where the consumer believes to stand.
        position: i64,
        /// Last position of the partition, 0 when it is empty.
        end: i64,
    },
    /// Records that a consumer has not seen were deleted.
    #[error(
        "records of topic {topic}, partition {partition}, were deleted before they were read: \
         read up to {position}, the oldest is {oldest}"
    )]
    Expired {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// How far the consumer has come.
        position: i64,
        /// Position of the oldest record that is left.
        oldest: i64,
    },
    /// The brokers do not answer, or not in time.
    #[error("the brokers cannot be reached: {cause}")]
    Unreachable {
        /// In the client's words.
        cause: String,
    },
    /// The brokers do not allow it.
    #[error("the brokers refuse topic {topic}: {cause}")]
    Refused {
        /// The topic.
        topic: String,
        /// In the client's words.
        cause: String,
    },
    /// The brokers do not have the topic.
    #[error("topic {topic} is not there: hub topics apply makes it")]
    UnknownTopic {
        /// The topic.
        topic: String,
    },
    /// A setting of the bus cannot be used.
    #[error("setting of the bus: {0}")]
    Setting(String),
    /// A record that should follow is not there.
    #[error("topic {topic} has a gap: expected position {expected}, found {found}")]
    Gap {
        /// The topic.
        topic: String,
        /// The position that should follow.
        expected: i64,
        /// The position that was found.
        found: i64,
    },
    /// A stored record is not one of this bus.
    #[error("record {position} of topic {topic} is malformed")]
    Malformed {
        /// The topic.
        topic: String,
        /// The record's position.
        position: i64,
    },
    /// The consumer's store did not say how far it has come.
    #[error("positions of the consumer: {0}")]
    Positions(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The log file cannot be read or written.
    #[error("bus log: {0}")]
    Store(#[source] Arc<sqlx::Error>),
    /// The bus was closed.
    #[error("the bus is closed")]
    Closed,
}

impl BusError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "BUS_TOO_LARGE",
            Self::Topic => "BUS_TOPIC",
            Self::PositionBehindEnd { .. } => "BUS_POSITION",
            Self::Expired { .. } => "BUS_EXPIRED",
            Self::Unreachable { .. } => "BUS_UNREACHABLE",
            Self::Refused { .. } => "BUS_REFUSED",
            Self::UnknownTopic { .. } => "BUS_UNKNOWN_TOPIC",
            Self::Setting(_) => "BUS_SETTING",
            Self::Gap { .. } => "BUS_GAP",
            Self::Malformed { .. } => "BUS_MALFORMED",
            Self::Positions(_) => "BUS_POSITIONS",
            Self::Store(_) => "BUS_STORE",
            Self::Closed => "BUS_CLOSED",
        }
    }
}

impl BusError {
    /// The topic that the brokers do not take records for, whatever else they take.
    #[must_use]
    pub fn refused_topic(&self) -> Option<&str> {
        match self {
            Self::Refused { topic, .. } | Self::UnknownTopic { topic } => Some(topic),
            _ => None,
        }
    }
}

impl From<sqlx::Error> for BusError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl OutgoingRecord {
    /// Checks every limit of a record.
    ///
    /// # Errors
    /// The first part that is over its limit.
    pub fn check(&self) -> Result<(), BusError> {
        check_topic(&self.topic)?;
        if self.key.len() > KEY_BYTES_MAX {
            return Err(BusError::TooLarge("key"));
        }
        let is_long = |text: &String| text.len() > HEADER_BYTES_MAX;
        if self.headers.len() > HEADERS_MAX
            || self
                .headers
                .iter()
                .any(|(name, value)| is_long(name) || is_long(value))
        {
            return Err(BusError::TooLarge("header"));
        }
        if self.body.len() > BODY_BYTES_MAX {
            return Err(BusError::TooLarge("body"));
        }
        Ok(())
    }
}

fn check_topic(topic: &str) -> Result<(), BusError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=TOPIC_BYTES_MAX).contains(&topic.len()) && topic.bytes().all(is_plain) {
        Ok(())
    } else {
        Err(BusError::Topic)
    }
}
