//! Records that were fetched and wait for the hub, and the hub's side of a subscription.
//!
//! The reading thread puts records in, the hub takes batches out. Both work under one lock, which
//! makes the fence simple: partitions that are given back are emptied under it, so that no record
//! of theirs is handed out afterwards, and the batch that is out is waited for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::bus::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, BusError, BusRecord, Subscription};

/// Most records that wait: four batches, so that the hub never waits for a fetch.
const SHELF_RECORDS_MAX: usize = 4 * BATCH_RECORDS_MAX;

/// Most bytes of bodies that wait, before the last record: two batches.
const SHELF_BYTES_MAX: usize = 2 * BATCH_BYTES_MAX;

/// See the module.
#[derive(Default)]
pub(super) struct Shelf {
    state: Mutex<State>,
    /// Tells the hub that something was put in.
    filled: Notify,
    /// Tells the thread that the batch that was out is done with.
    settled: Condvar,
    thread: OnceLock<Thread>,
}

#[derive(Default)]
struct State {
    /// Partitions with records, the one whose turn it is first.
    partitions: VecDeque<(i32, VecDeque<BusRecord>)>,
    records: usize,
    bytes: usize,
    /// Partition and last position of the batch that the hub works on.
    in_hand: Option<(i32, i64)>,
    /// Last positions whose effect is durable, since they were last asked for.
    durable: BTreeMap<i32, i64>,
    fault: Option<BusError>,
    is_closed: bool,
}

/// Records and bytes that may still be put in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

impl Shelf {
    /// The thread that fills it; woken when there is room again.
    pub(super) fn filled_by(&self, thread: Thread) {
        // There is one.
        let _ = self.thread.set(thread);
    }

    pub(super) fn room(&self) -> Room {
        let state = self.lock();
        Room {
            records: SHELF_RECORDS_MAX.saturating_sub(state.records),
            bytes: SHELF_BYTES_MAX.saturating_sub(state.bytes),
        }
    }

    pub(super) fn put(&self, partition: i32, records: Vec<BusRecord>) {
        let mut state = self.lock();
        if records.is_empty() || state.is_closed {
            return;
        }
        state.records += records.len();
        state.bytes += records
            .iter()
            .map(|record| record.body.len())
            .sum::<usize>();
        match state.partitions.iter_mut().find(|(of, _)| *of == partition) {
            Some((_, waiting)) => waiting.extend(records),
            None => state.partitions.push_back((partition, records.into())),
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Forgets every record and waits until the batch that is out is done with, or `wait` is over.
    /// Whether it was.
    pub(super) fn fence(&self, wait: Duration) -> bool {
        let mut state = self.lock();
        state.clear();
        let until = Instant::now() + wait;
        while state.in_hand.is_some() && !state.is_closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self
                .settled
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    /// Positions that became durable since the last call.
    pub(super) fn take_durable(&self) -> BTreeMap<i32, i64> {
        std::mem::take(&mut self.lock().durable)
    }

    /// Nothing follows any more but this error.
    pub(super) fn fail(&self, error: BusError) {
        let mut state = self.lock();
        state.clear();
        state.fault.get_or_insert(error);
        drop(state);
        self.filled.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        // What the hub was at is not known to be durable.
        state.in_hand = None;
        state.clear();
        drop(state);
        self.settled.notify_all();
        self.wake();
    }

    fn take(&self) -> Option<Result<Vec<BusRecord>, BusError>> {
        let mut state = self.lock();
        if let Some((partition, position)) = state.in_hand.take() {
            state.durable.insert(partition, position);
            self.settled.notify_all();
        }
        if let Some(fault) = &state.fault {
            return Some(Err(fault.clone()));
        }
        let was_full = state.records >= SHELF_RECORDS_MAX || state.bytes >= SHELF_BYTES_MAX;
        let batch = state.batch()?;
        state.in_hand = batch.last().map(|last| (last.partition, last.position));
        let has_room = state.records <= SHELF_RECORDS_MAX / 2;
        drop(state);
        if was_full || has_room {
            self.wake();
        }
        Some(Ok(batch))
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next records of the partition whose turn it is.
    fn batch(&mut self) -> Option<Vec<BusRecord>> {
        let (partition, mut waiting) = self.partitions.pop_front()?;
        let (mut batch, mut bytes) = (Vec::new(), 0_usize);
        while let Some(record) = waiting.pop_front() {
            let size = record.body.len();
            if !batch.is_empty() && bytes.saturating_add(size) > BATCH_BYTES_MAX {
                waiting.push_front(record);
                break;
            }
            bytes = bytes.saturating_add(size);
            batch.push(record);
            if batch.len() >= BATCH_RECORDS_MAX {
                break;
            }
        }
        if !waiting.is_empty() {
            self.partitions.push_back((partition, waiting));
        }
        self.records = self.records.saturating_sub(batch.len());
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(batch)
    }

    fn clear(&mut self) {
        self.partitions.clear();
        self.records = 0;
        self.bytes = 0;
    }
}

/// The hub's side.
pub(super) struct KafkaSubscription(pub(super) Arc<Shelf>);

#[async_trait]
impl Subscription for KafkaSubscription {
    async fn next(&mut self) -> Result<Vec<BusRecord>, BusError> {
        loop {
            // Taking and returning are one step: a future that is dropped has taken nothing.
            if let Some(taken) = self.0.take() {
                return taken;
            }
            self.0.filled.notified().await;
        }
    }
}

impl Drop for KafkaSubscription {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use schemas::envelope::BODY_BYTES_MAX;

    use super::*;

    fn records(partition: i32, positions: std::ops::Range<i64>, size: usize) -> Vec<BusRecord> {
        let body = Bytes::from(vec![0_u8; size]);
        positions
            .map(|position| BusRecord {
                topic: "t".to_owned(),
                partition,
                position,
                key: String::new(),
                headers: Vec::new(),
                body: body.clone(),
                malformed: None,
            })
            .collect()
    }

    fn taken(shelf: &Shelf) -> Option<(i32, usize)> {
        let batch = shelf.take()?.expect("no fault");
        Some((batch.first()?.partition, batch.len()))
    }

    #[test]
    fn partitions_take_turns_and_batches_are_bounded() {
        let shelf = Shelf::default();
        shelf.put(0, records(0, 1..600, 1));
        shelf.put(1, records(1, 1..3, 1));
        assert_eq!(taken(&shelf), Some((0, BATCH_RECORDS_MAX)));
        assert_eq!(taken(&shelf), Some((1, 2)), "a flood holds nobody up");
        assert_eq!(taken(&shelf), Some((0, BATCH_RECORDS_MAX)));
        assert_eq!(taken(&shelf), Some((0, 599 - 2 * BATCH_RECORDS_MAX)));
        assert_eq!(taken(&shelf), None);
        shelf.put(0, records(0, 1..7, BODY_BYTES_MAX));
        assert_eq!(shelf.room().bytes, SHELF_BYTES_MAX - 6 * BODY_BYTES_MAX);
        assert_eq!(taken(&shelf), Some((0, 4)));
        assert_eq!(taken(&shelf), Some((0, 2)));
        assert_eq!(shelf.room().records, SHELF_RECORDS_MAX);
    }

    #[test]
    fn what_is_given_back_is_not_handed_out_and_what_is_out_is_waited_for() {
        let shelf = Arc::new(Shelf::default());
        shelf.put(0, records(0, 1..600, 1));
        assert_eq!(taken(&shelf), Some((0, BATCH_RECORDS_MAX)));
        assert!(!shelf.fence(Duration::ZERO), "the batch is out");
        let fence = {
            let shelf = Arc::clone(&shelf);
            std::thread::spawn(move || shelf.fence(Duration::from_secs(60)))
        };
        assert_eq!(taken(&shelf), None, "the rest was given back");
        assert!(
            fence.join().expect("ends"),
            "done with when the next is asked for"
        );
        let durable = shelf.take_durable();
        assert_eq!(durable, BTreeMap::from([(0, 256)]));
    }
}
