//! Recording reads: many records, one transaction, no answer before it is durable.

use std::sync::Arc;

use schemas::leaf::{Leaf, PrivateDetail};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::ProvenanceLog;
use crate::measure;
use crate::store::log::NewLeaf;
use crate::store::{Store, StoreError, log};

/// Most records that wait. At ten thousand records a second the last of them waits less than
/// half a second; beyond that a caller is better told to come back.
pub const QUEUE_MAX: usize = 4_096;

/// Most records of one transaction: enough to spread one flush to disk thin, few enough that
/// the first of them does not wait long for the last, and that of some hundred callers most work
/// on, or are worked for, while the records of the others are written.
pub(super) const BATCH_MAX: usize = 64;

/// Rounds of the runtime without a further record after which a batch is written: a request that
/// is on its way takes some (its connection is read, then it runs), and an idle node goes through
/// them in microseconds.
const ROUNDS_IN_VAIN_MAX: u32 = 4;

/// Seconds after which a refused caller may come back: the queue empties faster than that.
pub const RETRY_AFTER_S: u32 = 1;

/// Why a read was not recorded; the read must not be answered then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The queue is full, or the store does not work for now; [`RETRY_AFTER_S`] says when to come
    /// back.
    #[error("too many reads wait to be recorded, or the store does not work for now")]
    Overloaded,
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopped,
    /// The store failed, with this code.
    #[error("the record could not be stored: {code}")]
    Store {
        /// Code of the failure; its text is in the log.
        code: &'static str,
    },
}

/// Records reads in batches. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    log: ProvenanceLog,
    queue: mpsc::Sender<Job>,
    stop: Arc<Notify>,
}

struct Job {
    leaf: NewLeaf,
    answer: oneshot::Sender<Result<u64, RecordError>>,
}

impl RecordError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Overloaded => "RECORD_OVERLOADED",
            Self::Stopped => "RECORD_STOPPED",
            Self::Store { code } => code,
        }
    }
}

impl Recorder {
    /// Starts the writer. It ends after [`Recorder::close`], or when the last recorder is
    /// dropped, with everything accepted before on disk.
    #[must_use]
    pub fn start(store: Store, log: ProvenanceLog) -> (Self, JoinHandle<()>) {
        Self::start_bounded(store, log, QUEUE_MAX)
    }

    /// Records a read; returns the index of its leaf once it is durable.
    ///
    /// # Errors
    /// [`RecordError::Overloaded`] at once when the queue is full; otherwise when the node stops
    /// or the store fails. The read must not be answered then.
    pub async fn record(
        &self,
        leaf: Leaf,
        private: Option<PrivateDetail>,
    ) -> Result<u64, RecordError> {
        // Here, where many work side by side: the writer is one.
        let prepared = self.log.prepare(leaf, private);
        let leaf = prepared.map_err(|error| RecordError::Store { code: error.code() })?;
        let (answer, durable) = oneshot::channel();
        self.queue
            .try_send(Job { leaf, answer })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => RecordError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => RecordError::Stopped,
            })?;
        durable.await.unwrap_or(Err(RecordError::Stopped))
    }

    /// Accepts no more records. What was accepted is still written: await the writer's handle.
    pub async fn close(&self) {
        self.stop.notify_one();
        self.queue.closed().await;
    }

    pub(super) fn start_bounded(
        store: Store,
        log: ProvenanceLog,
        queue_max: usize,
    ) -> (Self, JoinHandle<()>) {
        let (queue, jobs) = mpsc::channel(queue_max);
        let stop = Arc::new(Notify::new());
        let writer = tokio::spawn(write_all(store, jobs, Arc::clone(&stop)));
        (Self { log, queue, stop }, writer)
    }
}

async fn write_all(store: Store, mut jobs: mpsc::Receiver<Job>, stop: Arc<Notify>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        tokio::select! {
            // Closing lets nothing new in; what waits is still received below.
            () = stop.notified() => jobs.close(),
            received = jobs.recv_many(&mut batch, BATCH_MAX) => {
                if received == 0 {
                    return;
                }
                gather(&mut jobs, &mut batch).await;
                write_batch(&store, &mut batch).await;
            }
        }
    }
}

/// Lets everything else that is ready run first, as long as that brings more records. Callers who
/// were answered together come again together: without this the first of them would be written
/// alone, and all others would wait for it.
async fn gather(jobs: &mut mpsc::Receiver<Job>, batch: &mut Vec<Job>) {
    let mut in_vain = 0;
    while in_vain < ROUNDS_IN_VAIN_MAX && batch.len() < BATCH_MAX {
        tokio::task::yield_now().await;
        let before = batch.len();
        while batch.len() < BATCH_MAX
            && let Ok(job) = jobs.try_recv()
        {
            batch.push(job);
        }
        in_vain = if batch.len() > before { 0 } else { in_vain + 1 };
    }
}

async fn write_batch(store: &Store, batch: &mut Vec<Job>) {
    let (leaves, answers): (Vec<_>, Vec<_>) =
        batch.drain(..).map(|job| (job.leaf, job.answer)).unzip();
    let written = append_all(store, &leaves).await;
    if let Err(error) = &written {
        tracing::warn!(record.count = leaves.len(), record.cause = %error,
            "reads could not be recorded and were not answered");
    }
    match written {
        Ok(indexes) => {
            metrics::counter!(measure::RECORDS).increment(indexes.len() as u64);
            metrics::histogram!(measure::RECORD_BATCH)
                .record(u32::try_from(indexes.len()).unwrap_or(u32::MAX));
            for (answer, index) in answers.into_iter().zip(indexes) {
                tell(answer, Ok(index));
            }
        }
        Err(error) => {
            // A store that does not work for now is as good as a queue that is full.
            let failure = if error.is_of_the_store() {
                RecordError::Overloaded
            } else {
                RecordError::Store { code: error.code() }
            };
            for answer in answers {
                tell(answer, Err(failure.clone()));
            }
        }
    }
}

async fn append_all(store: &Store, leaves: &[NewLeaf]) -> Result<Vec<u64>, StoreError> {
    store
        .run_tx("record_reads", |tx| {
            Box::pin(async move {
                let mut indexes = Vec::with_capacity(leaves.len());
                for leaf in leaves {
                    indexes.push(log::append(tx, leaf.clone()).await?);
                }
                Ok(indexes)
            })
        })
        .await
}

/// Whoever asked may have gone away; its record stays.
fn tell(answer: oneshot::Sender<Result<u64, RecordError>>, result: Result<u64, RecordError>) {
    let _ = answer.send(result);
}
