//! Connections to PostgreSQL.
//!
//! A pool of its own, because a lookup is one short round trip: the library's pool tests every
//! connection with a round trip of its own whenever it comes back. Here a connection comes back
//! only after a statement that went well; after anything else – an error of the connection, a
//! caller that went away in the middle – it is closed, which also ends its transaction.

mod lease;

use std::future::IntoFuture;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::Semaphore;

pub(in crate::store) use self::lease::Lease;

use super::fence;
use crate::store::StoreError;
use crate::store::error::Fault;
use crate::store::log::LogState;

/// How long a caller waits for a connection, new ones included, before it is refused as busy. A
/// server that restarts is back within that.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Wait between two tries to connect to a server that does not listen yet.
const CONNECT_WAIT: Duration = Duration::from_millis(100);

/// A connection that nobody used for this long is tested before it is used: the server may have
/// restarted. Busy connections are used without.
const IDLE_UNTESTED: Duration = Duration::from_secs(5);

/// Longest wait for the answer to that test.
const TEST_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a caller waits for a connection to a server that did not answer to the last who tried:
/// enough for one more try, so that it is found again, and little for a caller who is refused.
const AWAY_TIMEOUT: Duration = Duration::from_secs(2);

/// A statement without an answer for this long makes the program ask whether the server answers to
/// anyone: nearly all take milliseconds, and a caller waits.
const SILENCE: Duration = Duration::from_secs(2);

/// Prepared statements per connection: more than the program has.
const STATEMENTS_MAX: usize = 256;

/// Connections of one kind. Cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct Pool(Arc<Inner>);

struct Inner {
    options: PgConnectOptions,
    purpose: Purpose,
    /// Longest wait for the answer to one statement: longer than the server lets it run.
    answer_timeout: Duration,
    size: u32,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
    /// The server did not answer to the last who tried to connect.
    is_away: AtomicBool,
}

/// How long an answer to a statement is waited for.
pub(in crate::store) struct Patience {
    longest: Duration,
    pool: Arc<Inner>,
}

/// What the connections of a pool are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Purpose {
    /// Reading alone: a statement that writes is refused by the server.
    Reading,
    /// Writing, as the only process that does.
    Writing,
    /// Bookkeeping beside the process that writes.
    Visiting,
    /// Single changes of state beside the process that writes, as serialisable as its own.
    Deciding,
}

/// A connection that nobody uses.
struct Idle {
    connection: PgConnection,
    since: Instant,
    /// The log after the last transaction of this connection. Whoever uses it says so in the
    /// statement: another process may have written since.
    log: Option<LogState>,
}

impl Pool {
    /// A pool that connects when it must.
    pub(super) fn new(
        options: PgConnectOptions,
        purpose: Purpose,
        size: u32,
        answer_timeout: Duration,
    ) -> Self {
        let read_only = if purpose == Purpose::Reading {
            "on"
        } else {
            "off"
        };
        let options = options
            .options([("default_transaction_read_only", read_only)])
            .statement_cache_capacity(STATEMENTS_MAX)
            // The log of statements is the transaction's line; SQL text would drown it.
            .disable_statement_logging();
        Self(Arc::new(Inner {
            options,
            purpose,
            answer_timeout,
            size,
            permits: Arc::new(Semaphore::new(size as usize)),
            idle: Mutex::new(Vec::new()),
            is_away: AtomicBool::new(false),
        }))
    }

    /// What the connections are for.
    pub(in crate::store) fn purpose(&self) -> Purpose {
        self.0.purpose
    }

    /// A connection of one's own.
    ///
    /// # Errors
    /// None became free in time; the server cannot be reached; another process writes.
    pub(in crate::store) async fn lease(&self) -> Result<Lease, StoreError> {
        let longest = if self.0.is_away.load(Ordering::Relaxed) {
            AWAY_TIMEOUT
        } else {
            ACQUIRE_TIMEOUT
        };
        let deadline = Instant::now() + longest;
        let permits = Arc::clone(&self.0.permits);
        let permit = tokio::time::timeout(longest, permits.acquire_owned())
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)?;
        while let Some(mut idle) = self.0.take_idle() {
            if idle.since.elapsed() > IDLE_UNTESTED && !answers(&mut idle.connection).await {
                // The others are as dead: testing one after the other would take too long.
                self.0.idle().clear();
                continue;
            }
            return Ok(Lease::new(idle, Arc::clone(&self.0), permit));
        }
        let fresh = Idle {
            connection: self.0.connect(deadline).await?,
            since: Instant::now(),
            log: None,
        };
        Ok(Lease::new(fresh, Arc::clone(&self.0), permit))
    }

    /// Waits for the connections in use and closes all.
    pub(in crate::store) async fn close(&self) {
        // Refused only when it is closed already.
        let all = self.0.permits.acquire_many(self.0.size).await;
        self.0.permits.close();
        drop(all);
        while let Some(idle) = self.0.take_idle() {
            // Nothing is lost when the server no longer answers to the farewell.
            let _ = tokio::time::timeout(TEST_TIMEOUT, idle.connection.close()).await;
        }
    }
}

impl Inner {
    fn take_idle(&self) -> Option<Idle> {
        // The one used last: it needs no test, and its memory is warm.
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self, deadline: Instant) -> Result<PgConnection, StoreError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let connected = tokio::time::timeout(left, self.options.connect())
                .await
                .unwrap_or(Err(sqlx::Error::PoolTimedOut));
            match connected.map_err(StoreError::from) {
                Ok(mut connection) => {
                    self.is_away.store(false, Ordering::Relaxed);
                    if self.purpose == Purpose::Writing {
                        fence::take(&mut connection).await?;
                    }
                    return Ok(connection);
                }
                // A server that starts refuses at first.
                Err(error)
                    if error.fault() == Fault::Lost && Instant::now() + CONNECT_WAIT < deadline =>
                {
                    tokio::time::sleep(CONNECT_WAIT).await;
                }
                // Whoever waited for so long is not to wait again.
                Err(error) if error.fault() == Fault::Lost => {
                    tracing::warn!(cause = %error, "PostgreSQL cannot be reached");
                    self.is_away.store(true, Ordering::Relaxed);
                    return Err(sqlx::Error::PoolTimedOut.into());
                }
                Err(error) => {
                    let is_silent =
                        matches!(error, StoreError::Database(sqlx::Error::PoolTimedOut));
                    self.is_away.store(is_silent, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    }

    /// Whether the server answers to anyone, with whatever.
    async fn server_answers(&self) -> bool {
        let tried = tokio::time::timeout(TEST_TIMEOUT, self.options.connect()).await;
        let answers = match tried {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => StoreError::from(error).fault() != Fault::Lost,
            Err(_) => false,
        };
        if !answers {
            self.is_away.store(true, Ordering::Relaxed);
        }
        answers
    }
}

/// Waits for an answer, but not for ever: a server that stands still or a network that swallows
/// everything closes no connection. One that answers to nobody else either is not waited for.
pub(in crate::store) async fn answered<T>(
    patience: Patience,
    answer: impl IntoFuture<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let Patience { longest, pool } = patience;
    let silent = || Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
    let mut answer = pin!(answer.into_future());
    if let Ok(answer) = tokio::time::timeout(SILENCE, &mut answer).await {
        return answer;
    }
    tokio::select! {
        biased;
        answer = &mut answer => return answer,
        answers = pool.server_answers() => if !answers {
            return silent();
        },
    }
    match tokio::time::timeout(longest.saturating_sub(SILENCE), answer).await {
        Ok(answer) => answer,
        Err(_) => silent(),
    }
}

async fn answers(connection: &mut PgConnection) -> bool {
    matches!(
        tokio::time::timeout(TEST_TIMEOUT, connection.ping()).await,
        Ok(Ok(()))
    )
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The options know the password.
        formatter
            .debug_struct("Pool")
            .field("purpose", &self.0.purpose)
            .finish_non_exhaustive()
    }
}
