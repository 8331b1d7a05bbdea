//! What the Kafka client says, as errors of the seam.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::bus::BusError;

/// How long the troubles of connections are not logged again after a line.
const SAME_AGAIN: Duration = Duration::from_secs(30);

/// Troubles of one bus that whoever asks for its health must hear of.
#[derive(Default)]
pub(super) struct Troubles {
    /// What the brokers' connections said last, in words, and when it was logged.
    connection: Mutex<Option<(String, Instant)>>,
    /// How often a client of this bus was found to have lost its brokers.
    lost: AtomicU64,
    /// Topics that cannot be read on, because records are missing.
    topics: Mutex<BTreeMap<String, BusError>>,
}

impl Troubles {
    /// Remembers what a connection said. Whether it is worth a line in the log: the client says
    /// the same of every try, and twice.
    pub(super) fn heard(&self, error: &KafkaError, reason: &str) -> bool {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let logged = connection.as_ref().map(|(_, logged)| *logged);
        let logged = logged.filter(|logged| logged.elapsed() < SAME_AGAIN);
        let said = format!("{}: {reason}", in_words(error));
        *connection = Some((said, logged.unwrap_or_else(Instant::now)));
        logged.is_none()
    }

    /// A client has lost its brokers: those beside it heard the same, and are made anew as well. A
    /// member of a group may still be answered by its coordinator, and yet read nothing any more.
    pub(super) fn lost_brokers(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes when a client was found to have lost its brokers.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Brokers cannot be reached; with what a connection said last.
    pub(super) fn unreachable(&self, doing: &str) -> BusError {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let cause = match connection.as_ref() {
            Some((said, _)) => format!("{doing}; last heard: {said}"),
            None => doing.to_owned(),
        };
        BusError::Unreachable { cause }
    }

    /// A topic cannot be read on.
    pub(super) fn mark(&self, topic: &str, error: &BusError) {
        if matches!(
            error,
            BusError::PositionBehindEnd { .. } | BusError::Expired { .. }
        ) {
            let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
            topics.insert(topic.to_owned(), error.clone());
        }
    }

    /// A topic is read again.
    pub(super) fn clear(&self, topic: &str) {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.remove(topic);
    }

    /// The first topic that cannot be read on.
    pub(super) fn first(&self) -> Option<BusError> {
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.values().next().cloned()
    }
}

/// The error of the seam for what a client reported about a topic.
pub(super) fn about_topic(topic: &str, error: &KafkaError) -> BusError {
    let (topic, cause) = (topic.to_owned(), in_words(error));
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition,
        ) => BusError::UnknownTopic { topic },
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::PolicyViolation,
        ) => BusError::Refused { topic, cause },
        _ => BusError::Unreachable { cause },
    }
}

/// Whether a reader has to be made anew after this; from everything else the client recovers by
/// itself.
pub(super) fn ends_reading(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageConsumptionFatal(_))
        || matches!(
            error.rdkafka_error_code(),
            Some(
                RDKafkaErrorCode::AutoOffsetReset
                    | RDKafkaErrorCode::OffsetOutOfRange
                    | RDKafkaErrorCode::UnknownTopic
                    | RDKafkaErrorCode::UnknownTopicOrPartition
                    | RDKafkaErrorCode::UnknownPartition
                    | RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::GroupAuthorizationFailed
                    | RDKafkaErrorCode::FencedInstanceId
                    | RDKafkaErrorCode::Fatal
            )
        )
}

/// The error of the seam for a client that will never work again.
pub(super) fn fatal(code: RDKafkaErrorCode, reason: String) -> BusError {
    match code {
        // Also without a second process: a group that lost sight of its member while a broker was
        // away takes it in again under a new name, and then meets what it had sent under the old.
        RDKafkaErrorCode::FencedInstanceId => BusError::Setting(
            "the place in the group was taken: by another process of this node with the same \
             node.bus.instance, or by this one again after a broker was away"
                .to_owned(),
        ),
        _ => BusError::Unreachable { cause: reason },
    }
}

/// The client's words, without the name of its type.
pub(super) fn in_words(error: &KafkaError) -> String {
    error
        .rdkafka_error_code()
        .map_or_else(|| error.to_string(), |code| code.to_string())
}
