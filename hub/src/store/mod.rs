//! The node's SQL store: one SQLite file, one file of plain functions per table.
//!
//! Writes go through [`Store::run_tx`]: a named transaction that begins immediately, runs a
//! re-runnable body and commits. It refuses to commit a change of state without a provenance leaf
//! (invariant 2); the count of changed rows comes from SQLite itself, so no function can forget.
//! Reads take any executor: [`Store::reader`] outside, [`Tx::connection`] inside a transaction.

pub mod applied;
pub mod entries;
pub mod error;
pub mod heads;
pub mod idempotency;
pub mod leaves;
pub(crate) mod log;
pub mod originals;
pub mod outbox;
pub mod permits;
pub mod positions;
pub mod receipts;
pub mod registrations;
pub mod rejections;
mod row;
mod tx;

#[cfg(test)]
pub(crate) mod tests;

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlitePool};

pub use error::StoreError;
pub use tx::{Tx, TxFuture};

static MIGRATIONS: Migrator = sqlx::migrate!("../schemas/migrations/sqlite");

/// Readers at once: a read takes tens of microseconds, so more would only wait for the cores.
const READERS_MAX: u32 = 8;

/// How long SQLite waits for another process's lock (`hub trail` beside a running node).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a caller waits for a connection before it is refused as busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// A node's database. Cheap to clone; all clones share the connections.
#[derive(Clone, Debug)]
pub struct Store {
    /// One connection: SQLite has one writer, and waiting here is fair and bounded.
    writer: SqlitePool,
    reader: SqlitePool,
}

impl Store {
    /// Opens the database of a node, creates it when the file is missing, and brings it to this
    /// version's tables.
    ///
    /// # Errors
    /// A file that cannot be opened, is no database, or was written by a newer version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(options(path)?.create_if_missing(true)).await
    }

    /// Opens the database of a node that must be there.
    ///
    /// # Errors
    /// As [`Store::open`], and a missing file.
    pub async fn open_existing(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(options(path)?.create_if_missing(false)).await
    }

    /// Connections for reading; they refuse to write.
    #[must_use]
    pub fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    /// Waits for running statements and closes the connections.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    async fn open_with(options: SqliteConnectOptions) -> Result<Self, StoreError> {
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // Statements stay prepared and the file stays open for as long as the node runs.
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        MIGRATIONS.run(&writer).await.map_err(|error| match error {
            MigrateError::VersionMissing(version) => StoreError::NewerDatabase { version },
            other => StoreError::Migration(Box::new(other)),
        })?;
        let reader = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.create_if_missing(false).pragma("query_only", "on"))
            .await?;
        Ok(Self { writer, reader })
    }
}

fn options(path: &Path) -> Result<SqliteConnectOptions, StoreError> {
    Ok(SqliteConnectOptions::from_str("sqlite:")?
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: in WAL mode NORMAL may lose the last commits on power loss, and an answer
        // leaves only after its record is durable.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        // The log of statements is the transaction's line; SQL text would drown it.
        .disable_statement_logging())
}
