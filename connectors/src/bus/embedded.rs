//! The embedded bus: one SQLite log file for all nodes of one process.
//!
//! One task owns the only writing connection. It takes every publication that is waiting, writes
//! them in one transaction (one sync of the disk for many callers) and wakes the readers of the
//! topics concerned. Records stay until [`Bus::forget`]: a new subscriber begins with the oldest.
//! Only one process may use the file, since readers are woken within the process.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    BATCH_BYTES_MAX, BATCH_RECORDS_MAX, Bus, BusError, BusRecord, OutgoingRecord, Positions,
    Sharing, Subscription, check_topic,
};

/// A topic of one file is one partition.
const PARTITION: i32 = 0;

/// Publications that may wait for the writer; further callers wait to enter.
const QUEUE_MAX: usize = 256;

/// Records after which the writer takes no further publication into its transaction: about the
/// number that one sync of a disk costs in writing time.
const GROUP_RECORDS_MAX: usize = 1024;

/// Bytes after which the writer takes no further publication into its transaction.
const GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Reading connections: readers hold one only while they read.
const READERS_MAX: u32 = 4;

/// How long a connection waits for another's lock; only checkpoints take it for long.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Rows that SQLite reads ahead of the reader: a row may be 1 MiB.
const ROWS_AHEAD: usize = 4;

const CREATE_TABLE: &str = "\
create table if not exists record (
    topic text not null,
    position integer not null,
    key text not null,
    headers text not null,
    body blob not null,
    primary key (topic, position)
) strict";

const INSERT: &str = "\
insert into record (topic, position, key, headers, body)
select ?1, coalesce(max(position), 0) + 1, ?2, ?3, ?4 from record where topic = ?1";

const SELECT_AFTER: &str = "\
select position, key, headers, body from record
where topic = ?1 and position > ?2 order by position limit ?3";

/// The position before the oldest record, and that of the newest. Two lookups in the index; both
/// in one select would read the whole topic.
const SELECT_ENDS: &str = "\
select coalesce((select min(position) from record where topic = ?1), 1) - 1,
       coalesce((select max(position) from record where topic = ?1), 0)";

const DELETE_OLDEST: &str = "\
delete from record where rowid in (
    select rowid from record where topic = ?1
    and position <= min(?2, (select max(position) from record where topic = ?1) - ?3)
    order by position limit ?4)";

/// Records that are let go in one transaction, so that publications do not wait for long.
const FORGET_RECORDS: u32 = 128;

/// Bus in one SQLite file; see the module.
pub struct EmbeddedBus {
    readers: SqlitePool,
    writer: mpsc::Sender<Publication>,
    wakers: Arc<Wakers>,
}

/// What one caller wants published, and where it waits for the answer.
struct Publication {
    records: Vec<OutgoingRecord>,
    done: oneshot::Sender<Result<(), BusError>>,
}

/// Per topic, what wakes its readers.
#[derive(Default)]
struct Wakers(Mutex<HashMap<String, watch::Sender<()>>>);

struct EmbeddedSubscription {
    readers: SqlitePool,
    topic: String,
    after: i64,
    wake: watch::Receiver<()>,
}

impl EmbeddedBus {
    /// Opens the log file, and makes it when there is none; its folder must exist.
    ///
    /// # Errors
    /// The file cannot be opened or is no log.
    pub async fn open(path: &Path) -> Result<Self, BusError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A record must survive a power failure once `publish` has returned.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .row_buffer_size(ROWS_AHEAD);
        let mut connection = options.connect().await?;
        sqlx::query(CREATE_TABLE).execute(&mut connection).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .connect_with(options)
            .await?;
        let wakers = Arc::new(Wakers::default());
        let (writer, publications) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(write_all(connection, publications, Arc::clone(&wakers)));
        Ok(Self {
            readers,
            writer,
            wakers,
        })
    }
}

#[async_trait]
impl Bus for EmbeddedBus {
    async fn publish(&self, records: Vec<OutgoingRecord>) -> Result<(), BusError> {
        for record in &records {
            record.check()?;
        }
        if records.is_empty() {
            return Ok(());
        }
        let (done, answer) = oneshot::channel();
        let publication = Publication { records, done };
        self.writer
            .send(publication)
            .await
            .map_err(|_| BusError::Closed)?;
        answer.await.map_err(|_| BusError::Closed)?
    }

    async fn subscribe(
        &self,
        topic: &str,
        // One process has the file, so there is nobody to share with.
        _sharing: Sharing,
        positions: Arc<dyn Positions>,
    ) -> Result<Box<dyn Subscription>, BusError> {
        check_topic(topic)?;
        let after = positions.last(topic, PARTITION).await?;
        let (start, end): (i64, i64) = sqlx::query_as(SELECT_ENDS)
            .bind(topic)
            .fetch_one(&self.readers)
            .await?;
        let after = after.unwrap_or(start);
        if !(0..=end).contains(&after) {
            let topic = topic.to_owned();
            return Err(BusError::PositionBehindEnd {
                topic,
                partition: PARTITION,
                position: after,
                end,
            });
        }
        Ok(Box::new(EmbeddedSubscription {
            readers: self.readers.clone(),
            topic: topic.to_owned(),
            after,
            wake: self.wakers.subscribe(topic),
        }))
    }

    async fn forget(&self, topic: &str, up_to: i64, keep: u32) -> Result<(), BusError> {
        loop {
            let done = sqlx::query(DELETE_OLDEST)
                .bind(topic)
                .bind(up_to)
                // The newest one stays: from it the next position is counted.
                .bind(keep.max(1))
                .bind(FORGET_RECORDS)
                .execute(&self.readers)
                .await?;
            if done.rows_affected() < u64::from(FORGET_RECORDS) {
                return Ok(());
            }
        }
    }

    async fn healthy(&self) -> Result<(), BusError> {
        if self.writer.is_closed() {
            return Err(BusError::Closed);
        }
        sqlx::query("select 1 from record limit 1")
            .fetch_optional(&self.readers)
            .await?;
        Ok(())
    }
}

#[async_trait]
impl Subscription for EmbeddedSubscription {
    async fn next(&mut self) -> Result<Vec<BusRecord>, BusError> {
        loop {
            // Marked as seen before reading: what is published while reading wakes again.
            self.wake.borrow_and_update();
            let batch = self.read().await?;
            if let Some(last) = batch.last() {
                self.after = last.position;
                return Ok(batch);
            }
            self.wake.changed().await.map_err(|_| BusError::Closed)?;
        }
    }
}

impl EmbeddedSubscription {
    async fn read(&self) -> Result<Vec<BusRecord>, BusError> {
        let mut rows = sqlx::query(SELECT_AFTER)
            .bind(&self.topic)
            .bind(self.after)
            .bind(i64::try_from(BATCH_RECORDS_MAX).unwrap_or(i64::MAX))
            .fetch(&self.readers);
        let mut batch = Vec::new();
        let (mut bytes, mut expected) = (0, self.after + 1);
        while let Some(row) = rows.try_next().await? {
            let record = self.record(&row)?;
            if record.position != expected {
                let (topic, found) = (record.topic, record.position);
                return Err(BusError::Gap {
                    topic,
                    expected,
                    found,
                });
            }
            bytes += record.body.len();
            if bytes > BATCH_BYTES_MAX && !batch.is_empty() {
                break;
            }
            expected += 1;
            batch.push(record);
        }
        Ok(batch)
    }

    fn record(&self, row: &SqliteRow) -> Result<BusRecord, BusError> {
        let position = row.try_get("position")?;
        let headers: String = row.try_get("headers")?;
        let headers = serde_json::from_str(&headers).map_err(|_| BusError::Malformed {
            topic: self.topic.clone(),
            position,
        })?;
        Ok(BusRecord {
            topic: self.topic.clone(),
            partition: PARTITION,
            position,
            key: row.try_get("key")?,
            headers,
            body: Bytes::from(row.try_get::<Vec<u8>, _>("body")?),
            // Only nodes write here, and what they write was checked.
            malformed: None,
        })
    }
}

impl Wakers {
    fn subscribe(&self, topic: &str) -> watch::Receiver<()> {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wakers.entry(topic.to_owned()).or_default().subscribe()
    }

    fn wake<'a>(&self, topics: impl IntoIterator<Item = &'a str>) {
        let wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for topic in topics {
            if let Some(waker) = wakers.get(topic) {
                waker.send_replace(());
            }
        }
    }
}

/// Runs until the bus is dropped; ends the readers with it, since it holds their wakers.
async fn write_all(
    mut connection: SqliteConnection,
    mut publications: mpsc::Receiver<Publication>,
    wakers: Arc<Wakers>,
) {
    while let Some(first) = publications.recv().await {
        let group = group_with(first, &mut publications);
        let written = write_group(&mut connection, &group).await;
        if written.is_ok() {
            let topics: BTreeSet<&str> = group
                .iter()
                .flat_map(|publication| &publication.records)
                .map(|record| record.topic.as_str())
                .collect();
            wakers.wake(topics);
        }
        for publication in group {
            // Whoever no longer waits needs no answer.
            let _ = publication.done.send(written.clone());
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the bus log was not closed cleanly");
    }
}

/// The first publication and those that wait already, up to the limits of one transaction.
fn group_with(
    first: Publication,
    publications: &mut mpsc::Receiver<Publication>,
) -> Vec<Publication> {
    let size = |publication: &Publication| {
        let bytes = publication
            .records
            .iter()
            .map(|record| record.body.len())
            .sum::<usize>();
        (publication.records.len(), bytes)
    };
    let (mut records, mut bytes) = size(&first);
    let mut group = vec![first];
    while records < GROUP_RECORDS_MAX && bytes < GROUP_BYTES_MAX {
        let Ok(next) = publications.try_recv() else {
            break;
        };
        let (more_records, more_bytes) = size(&next);
        records += more_records;
        bytes += more_bytes;
        group.push(next);
    }
    group
}

async fn write_group(
    connection: &mut SqliteConnection,
    group: &[Publication],
) -> Result<(), BusError> {
    // Statements of our own around the transaction: SQLite ends it by itself on a full disk, which
    // the transactions of the library do not notice, and then none could be begun any more.
    sqlx::query("begin immediate")
        .execute(&mut *connection)
        .await?;
    let written = insert_and_commit(connection, group).await;
    if written.is_err() {
        // Refused when it was ended already.
        let _ = sqlx::query("rollback").execute(connection).await;
    }
    written
}

async fn insert_and_commit(
    connection: &mut SqliteConnection,
    group: &[Publication],
) -> Result<(), BusError> {
    for record in group.iter().flat_map(|publication| &publication.records) {
        let headers =
            serde_json::to_string(&record.headers).map_err(|_| BusError::TooLarge("header"))?;
        sqlx::query(INSERT)
            .bind(&record.topic)
            .bind(&record.key)
            .bind(headers)
            .bind(record.body.as_ref())
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query("commit").execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
