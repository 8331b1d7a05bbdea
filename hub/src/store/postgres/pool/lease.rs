//! A connection in use, and the frame around its statements.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::PgConnection;
use tokio::sync::OwnedSemaphorePermit;

use super::{Idle, Inner, Patience, answered};
use crate::store::StoreError;
use crate::store::error::Fault;
use crate::store::log::LogState;

/// Longest statement of a check of the whole database: counting a hundred million rows.
const READING_ALL: Duration = Duration::from_secs(3_600);

/// The same for the server, until the end of the transaction.
const READING_ALL_LIMITS: &str = "set local statement_timeout = '1h'; \
                                  set local idle_in_transaction_session_timeout = '10min'";

/// A connection in use. Dropped without [`Lease::release`] it is closed.
pub(in crate::store) struct Lease {
    connection: PgConnection,
    frame: Frame,
    log: Option<LogState>,
    answer_timeout: Duration,
    pool: Arc<Inner>,
    permit: OwnedSemaphorePermit,
}

/// What frames the statements on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    /// Nothing: each statement is a transaction of its own.
    None,
    /// A transaction that this text begins, before its first statement.
    Due(&'static str),
    /// A transaction that was begun.
    Begun,
    /// A transaction that could not be begun: nobody knows what the connection is at.
    Broken,
    /// A transaction that is one statement.
    Single,
    /// That statement was run.
    Spent,
}

impl Lease {
    pub(super) fn new(idle: Idle, pool: Arc<Inner>, permit: OwnedSemaphorePermit) -> Self {
        Self {
            connection: idle.connection,
            frame: Frame::None,
            log: idle.log,
            answer_timeout: pool.answer_timeout,
            pool,
            permit,
        }
    }

    /// The connection as it is, where statements have no frame.
    pub(in crate::store) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// The statements to come are a transaction, which `begin` begins with the first of them.
    pub(in crate::store) fn frame(&mut self, begin: &'static str) {
        self.frame = Frame::Due(begin);
    }

    /// The one statement to come is a transaction by itself.
    pub(in crate::store) fn frame_single(&mut self) {
        self.frame = Frame::Single;
    }

    /// The connection for the next statement; begins the transaction that is due.
    ///
    /// # Errors
    /// The transaction cannot be begun; a second statement where there is to be one.
    pub(in crate::store) async fn open(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        let Frame::Due(begin) = self.frame else {
            return self.last();
        };
        self.frame = Frame::Broken;
        self.command(begin).await?;
        self.frame = Frame::Begun;
        Ok(&mut self.connection)
    }

    /// The connection for the last statement of a transaction; where none came before, it is the
    /// transaction.
    ///
    /// # Errors
    /// A second statement where there is to be one.
    pub(in crate::store) fn last(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        match self.frame {
            Frame::Due(_) | Frame::Single => self.frame = Frame::Spent,
            Frame::None | Frame::Begun => {}
            Frame::Spent | Frame::Broken => {
                let text = "a further statement in a transaction that is over";
                return Err(sqlx::Error::InvalidArgument(text.to_owned()));
            }
        }
        Ok(&mut self.connection)
    }

    /// Whether no statement of the transaction was sent.
    pub(in crate::store) fn is_untouched(&self) -> bool {
        matches!(self.frame, Frame::Due(_) | Frame::Single | Frame::Broken)
    }

    /// Ends the frame with `commit` or `rollback`, where one was begun.
    ///
    /// # Errors
    /// Failures of the database; a frame that could not be begun.
    pub(in crate::store) async fn end(&mut self, text: &'static str) -> Result<(), sqlx::Error> {
        match std::mem::replace(&mut self.frame, Frame::None) {
            Frame::Begun => self.command(text).await,
            Frame::Broken => Err(sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into())),
            Frame::None | Frame::Due(_) | Frame::Single | Frame::Spent => Ok(()),
        }
    }

    /// Takes the log as this connection left it. It is known again after a commit.
    pub(in crate::store) fn take_log(&mut self) -> Option<LogState> {
        self.log.take()
    }

    /// Keeps the log as a transaction left it that was committed.
    pub(in crate::store) fn keep_log(&mut self, log: LogState) {
        self.log = Some(log);
    }

    /// How long the answer to one statement is waited for.
    pub(in crate::store) fn patience(&self) -> Patience {
        Patience {
            longest: self.answer_timeout,
            pool: Arc::clone(&self.pool),
        }
    }

    /// Begins a transaction that reads one state of the whole database, however long that takes.
    ///
    /// # Errors
    /// Failures of the database.
    pub(in crate::store) async fn begin_reading_all(&mut self) -> Result<(), sqlx::Error> {
        self.answer_timeout = READING_ALL + self.answer_timeout;
        self.command("begin isolation level repeatable read, read only")
            .await?;
        self.command(READING_ALL_LIMITS).await
    }

    /// Runs a command without values or rows: the frame of a transaction.
    ///
    /// # Errors
    /// Failures of the database.
    pub(in crate::store) async fn command(
        &mut self,
        text: &'static str,
    ) -> Result<(), sqlx::Error> {
        let patience = self.patience();
        answered(patience, sqlx::raw_sql(text).execute(&mut self.connection)).await?;
        Ok(())
    }

    /// Gives the connection back; nothing may be under way on it.
    pub(in crate::store) fn release(self) {
        let Self {
            connection,
            log,
            pool,
            permit,
            ..
        } = self;
        let since = Instant::now();
        pool.idle().push(Idle {
            connection,
            since,
            log,
        });
        drop(permit);
    }

    /// Gives the connection back unless the failure is one of the connection.
    pub(in crate::store) fn release_after<T>(
        self,
        done: Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let done = done.map_err(StoreError::from);
        if done
            .as_ref()
            .is_err_and(|error| error.fault() == Fault::Lost)
        {
            // The others are probably as dead as this one: whoever tries again gets a new one.
            self.pool.idle().clear();
        } else {
            self.release();
        }
        done
    }
}
