//! A bus that does not take everything: what is published is judged first.

use std::sync::Arc;

use async_trait::async_trait;
use connectors::bus::{Bus, BusError, OutgoingRecord, Positions, Sharing, Subscription};

/// What becomes of a publication.
#[derive(Clone, Debug)]
pub enum Fate {
    /// All is published.
    Taken,
    /// Nothing is published, and the answer is this error.
    Refused(BusError),
    /// All is published, but the answer is this error.
    TakenUnseen(BusError),
}

/// Judges a publication.
pub type Judge = Box<dyn Fn(&[OutgoingRecord]) -> Fate + Send + Sync>;

/// The bus behind it, but for publications that its judge does not let through.
pub struct FailingBus {
    inner: Arc<dyn Bus>,
    judge: Judge,
}

impl FailingBus {
    /// Stands before `inner`.
    #[must_use]
    pub fn around(inner: Arc<dyn Bus>, judge: Judge) -> Arc<dyn Bus> {
        Arc::new(Self { inner, judge })
    }
}

#[async_trait]
impl Bus for FailingBus {
    async fn publish(&self, records: Vec<OutgoingRecord>) -> Result<(), BusError> {
        match (self.judge)(&records) {
            Fate::Taken => self.inner.publish(records).await,
            Fate::Refused(error) => Err(error),
            Fate::TakenUnseen(error) => {
                self.inner.publish(records).await?;
                Err(error)
            }
        }
    }

    async fn subscribe(
        &self,
        topic: &str,
        sharing: Sharing,
        positions: Arc<dyn Positions>,
    ) -> Result<Box<dyn Subscription>, BusError> {
        self.inner.subscribe(topic, sharing, positions).await
    }

    async fn forget(&self, topic: &str, up_to: i64, keep: u32) -> Result<(), BusError> {
        self.inner.forget(topic, up_to, keep).await
    }

    async fn healthy(&self) -> Result<(), BusError> {
        self.inner.healthy().await
    }
}
