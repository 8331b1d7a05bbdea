//! Where statements that read may run.

use sqlx::{SqliteConnection, SqlitePool};

use crate::store::error::Trouble;
use crate::store::postgres::pool::{Lease, Pool};
use crate::store::sqlite;
use crate::store::{StoreError, Tx};

/// Connections for reading. Each statement reads what was committed when it began.
#[derive(Clone, Debug)]
pub struct Reader(Connections);

#[derive(Clone, Debug)]
enum Connections {
    Sqlite(SqlitePool),
    Postgres(Pool),
}

/// Where one statement reads: on any connection ([`Reader`]), inside a transaction ([`Tx`]), or in
/// a state of the database that stands still ([`Snapshot`]).
pub struct Reading<'a>(pub(in crate::store) On<'a>);

/// The connection of a statement; inside a transaction with the note of its failures.
pub(in crate::store) enum On<'a> {
    SqlitePool(&'a SqlitePool),
    PostgresPool(&'a Pool),
    Sqlite(&'a mut SqliteConnection, &'a mut Trouble),
    Postgres(&'a mut Lease, &'a mut Trouble),
}

/// A transaction that only reads: all its statements see the same state.
pub struct Snapshot {
    inner: Inner,
    trouble: Trouble,
}

enum Inner {
    Sqlite(sqlite::Lease),
    Postgres(Lease),
}

impl Reader {
    pub(in crate::store) fn sqlite(pool: SqlitePool) -> Self {
        Self(Connections::Sqlite(pool))
    }

    pub(in crate::store) fn postgres(pool: Pool) -> Self {
        Self(Connections::Postgres(pool))
    }

    pub(in crate::store) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let inner = match &self.0 {
            Connections::Sqlite(pool) => Inner::Sqlite(sqlite::Lease::begin(pool, "begin").await?),
            Connections::Postgres(pool) => {
                let mut lease = pool.lease().await?;
                lease.begin_reading_all().await?;
                Inner::Postgres(lease)
            }
        };
        let trouble = Trouble::default();
        Ok(Snapshot { inner, trouble })
    }

    pub(in crate::store) async fn close(&self) {
        match &self.0 {
            Connections::Sqlite(pool) => pool.close().await,
            Connections::Postgres(pool) => pool.close().await,
        }
    }
}

impl Snapshot {
    /// Ends the transaction.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn end(self) -> Result<(), StoreError> {
        match self.inner {
            Inner::Sqlite(lease) => {
                lease.rollback().await;
                Ok(())
            }
            Inner::Postgres(mut lease) => {
                let done = lease.command("rollback").await;
                lease.release_after(done)
            }
        }
    }
}

impl<'a> From<&'a Reader> for Reading<'a> {
    fn from(reader: &'a Reader) -> Self {
        match &reader.0 {
            Connections::Sqlite(pool) => Self(On::SqlitePool(pool)),
            Connections::Postgres(pool) => Self(On::PostgresPool(pool)),
        }
    }
}

impl<'a> From<&'a mut Tx<'_>> for Reading<'a> {
    fn from(tx: &'a mut Tx<'_>) -> Self {
        Self(tx.on())
    }
}

impl<'a> From<&'a mut Snapshot> for Reading<'a> {
    fn from(snapshot: &'a mut Snapshot) -> Self {
        let trouble = &mut snapshot.trouble;
        Self(match &mut snapshot.inner {
            Inner::Sqlite(lease) => On::Sqlite(lease.connection(), trouble),
            Inner::Postgres(lease) => On::Postgres(lease, trouble),
        })
    }
}
