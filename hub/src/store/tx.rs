//! Named transactions.

use std::pin::Pin;
use std::time::Instant;

use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::log::Pending;
use super::{Store, StoreError};

/// How often a transaction is tried when another process holds the lock. Each try has already
/// waited for the busy timeout, so three are fifteen seconds.
const ATTEMPTS_MAX: u32 = 3;

/// What the body of a transaction returns: `|tx| Box::pin(async move { … })`.
pub type TxFuture<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

/// A running transaction. `'c` is the lifetime of what the body borrows.
///
/// There are no savepoints: leaves are kept here until the commit, and a savepoint would not
/// take them back. A body decides before it writes.
pub struct Tx<'c> {
    inner: Transaction<'c, Sqlite>,
    name: &'static str,
    kind: Kind,
    /// Rows changed that are bookkeeping wherever they change: a position that moves past a
    /// message, a message that the bus now has.
    bookkeeping: u64,
    pub(super) log: Option<Pending>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    State,
    Bookkeeping,
}

impl Tx<'_> {
    /// Name of the transaction, for the `updated_by` columns.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The connection, for reading inside the transaction with the tables' read functions.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.inner
    }

    /// Counts rows that were changed as bookkeeping: they need no leaf.
    pub(super) fn count_bookkeeping(&mut self, rows: u64) {
        self.bookkeeping += rows;
    }

    /// The connection, for a write that is a change of state.
    pub(super) fn state(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        match self.kind {
            Kind::State => Ok(&mut self.inner),
            Kind::Bookkeeping => Err(StoreError::NotBookkeeping {
                transaction: self.name,
            }),
        }
    }
}

impl Store {
    /// Runs a change of state: begins, runs `body`, writes the leaves that it appended, commits.
    ///
    /// `body` may run more than once (up to three times, when another process holds the
    /// lock) and must have no effect but on the transaction. What it uses it borrows:
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
        self.run(name, Kind::State, body).await
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
        self.run(name, Kind::Bookkeeping, body).await
    }

    async fn run<'c, T, E, F>(&self, name: &'static str, kind: Kind, mut body: F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t mut Tx<'c>) -> TxFuture<'t, T, E> + Send,
        T: Send,
        E: From<StoreError> + Send,
    {
        for _ in 0..ATTEMPTS_MAX {
            let started = Instant::now();
            let (mut tx, changes_before) = match self.begin(name, kind).await {
                Ok(begun) => begun,
                Err(error) if error.is_busy() => continue,
                Err(error) => return Err(error.into()),
            };
            let value = match body(&mut tx).await {
                Ok(value) => value,
                Err(error) => {
                    tx.abandon().await?;
                    return Err(error);
                }
            };
            match tx.finish(changes_before).await {
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
                Err(error) if error.is_busy() => {}
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
        kind: Kind,
    ) -> Result<(Tx<'static>, i64), StoreError> {
        // Immediate: the write lock is taken here, where waiting is harmless, not at a later
        // statement, where a reader's snapshot could no longer be upgraded.
        let inner = self.writer.begin_with("begin immediate").await?;
        let mut tx = Tx {
            inner,
            name,
            kind,
            bookkeeping: 0,
            log: None,
        };
        let changes = total_changes(tx.connection()).await?;
        Ok((tx, changes))
    }
}

impl Tx<'_> {
    async fn finish(mut self, changes_before: i64) -> Result<usize, StoreError> {
        let changes = total_changes(&mut self.inner)
            .await?
            .saturating_sub(changes_before);
        let changed = u64::try_from(changes).unwrap_or(u64::MAX) > self.bookkeeping;
        let leaves = self.log.as_ref().map_or(0, Pending::appended);
        if changed && leaves == 0 && self.kind == Kind::State {
            self.inner.rollback().await?;
            return Err(StoreError::NoLeaf {
                transaction: self.name,
            });
        }
        if let Some(log) = self.log.take() {
            log.write(&mut self.inner, self.name).await?;
        }
        self.inner.commit().await?;
        Ok(leaves)
    }

    async fn abandon(self) -> Result<(), StoreError> {
        Ok(self.inner.rollback().await?)
    }
}

/// Rows changed on this connection since it was opened, counted by SQLite.
async fn total_changes(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select total_changes()")
        .fetch_one(connection)
        .await?)
}
