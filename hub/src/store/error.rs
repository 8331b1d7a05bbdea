//! What can go wrong in the store.

use sqlx::postgres::PgDatabaseError;

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
    /// Another transaction or process was in the way at all attempts.
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
    /// A statement that writes came on the way for reads, which counts nothing.
    #[error("a statement that writes took the way for reads")]
    NotReading,
    /// A command beside the node tried to change state.
    #[error("transaction {transaction} would change state beside the process that writes")]
    Visitor {
        /// Name of the transaction.
        transaction: &'static str,
    },
    /// A statement failed, and the transaction went on as if it had not.
    #[error("transaction {transaction} went on after a statement that failed")]
    FailureIgnored {
        /// Name of the transaction.
        transaction: &'static str,
    },
    /// Another process writes to this database.
    #[error("another process writes to this database; two would count the same revisions")]
    OtherWriter,
    /// The tables are of an older version, and this program may not change them.
    #[error("the database has version {found}, this program needs {needed}: hub migrate")]
    OlderDatabase {
        /// Version in the database; 0 when it has no tables.
        found: i64,
        /// Version that the program needs.
        needed: i64,
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
    /// A number that the database cannot hold.
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
    /// Another process appended to the log meanwhile: the transaction is run again.
    #[error("another process appended to the provenance log meanwhile")]
    LogMoved,
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
            Self::NotReading => "STORE_NOT_READING",
            Self::Visitor { .. } => "STORE_VISITOR",
            Self::FailureIgnored { .. } => "STORE_FAILURE_IGNORED",
            Self::OtherWriter => "STORE_OTHER_WRITER",
            Self::OlderDatabase { .. } => "STORE_OLDER_DATABASE",
            Self::TooManyLeaves { .. } => "STORE_TOO_MANY_LEAVES",
            Self::Leaf => "STORE_LEAF",
            Self::PositionBackwards { .. } => "STORE_POSITION_BACKWARDS",
            Self::OutOfRange { .. } => "STORE_OUT_OF_RANGE",
            Self::Corrupt { .. } => "STORE_CORRUPT",
            Self::Column { .. } => "STORE_COLUMN",
            Self::NoLog => "STORE_NO_LOG",
            Self::LogMoved => "STORE_LOG_MOVED",
            Self::OtherLog { .. } => "STORE_OTHER_LOG",
        }
    }

    /// Whether the store is at fault, not what it was given: full, locked, out of reach. Trying
    /// again later may succeed, and what was to be stored must not be given up.
    ///
    /// A commit whose connection broke before the answer is such a failure too: nobody knows
    /// whether it took place. Whoever tries again finds what it left – marks of applied
    /// messages, kept answers, positions – in the same transaction as its effect.
    #[must_use]
    pub fn is_of_the_store(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::OtherWriter | Self::LogMoved => true,
            Self::Database(error) => matches!(
                Fault::of(error),
                Fault::Contended | Fault::Lost | Fault::Passing
            ),
            _ => false,
        }
    }

    /// Whether the connection broke: a new one may work.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Database(error) if Fault::of(error) == Fault::Lost)
    }

    /// What a transaction that met this error does.
    pub(super) fn fault(&self) -> Fault {
        match self {
            Self::Database(error) => Fault::of(error),
            Self::LogMoved => Fault::Contended,
            _ => Fault::Refused,
        }
    }
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fault {
    /// About a row, a statement or what was given.
    #[default]
    Refused,
    /// Another transaction was in the way: this one may be run again at once.
    Contended,
    /// A row of the same key was there: perhaps written at the same moment, so that once more
    /// tells.
    Race,
    /// The connection broke.
    Lost,
    /// The database does not work for now: full, read-only, no connection free, too slow.
    Passing,
}

impl Fault {
    fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                match database.try_downcast_ref::<PgDatabaseError>() {
                    Some(_) => Self::of_postgres(&code),
                    None => Self::of_sqlite(&code),
                }
            }
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => Self::Lost,
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                Self::Passing
            }
            _ => Self::Refused,
        }
    }

    /// SQLite result codes; extended codes keep the plain one in the low byte.
    fn of_sqlite(code: &str) -> Self {
        const BUSY: u32 = 5;
        // Locked, out of memory, read-only, I/O error, full, cannot open.
        const PASSING: [u32; 6] = [6, 7, 8, 10, 13, 14];
        match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(BUSY) => Self::Contended,
            Ok(code) if PASSING.contains(&code) => Self::Passing,
            _ => Self::Refused,
        }
    }

    /// SQLSTATE codes of PostgreSQL.
    fn of_postgres(code: &str) -> Self {
        match code {
            // Serialisation failure, deadlock, lock timeout.
            "40001" | "40P01" | "55P03" => Self::Contended,
            "23505" => Self::Race,
            // The server ends or restarts, or ended a transaction that idled.
            "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => Self::Lost,
            // Statement timeout, a standby that only reads, rights that are missing.
            "57014" | "25006" | "42501" => Self::Passing,
            _ => match code.get(..2) {
                Some("08") => Self::Lost,
                // Sign-in, no such database, no room or memory or connection, the system's I/O.
                Some("28" | "3D" | "53" | "58") => Self::Passing,
                _ => Self::Refused,
            },
        }
    }
}

/// The last failure of a statement inside a transaction. The body may answer with an error of its
/// own kind, which no longer says what the database said.
#[derive(Debug, Default)]
pub(super) struct Trouble(Option<Fault>);

impl Trouble {
    /// Notes the failure, if it is one.
    pub(super) fn note<T>(&mut self, done: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        done.map_err(|error| {
            self.0 = Some(Fault::of(&error));
            StoreError::Database(error)
        })
    }

    /// What was noted last.
    pub(super) fn fault(&self) -> Fault {
        self.0.unwrap_or_default()
    }

    /// Whether any failure was noted.
    pub(super) fn is_any(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_whether_to_try_again() {
        for (code, fault) in [
            ("40001", Fault::Contended),
            ("40P01", Fault::Contended),
            ("23505", Fault::Race),
            ("23514", Fault::Refused),
            ("57P01", Fault::Lost),
            ("08006", Fault::Lost),
            ("53100", Fault::Passing),
            ("57014", Fault::Passing),
            ("P0001", Fault::Refused),
        ] {
            assert_eq!(Fault::of_postgres(code), fault, "{code}");
        }
        for (code, fault) in [
            ("5", Fault::Contended),
            ("517", Fault::Contended),
            ("13", Fault::Passing),
            ("2067", Fault::Refused),
        ] {
            assert_eq!(Fault::of_sqlite(code), fault, "{code}");
        }
    }
}
