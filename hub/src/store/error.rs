//! What can go wrong in the store.

/// Refusal or failure of the store. Texts never hold row contents.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or failed.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The tables could not be brought to this version.
    #[error("migration: {0}")]
    Migration(#[source] Box<sqlx::migrate::MigrateError>),
    /// A newer version of the program wrote this database.
    #[error("the database has migration {version}, which this version does not know")]
    NewerDatabase {
        /// The unknown migration.
        version: i64,
    },
    /// Another process held the lock for all attempts.
    #[error("transaction {transaction} found the database busy {attempts} times")]
    Busy {
        /// Name of the transaction.
        transaction: &'static str,
        /// How often it was tried.
        attempts: u32,
    },
    /// Rows were changed and no provenance leaf was appended (invariant 2).
    #[error("transaction {transaction} changed state without a provenance leaf")]
    NoLeaf {
        /// Name of the transaction.
        transaction: &'static str,
    },
    /// A bookkeeping transaction tried to change state.
    #[error("bookkeeping transaction {transaction} tried to change state")]
    NotBookkeeping {
        /// Name of the transaction.
        transaction: &'static str,
    },
    /// More leaves in one transaction than its buffer holds.
    #[error("transaction {transaction} appended too many leaves")]
    TooManyLeaves {
        /// Name of the transaction.
        transaction: &'static str,
    },
    /// A leaf longer than a reader accepts, or one that is no JSON.
    #[error("the provenance leaf cannot be written")]
    Leaf,
    /// A consumed position would go back or stand still.
    #[error("topic {topic} was already consumed beyond position {position}")]
    PositionBackwards {
        /// The topic.
        topic: String,
        /// The refused position.
        position: i64,
    },
    /// A number that SQLite cannot hold.
    #[error("{what} is out of range")]
    OutOfRange {
        /// Which number.
        what: &'static str,
    },
    /// A stored row cannot be read back.
    #[error("table {table} holds an unreadable {what}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// What in it.
        what: &'static str,
    },
    /// A column could not be sealed, or not opened with this node's keys.
    #[error("column {column} cannot be sealed or opened with this node's keys")]
    Column {
        /// The column.
        column: &'static str,
    },
    /// The log was not created yet.
    #[error("the provenance log was not created")]
    NoLog,
    /// The database belongs to another node.
    #[error("the database holds the log {found}, not {expected}")]
    OtherLog {
        /// Log in the database.
        found: String,
        /// Log of this node.
        expected: String,
    },
}

impl StoreError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Database(_) => "STORE_DATABASE",
            Self::Migration(_) => "STORE_MIGRATION",
            Self::NewerDatabase { .. } => "STORE_NEWER_DATABASE",
            Self::Busy { .. } => "STORE_BUSY",
            Self::NoLeaf { .. } => "STORE_NO_LEAF",
            Self::NotBookkeeping { .. } => "STORE_NOT_BOOKKEEPING",
            Self::TooManyLeaves { .. } => "STORE_TOO_MANY_LEAVES",
            Self::Leaf => "STORE_LEAF",
            Self::PositionBackwards { .. } => "STORE_POSITION_BACKWARDS",
            Self::OutOfRange { .. } => "STORE_OUT_OF_RANGE",
            Self::Corrupt { .. } => "STORE_CORRUPT",
            Self::Column { .. } => "STORE_COLUMN",
            Self::NoLog => "STORE_NO_LOG",
            Self::OtherLog { .. } => "STORE_OTHER_LOG",
        }
    }

    /// Whether the store is at fault, not what it was given: full, locked, out of reach. Trying
    /// again later may succeed, and what was to be stored must not be given up.
    #[must_use]
    pub fn is_of_the_store(&self) -> bool {
        // SQLite result codes: busy, locked, out of memory, read-only, I/O error, full, cannot
        // open; the others are about a row or a statement.
        const PASSING: [u32; 7] = [5, 6, 7, 8, 10, 13, 14];
        match self {
            Self::Busy { .. } => true,
            Self::Database(sqlx::Error::Database(error)) => error
                .code()
                .and_then(|code| code.parse::<u32>().ok())
                .is_some_and(|code| PASSING.contains(&(code & 0xff))),
            Self::Database(error) => matches!(
                error,
                sqlx::Error::Io(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
            ),
            _ => false,
        }
    }

    /// Whether another process held the lock: the transaction may be run again.
    pub(super) fn is_busy(&self) -> bool {
        // SQLite result codes: 5 is SQLITE_BUSY; extended codes keep it in the low byte.
        const SQLITE_BUSY: u32 = 5;
        match self {
            Self::Database(sqlx::Error::Database(error)) => error
                .code()
                .and_then(|code| code.parse::<u32>().ok())
                .is_some_and(|code| code & 0xff == SQLITE_BUSY),
            _ => false,
        }
    }
}
