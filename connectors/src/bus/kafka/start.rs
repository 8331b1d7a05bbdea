//! Where the partitions of a topic begin for a consumer.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::Client as KafkaClient;
use rdkafka::consumer::Consumer as _;

use super::fault;
use super::reader::Client;
use crate::bus::{BusError, Positions, Sharing};

/// Longest wait for one question to the brokers: a change of leaders is over by then.
pub(super) const QUESTION_WAIT: Duration = Duration::from_secs(10);

/// The first offset to be read of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// Partitions whose starts are looked for.
pub(super) struct Question {
    /// The topic as the hub knows it, and as the brokers do.
    pub(super) topic: String,
    pub(super) full_name: String,
    pub(super) partitions: Vec<i32>,
    pub(super) sharing: Sharing,
    pub(super) positions: Arc<dyn Positions>,
}

impl Question {
    /// Where each partition starts: after the position in the consumer's store, else at the
    /// oldest record.
    ///
    /// # Errors
    /// The log ends before the position, or begins after it; the store or the brokers do not
    /// answer.
    pub(super) async fn answer(&self, client: &Arc<Client>) -> Result<Vec<Start>, BusError> {
        let topic = &self.topic;
        let mut starts = Vec::with_capacity(self.partitions.len());
        for &partition in &self.partitions {
            let last = self.positions.last(topic, partition).await?;
            let (client, name) = (Arc::clone(client), self.full_name.clone());
            let ends = move || client.fetch_watermarks(&name, partition, QUESTION_WAIT);
            let ends = tokio::task::spawn_blocking(ends)
                .await
                .map_err(|_| BusError::Closed)?
                .map_err(|error| fault::about_topic(topic, &error))?;
            let offset = offset_between(topic, partition, last, ends, self.sharing)?;
            starts.push(Start { partition, offset });
        }
        Ok(starts)
    }
}

fn offset_between(
    topic: &str,
    partition: i32,
    last: Option<i64>,
    (low, high): (i64, i64),
    sharing: Sharing,
) -> Result<i64, BusError> {
    let topic = topic.to_owned();
    // A position is the offset of the next record.
    match last {
        None => Ok(low),
        Some(position) if position > high => Err(BusError::PositionBehindEnd {
            topic,
            partition,
            position,
            end: high,
        }),
        Some(position) if position >= low => Ok(position),
        // The effect lies in the memory of this process, which is empty: what is gone would have
        // been forgotten anyway.
        Some(position) if sharing == Sharing::Whole => {
            tracing::warn!(
                bus.topic = topic,
                bus.partition = partition,
                bus.position = position,
                bus.oldest = low + 1,
                "records were deleted before this process read them; it begins with the oldest"
            );
            Ok(low)
        }
        Some(position) => Err(BusError::Expired {
            topic,
            partition,
            position,
            oldest: low + 1,
        }),
    }
}

/// The partitions of a topic. Blocks.
///
/// # Errors
/// The topic is not there, or the brokers do not answer.
pub(super) fn partitions<C: ClientContext>(
    client: &KafkaClient<C>,
    topic: &str,
    full_name: &str,
) -> Result<Vec<i32>, BusError> {
    let metadata = client
        .fetch_metadata(Some(full_name), QUESTION_WAIT)
        .map_err(|error| fault::about_topic(topic, &error))?;
    let unknown = || BusError::UnknownTopic {
        topic: topic.to_owned(),
    };
    let found = metadata
        .topics()
        .iter()
        .find(|found| found.name() == full_name);
    let found = found.ok_or_else(unknown)?;
    if let Some(error) = found.error() {
        let error = rdkafka::error::KafkaError::MetadataFetch(error.into());
        return Err(fault::about_topic(topic, &error));
    }
    let partitions: Vec<i32> = found.partitions().iter().map(|one| one.id()).collect();
    if partitions.is_empty() {
        return Err(unknown());
    }
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(last: Option<i64>, sharing: Sharing) -> Result<i64, &'static str> {
        offset_between("t", 0, last, (10, 20), sharing).map_err(|error| error.code())
    }

    #[test]
    fn a_position_outside_the_log_is_an_error() {
        assert_eq!(check(None, Sharing::Divided), Ok(10));
        assert_eq!(check(Some(10), Sharing::Divided), Ok(10));
        assert_eq!(check(Some(20), Sharing::Divided), Ok(20));
        assert_eq!(check(Some(21), Sharing::Divided), Err("BUS_POSITION"));
        assert_eq!(check(Some(21), Sharing::Whole), Err("BUS_POSITION"));
        assert_eq!(check(Some(9), Sharing::Divided), Err("BUS_EXPIRED"));
        assert_eq!(check(Some(9), Sharing::Whole), Ok(10));
    }
}
