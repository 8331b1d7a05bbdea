//! The node's SQL store: one SQLite file, or a PostgreSQL database; one file of plain functions
//! per table, each statement written once ([`sql`]).
//!
//! Writes go through [`Store::run_tx`]: a named transaction that runs a re-runnable body and
//! commits. It refuses to commit a change of state without a provenance leaf (invariant 2): every
//! statement that changes rows says whether they are state or bookkeeping, and those of state are
//! counted where statements are run. Reads run on [`Store::reader`] outside, on the [`Tx`] inside a
//! transaction.

pub mod applied;
mod check;
pub mod dead_letters;
pub mod entries;
pub mod error;
pub mod file_fetches;
pub mod heads;
pub mod idempotency;
pub mod leaves;
pub(crate) mod log;
pub mod originals;
pub mod outbox;
pub mod permits;
pub mod positions;
mod postgres;
pub mod receipts;
pub mod registrations;
pub mod rejections;
mod row;
pub mod scratch;
pub mod seal_statuses;
pub mod snapshots;
pub mod sql;
mod sqlite;
pub mod trust_items;
mod tx;

#[cfg(test)]
pub(crate) mod tests;

use std::path::Path;

use sqlx::SqlitePool;

pub use error::StoreError;
pub use tx::{Tx, TxFuture};

use self::postgres::pool::Pool;
use self::sql::{Reader, Snapshot, Sql};
use crate::config::{NodeConfig, StoreKind};
use crate::node::database_path;

/// A node's database. Cheap to clone; all clones share the connections.
#[derive(Clone, Debug)]
pub struct Store {
    /// One connection: SQLite has one writer, on PostgreSQL the log serialises all writers anyway,
    /// and waiting here is fair and bounded.
    writer: Writer,
    reader: Reader,
}

#[derive(Clone, Debug)]
enum Writer {
    Sqlite(SqlitePool),
    Postgres(Pool),
}

/// Who opens a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// The node itself, alone.
    Node,
    /// A command beside the node, which reads and signs heads.
    Visitor,
    /// A command beside the node that decides what only its operator can.
    Operator,
}

/// What `hub migrate` finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrated {
    /// The database had this version's tables already.
    Current,
    /// The database has the tables of this older version, 0 when it has none.
    From(i64),
}

impl Store {
    /// Opens the database that a node's settings name: creates it when it is a file that is
    /// missing, and brings it to this version's tables (PostgreSQL: when the settings allow that).
    ///
    /// # Errors
    /// A database that cannot be reached or opened, is none, or was written by a newer version;
    /// on PostgreSQL also one that another process writes to, and one of an older version.
    pub async fn of_node(config: &NodeConfig) -> Result<Self, StoreError> {
        match config.store.kind {
            StoreKind::Sqlite => Self::open(&database_path(&config.data)).await,
            StoreKind::Postgres => postgres::open(&config.store, &config.name, Access::Node).await,
        }
    }

    /// Opens the database that a node's settings name, which must be there, beside the node: for
    /// reading and for bookkeeping. (In a file a change of state waits its turn; on PostgreSQL it
    /// is refused.)
    ///
    /// # Errors
    /// As [`Store::of_node`].
    pub async fn visit_node(config: &NodeConfig) -> Result<Self, StoreError> {
        match config.store.kind {
            StoreKind::Sqlite => Self::open_existing(&database_path(&config.data)).await,
            StoreKind::Postgres => {
                postgres::open(&config.store, &config.name, Access::Visitor).await
            }
        }
    }

    /// Opens the database that a node's settings name, which must be there, beside the node: for a
    /// decision of the operator. The node may run: its transactions and this one wait for each
    /// other, or run again.
    ///
    /// # Errors
    /// As [`Store::of_node`].
    pub async fn of_operator(config: &NodeConfig) -> Result<Self, StoreError> {
        match config.store.kind {
            StoreKind::Sqlite => Self::open_existing(&database_path(&config.data)).await,
            StoreKind::Postgres => {
                postgres::open(&config.store, &config.name, Access::Operator).await
            }
        }
    }

    /// Opens the database of a node in a file, creates it when the file is missing, and brings it
    /// to this version's tables.
    ///
    /// # Errors
    /// A file that cannot be opened, is no database, or was written by a newer version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        sqlite::open(path, true).await
    }

    /// Opens the database of a node in a file that must be there.
    ///
    /// # Errors
    /// As [`Store::open`], and a missing file.
    pub async fn open_existing(path: &Path) -> Result<Self, StoreError> {
        sqlite::open(path, false).await
    }

    /// Brings the database that the settings name to this version's tables, without opening it
    /// for a node; `check_only` looks and changes nothing.
    ///
    /// # Errors
    /// As [`Store::of_node`].
    pub async fn migrate(config: &NodeConfig, check_only: bool) -> Result<Migrated, StoreError> {
        match config.store.kind {
            StoreKind::Sqlite => sqlite::migrate(&database_path(&config.data), check_only).await,
            StoreKind::Postgres => postgres::migrate(&config.store, check_only).await,
        }
    }

    /// Connections for reading; they refuse to write.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// A state of the database that stands still, for reading many things that fit together.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.reader.snapshot().await
    }

    /// Asks the database for an answer, no matter which.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn healthy(&self) -> Result<(), StoreError> {
        // A cast, because a bare 1 is a narrower number on PostgreSQL.
        const ANSWER: Sql = Sql::new("select cast(1 as bigint)");
        ANSWER.query().value::<i64>(&self.reader).await.map(|_| ())
    }

    /// Waits for running statements and closes the connections.
    pub async fn close(&self) {
        self.reader.close().await;
        match &self.writer {
            Writer::Sqlite(pool) => pool.close().await,
            Writer::Postgres(pool) => pool.close().await,
        }
    }
}

/// Every statement of the program, so that each is prepared on both databases by a test, and on
/// the real one by `hub migrate --check`.
const STATEMENTS: &[&[&dyn sql::Statement]] = &[
    applied::STATEMENTS,
    check::STATEMENTS,
    dead_letters::STATEMENTS,
    entries::STATEMENTS,
    entries::RAW_STATEMENTS,
    entries::WRITE_STATEMENTS,
    entries::LOAD_STATEMENTS,
    file_fetches::STATEMENTS,
    heads::STATEMENTS,
    idempotency::STATEMENTS,
    leaves::STATEMENTS,
    log::STATEMENTS,
    originals::STATEMENTS,
    outbox::STATEMENTS,
    permits::STATEMENTS,
    positions::STATEMENTS,
    receipts::STATEMENTS,
    registrations::STATEMENTS,
    rejections::STATEMENTS,
    seal_statuses::STATEMENTS,
    snapshots::STATEMENTS,
    trust_items::STATEMENTS,
];
