//! Named transactions.

use std::marker::PhantomData;
use std::pin::Pin;
use std::time::{Duration, Instant};

use super::error::{Fault, Trouble};
use super::log::{LogState, Pending};
use super::postgres::pool::{Lease, Purpose};
use super::sql::On;
use super::{Store, StoreError, Writer, sqlite};

/// How often a transaction is tried when something else is in the way. On SQLite each try has
/// already waited for the busy timeout, so these are twenty-five seconds.
const ATTEMPTS_MAX: u32 = 5;

/// Wait before the second try, doubled for each further one, up to twice as long by chance so
/// that two that met do not meet again. In all under a quarter of a second.
const ATTEMPT_WAIT: Duration = Duration::from_millis(8);

/// What the body of a transaction returns: `|tx| Box::pin(async move { … })`.
pub type TxFuture<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

/// A running transaction. `'c` is the lifetime of what the body borrows.
///
/// There are no savepoints: leaves are kept here until the commit, and a savepoint would not
/// take them back. A body decides before it writes.
pub struct Tx<'c> {
    inner: Inner,
    name: &'static str,
    kind: Kind,
    /// Rows changed that are state.
    changed: u64,
    trouble: Trouble,
    pub(super) log: Option<Pending>,
    borrowed: PhantomData<&'c ()>,
}

/// A connection on which a transaction was begun.
enum Inner {
    Sqlite(sqlite::Lease),
    /// Closed, which rolls back, unless it is given back after the end.
    Postgres(Lease),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    State,
    Bookkeeping,
}

/// What a transaction holds; one statement needs no frame around it, which on PostgreSQL would be
/// two round trips more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Any,
    OneStatement,
}

impl Tx<'_> {
    /// Name of the transaction, for the `updated_by` columns.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The transaction as a place to read, for the tables' read functions.
    pub fn connection(&mut self) -> &mut Self {
        self
    }

    /// The log as this connection's last transaction left it, unless that is not known.
    pub(super) fn take_log(&mut self) -> Option<LogState> {
        match &mut self.inner {
            Inner::Sqlite(_) => None,
            Inner::Postgres(lease) => lease.take_log(),
        }
    }

    /// Whether the database can load rows with `copy`.
    pub(super) fn can_copy(&self) -> bool {
        matches!(self.inner, Inner::Postgres(_))
    }

    /// Refuses to change state in a transaction that is bookkeeping.
    pub(super) fn check_state(&self) -> Result<(), StoreError> {
        match self.kind {
            Kind::State => Ok(()),
            Kind::Bookkeeping => Err(StoreError::NotBookkeeping {
                transaction: self.name,
            }),
        }
    }

    /// Counts rows of state that were changed: they need a leaf.
    pub(super) fn count_changed(&mut self, rows: u64) {
        self.changed = self.changed.saturating_add(rows);
    }

    /// The connection, for the layer of statements.
    pub(super) fn on(&mut self) -> On<'_> {
        match &mut self.inner {
            Inner::Sqlite(lease) => On::Sqlite(lease.connection(), &mut self.trouble),
            Inner::Postgres(lease) => On::Postgres(lease, &mut self.trouble),
        }
    }
}

impl Store {
    /// Runs a change of state: begins, runs `body`, writes the leaves that it appended, commits.
    ///
    /// `body` may run more than once (up to five times, when another transaction is in the way)
    /// and must have no effect but on the transaction. What it uses it borrows:
    /// `let entry = &entry; store.run_tx("name", |tx| Box::pin(async move { … entry … }))`.
    ///
    /// # Errors
    /// What `body` returns, after which nothing has changed; [`StoreError::NoLeaf`] when rows
    /// changed and no leaf was appended (invariant 2); failures of the database.
    pub async fn run_tx<'c, T, E, F>(&self, name: &'static str, body: F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx<'c>) -> TxFuture<'t, T, E> + Send,
        T: Send,
        E: From<StoreError> + Send,
    {
        self.run(name, (Kind::State, Extent::Any), body).await
    }

    /// Runs bookkeeping that is no change of state and therefore needs no leaf: messages of the
    /// outbox that the bus now has, positions of messages that concern nobody here, signed heads.
    /// The functions of state tables refuse to run in it.
    ///
    /// # Errors
    /// As [`Store::run_tx`], and [`StoreError::NotBookkeeping`].
    pub(crate) async fn run_tx_without_leaf<'c, T, E, F>(
        &self,
        name: &'static str,
        body: F,
    ) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx<'c>) -> TxFuture<'t, T, E> + Send,
        T: Send,
        E: From<StoreError> + Send,
    {
        self.run(name, (Kind::Bookkeeping, Extent::Any), body).await
    }

    /// Runs bookkeeping that is a single statement. On PostgreSQL a second one is refused; the
    /// first is committed then.
    ///
    /// # Errors
    /// As [`Store::run_tx_without_leaf`].
    pub(crate) async fn run_single_without_leaf<'c, T, E, F>(
        &self,
        name: &'static str,
        body: F,
    ) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx<'c>) -> TxFuture<'t, T, E> + Send,
        T: Send,
        E: From<StoreError> + Send,
    {
        let what = (Kind::Bookkeeping, Extent::OneStatement);
        self.run(name, what, body).await
    }

    async fn run<'c, T, E, F>(
        &self,
        name: &'static str,
        what: (Kind, Extent),
        mut body: F,
    ) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx<'c>) -> TxFuture<'t, T, E> + Send,
        T: Send,
        E: From<StoreError> + Send,
    {
        let mut is_raced = false;
        for attempt in 0..ATTEMPTS_MAX {
            wait_before(attempt).await;
            let started = Instant::now();
            let mut tx = match self.begin(name, what).await {
                Ok(begun) => begun,
                // Nothing has happened yet.
                Err(error) if matches!(error.fault(), Fault::Contended | Fault::Lost) => continue,
                Err(error) => return Err(error.into()),
            };
            let value = match body(&mut tx).await {
                Ok(value) => value,
                Err(error) => {
                    let (fault, is_untouched) = (tx.trouble.fault(), tx.is_untouched());
                    if is_untouched && fault == Fault::Lost {
                        continue;
                    }
                    tx.abandon().await?;
                    match fault {
                        Fault::Contended => continue,
                        Fault::Race if !is_raced => is_raced = true,
                        _ => return Err(error),
                    }
                    continue;
                }
            };
            match tx.finish().await {
                Ok(leaves) => {
                    let elapsed_us = started.elapsed().as_micros();
                    tracing::debug!(
                        tx.name = name,
                        tx.leaves = leaves,
                        tx.elapsed_us = elapsed_us,
                        "transaction committed"
                    );
                    return Ok(value);
                }
                Err(error) if error.fault() == Fault::Contended => {}
                // A commit whose connection broke may have taken place: it is not run again here,
                // see `StoreError::is_of_the_store`.
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Busy {
            transaction: name,
            attempts: ATTEMPTS_MAX,
        }
        .into())
    }

    async fn begin(
        &self,
        name: &'static str,
        (kind, extent): (Kind, Extent),
    ) -> Result<Tx<'static>, StoreError> {
        let inner = match &self.writer {
            // Immediate: the write lock is taken here, where waiting is harmless, not at a later
            // statement, where a reader's snapshot could no longer be upgraded.
            Writer::Sqlite(pool) => {
                Inner::Sqlite(sqlite::Lease::begin(pool, "begin immediate").await?)
            }
            // Serialisable: a body may decide on what it read, whoever else writes.
            Writer::Postgres(pool) => {
                // Only the node, which holds the fence, and its operator change state.
                if kind == Kind::State && pool.purpose() == Purpose::Visiting {
                    return Err(StoreError::Visitor { transaction: name });
                }
                let mut lease = pool.lease().await?;
                match extent {
                    Extent::Any => lease.frame("begin isolation level serializable, read write"),
                    Extent::OneStatement => lease.frame_single(),
                }
                Inner::Postgres(lease)
            }
        };
        Ok(Tx {
            inner,
            name,
            kind,
            changed: 0,
            trouble: Trouble::default(),
            log: None,
            borrowed: PhantomData,
        })
    }
}

impl Tx<'_> {
    async fn finish(mut self) -> Result<usize, StoreError> {
        let leaves = self.log.as_ref().map_or(0, Pending::appended);
        if self.changed > 0 && leaves == 0 {
            let transaction = self.name;
            self.abandon().await?;
            return Err(StoreError::NoLeaf { transaction });
        }
        // After a failure PostgreSQL answers a commit with a rollback, and calls it done.
        if self.trouble.is_any() && matches!(self.inner, Inner::Postgres(_)) {
            let transaction = self.name;
            self.abandon().await?;
            return Err(StoreError::FailureIgnored { transaction });
        }
        let written = match self.log.take() {
            None => None,
            Some(log) => match log.write(&mut self).await {
                Ok(written) if written.is_some() => written,
                failed => {
                    // Rolled back, not closed: the fence hangs on the connection.
                    let error = failed.err().unwrap_or(StoreError::LogMoved);
                    if error.fault() != Fault::Lost {
                        self.abandon().await?;
                    }
                    return Err(error);
                }
            },
        };
        match self.inner {
            Inner::Sqlite(lease) => lease.commit().await?,
            Inner::Postgres(mut lease) => {
                let done = lease.end("commit").await;
                if let (Ok(()), Some(log)) = (&done, written) {
                    lease.keep_log(log);
                }
                lease.release_after(done)?;
            }
        }
        Ok(leaves)
    }

    /// Whether nothing was done yet, so that a lost connection is as good as one in the way.
    fn is_untouched(&self) -> bool {
        matches!(&self.inner, Inner::Postgres(lease) if lease.is_untouched())
    }

    async fn abandon(self) -> Result<(), StoreError> {
        match self.inner {
            Inner::Sqlite(lease) => {
                lease.rollback().await;
                Ok(())
            }
            Inner::Postgres(lease) => rollback(lease).await,
        }
    }
}

async fn rollback(mut lease: Lease) -> Result<(), StoreError> {
    let done = lease.end("rollback").await;
    lease.release_after(done)
}

/// Waits before a further try, longer each time and never the same for two.
async fn wait_before(attempt: u32) {
    if attempt == 0 {
        return;
    }
    let step = ATTEMPT_WAIT.saturating_mul(1 << (attempt - 1));
    let chance = uuid::Uuid::new_v4().as_u128() % 1_000;
    // Below a thousand, so it fits.
    let extra = step.mul_f64(f64::from(chance as u32) / 1_000.0);
    tokio::time::sleep(step + extra).await;
}
