//! The one producer of a process.
//!
//! Records are queued in the order of the call and the caller waits until all are on the brokers.
//! A caller that waits no longer leaves its records in the queue: they are still sent, before
//! anything that is published later. Until then no further record enters, so that a long absence
//! of the brokers neither fills the memory nor changes the order of anything.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ThreadedProducer;
use rdkafka::producer::{BaseRecord, NoCustomPartitioner, Producer as _, ProducerContext};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::fault::{self, Troubles};
use super::lost;
use super::record::headers_of;
use crate::bus::{BusError, OutgoingRecord};

/// Longest wait for the brokers, queueing included: longer than a change of leaders takes, and
/// shorter than a caller's request. Tests that take the brokers away do not wait as long.
pub(super) const PUBLISH_WAIT: Duration = Duration::from_secs(if cfg!(test) { 3 } else { 10 });

/// Records that may be under way, in KiB: one relay of the outbox of 64 records at their largest
/// size, and a half more for questions beside it.
const ROOM_KIB: usize = 96 * 1024;

/// What a record takes beyond its body, in KiB: key, headers, the library's own bookkeeping.
const RECORD_KIB: usize = 2;

pub(super) type Threaded = ThreadedProducer<Context>;

/// See the module.
pub(super) struct Producer {
    current: RwLock<Arc<Threaded>>,
    config: ClientConfig,
    troubles: Arc<Troubles>,
    room: Arc<Semaphore>,
    /// Publications that nobody waits for any more and that are still to be sent.
    late: watch::Sender<usize>,
}

impl Producer {
    pub(super) fn open(config: ClientConfig, troubles: Arc<Troubles>) -> Result<Self, BusError> {
        let current = RwLock::new(threaded(&config, &troubles)?);
        Ok(Self {
            current,
            config,
            troubles,
            room: Arc::new(Semaphore::new(ROOM_KIB)),
            late: watch::Sender::new(0),
        })
    }

    /// Publishes records whose topics are the brokers' names, in order; they were checked.
    pub(super) async fn publish(&self, records: Vec<OutgoingRecord>) -> Result<(), BusError> {
        tokio::time::timeout(PUBLISH_WAIT, self.publish_in_time(&records))
            .await
            .unwrap_or_else(|_| Err(self.troubles.unreachable("publishing took too long")))
    }

    /// The client, for questions to the brokers.
    pub(super) fn client(&self) -> Arc<Threaded> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Whether there are brokers for this client. Takes some seconds where there are none.
    pub(super) fn finds_brokers(&self, topic: &str) -> bool {
        lost::finds_brokers(self.client().client(), topic)
    }

    /// Replaces a client that has lost its brokers for good, see [`lost`]. What waited in it is
    /// given back to whoever published it. Takes some seconds.
    pub(super) fn renew_if_lost(&self, topic: &str) {
        let lost = self.client();
        if !lost::has_no_broker(lost.client(), topic) {
            return;
        }
        let fresh = match threaded(&self.config, &self.troubles) {
            Ok(fresh) => fresh,
            Err(cause) => {
                tracing::error!(cause = %cause, "the producer cannot be made anew");
                return;
            }
        };
        if !lost::finds_brokers(fresh.client(), topic) {
            // The brokers are away for everyone: this client will find them as well.
            drop_aside(fresh);
            return;
        }
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, &lost) {
            tracing::warn!("the producer has lost its brokers and is made anew");
            *current = fresh;
            self.troubles.lost_brokers();
        }
    }

    async fn publish_in_time(&self, records: &[OutgoingRecord]) -> Result<(), BusError> {
        let permit = self.enter(records).await?;
        let (done, finished) = oneshot::channel();
        let outcome = Arc::new(Mutex::new(Outcome::default()));
        let waiter = Waiter {
            outcome: Arc::clone(&outcome),
            late: self.late.clone(),
        };
        let shipment = Arc::new(Shipment {
            outcome,
            late: self.late.clone(),
            _room: permit,
            _done: done,
        });
        self.send(records, &shipment);
        drop(shipment);
        // Never answered: the sender goes with the last record of the shipment.
        let _ = finished.await;
        let fault = waiter.finish();
        self.renew_after_fatal();
        fault.map_or(Ok(()), Err)
    }

    /// Waits until there is room and nothing late is before these records.
    async fn enter(&self, records: &[OutgoingRecord]) -> Result<OwnedSemaphorePermit, BusError> {
        let kib: usize = records
            .iter()
            .map(|record| record.body.len() / 1024 + RECORD_KIB)
            .sum();
        let kib = u32::try_from(kib.min(ROOM_KIB)).unwrap_or(u32::MAX);
        let mut late = self.late.subscribe();
        loop {
            let room = Arc::clone(&self.room).acquire_many_owned(kib);
            let permit = room.await.map_err(|_| BusError::Closed)?;
            if *late.borrow_and_update() == 0 {
                return Ok(permit);
            }
            drop(permit);
            let none_late = late.wait_for(|late| *late == 0).await;
            none_late.map_err(|_| BusError::Closed)?;
        }
    }

    /// Queues the records up to the first that is not taken.
    fn send(&self, records: &[OutgoingRecord], shipment: &Arc<Shipment>) {
        let producer = self.client();
        for record in records {
            let outgoing = BaseRecord::with_opaque_to(&record.topic, Arc::clone(shipment))
                .key(&record.key)
                .payload(record.body.as_ref())
                .headers(headers_of(record));
            if let Err((error, _)) = producer.send(outgoing) {
                shipment.fail(fault::about_topic(&record.topic, &error));
                return;
            }
        }
    }

    /// After a fatal error the client refuses everything for ever: it is replaced, and whoever
    /// published hears of the failure and publishes again.
    fn renew_after_fatal(&self) {
        let is_broken = |producer: &Threaded| producer.client().fatal_error().is_some();
        if !is_broken(&self.client()) {
            return;
        }
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if !is_broken(&current) {
            return;
        }
        match threaded(&self.config, &self.troubles) {
            Ok(fresh) => {
                tracing::warn!("the producer was stopped by the brokers and is made anew");
                drop_aside(std::mem::replace(&mut *current, fresh));
            }
            Err(cause) => tracing::error!(cause = %cause, "the producer cannot be made anew"),
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        drop_aside(self.client());
    }
}

fn threaded(config: &ClientConfig, troubles: &Arc<Troubles>) -> Result<Arc<Threaded>, BusError> {
    let context = Context {
        troubles: Arc::clone(troubles),
    };
    let producer = ThreadedProducer::from_config_and_context(config, context)
        .map_err(|error| BusError::Setting(error.to_string()))?;
    Ok(Arc::new(producer))
}

/// Dropping a client joins its threads.
fn drop_aside(producer: Arc<Threaded>) {
    // Without a thread it is dropped here and takes its time.
    let _ = std::thread::Builder::new()
        .name("bus-producer-end".to_owned())
        .spawn(move || drop(producer));
}

/// The records of one call; goes with the last of them.
pub(super) struct Shipment {
    outcome: Arc<Mutex<Outcome>>,
    late: watch::Sender<usize>,
    _room: OwnedSemaphorePermit,
    _done: oneshot::Sender<()>,
}

#[derive(Default)]
struct Outcome {
    fault: Option<BusError>,
    /// Nobody waits any more.
    is_abandoned: bool,
    /// Every record was delivered or given up.
    is_finished: bool,
}

/// The caller's side of a shipment.
struct Waiter {
    outcome: Arc<Mutex<Outcome>>,
    late: watch::Sender<usize>,
}

impl Shipment {
    fn fail(&self, error: BusError) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        // What is refused tells more than what its refusal did to the others.
        let tells_more =
            |before: &BusError| before.refused_topic().is_none() && error.refused_topic().is_some();
        if outcome.fault.as_ref().is_none_or(tells_more) {
            outcome.fault = Some(error);
        }
    }
}

impl Drop for Shipment {
    fn drop(&mut self) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.is_finished = true;
        if outcome.is_abandoned {
            self.late.send_modify(|late| *late = late.saturating_sub(1));
        }
    }
}

impl Waiter {
    fn finish(&self) -> Option<BusError> {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.fault.take()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        if !outcome.is_finished {
            outcome.is_abandoned = true;
            self.late.send_modify(|late| *late += 1);
        }
    }
}

/// What the client tells, on its own thread.
pub(super) struct Context {
    troubles: Arc<Troubles>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log_line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if self.troubles.heard(&error, reason) {
            tracing::warn!(cause = reason, "the bus has trouble with a broker");
        }
    }
}

impl ProducerContext<NoCustomPartitioner> for Context {
    type DeliveryOpaque = Arc<Shipment>;

    fn delivery(&self, result: &DeliveryResult<'_>, shipment: Self::DeliveryOpaque) {
        use rdkafka::Message as _;
        if let Err((error, message)) = result {
            shipment.fail(fault::about_topic(message.topic(), error));
        }
    }
}

/// A line of the library's own log. What matters of it comes as an error, too.
pub(super) fn log_line(level: RDKafkaLogLevel, facility: &str, text: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::warn!(facility, "kafka client: {text}");
        }
        _ => tracing::debug!(facility, "kafka client: {text}"),
    }
}
