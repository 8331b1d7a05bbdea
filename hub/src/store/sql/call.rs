//! Running statements on the connection at hand.

use sqlx::SqlStr;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;

use super::reading::On;
use super::row::Record;
use crate::store::postgres::pool::{Lease, answered};
use crate::store::{StoreError, Tx};

/// Most tries of a read whose connection turns out to be lost: after a restart of the database
/// every idle connection is, and a new one is made for each that was found so.
const READ_ATTEMPTS_MAX: u32 = 3;

/// One statement with its values, as each database takes it.
pub(super) trait Call {
    /// Text and values for SQLite.
    fn for_sqlite(&self) -> Result<(SqlStr, SqliteArguments), StoreError>;

    /// Text and values for PostgreSQL.
    fn for_postgres(&self) -> Result<(SqlStr, PgArguments), StoreError>;
}

/// Runs a call in a transaction; how many rows it changed.
///
/// # Errors
/// Failures of the database.
pub(super) async fn execute(call: &impl Call, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
    match tx.on() {
        On::Sqlite(connection, trouble) => {
            let (text, arguments) = call.for_sqlite()?;
            let done = sqlx::query_with(text, arguments).execute(connection).await;
            Ok(trouble.note(done)?.rows_affected())
        }
        On::Postgres(lease, trouble) => {
            let (text, arguments) = call.for_postgres()?;
            let query = sqlx::query_with(text, arguments);
            let patience = lease.patience();
            let done = async { answered(patience, query.execute(lease.open().await?)).await };
            Ok(trouble.note(done.await)?.rows_affected())
        }
        On::SqlitePool(_) | On::PostgresPool(_) => Err(StoreError::NotReading),
    }
}

/// Runs a call; the rows that it answers with. Outside a transaction it must only read: it is run
/// again when its connection was lost.
///
/// # Errors
/// Failures of the database.
pub(super) async fn fetch<T: Record>(call: &impl Call, on: On<'_>) -> Result<Vec<T>, StoreError> {
    match on {
        On::SqlitePool(pool) => {
            let (text, arguments) = call.for_sqlite()?;
            Ok(sqlx::query_as_with(text, arguments).fetch_all(pool).await?)
        }
        On::Sqlite(connection, trouble) => {
            let (text, arguments) = call.for_sqlite()?;
            let query = sqlx::query_as_with(text, arguments);
            trouble.note(query.fetch_all(connection).await)
        }
        On::PostgresPool(pool) => {
            let mut attempt = 1;
            loop {
                let values = call.for_postgres()?;
                let mut lease = pool.lease().await?;
                let done = fetch_on(&mut lease, values).await;
                match lease.release_after(done) {
                    Err(error) if error.is_lost() && attempt < READ_ATTEMPTS_MAX => attempt += 1,
                    done => return done,
                }
            }
        }
        On::Postgres(lease, trouble) => {
            let values = call.for_postgres()?;
            trouble.note(fetch_on(lease, values).await)
        }
    }
}

async fn fetch_on<T: Record>(
    lease: &mut Lease,
    (text, arguments): (SqlStr, PgArguments),
) -> Result<Vec<T>, sqlx::Error> {
    let query = sqlx::query_as_with(text, arguments);
    let patience = lease.patience();
    answered(patience, query.fetch_all(lease.open().await?)).await
}
