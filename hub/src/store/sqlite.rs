//! Opening the store in a SQLite file.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection, SqlitePool};

use super::sql::Reader;
use super::{Migrated, Store, StoreError, Writer};

/// A connection in use for a transaction. Dropped without [`Lease::release`] it is closed, which
/// rolls back.
///
/// Not a transaction of the library: SQLite ends one by itself on a full disk or an I/O error,
/// the library does not notice, and no further one could be begun on that connection.
pub(super) struct Lease {
    connection: PoolConnection<Sqlite>,
    is_clean: bool,
}

static MIGRATIONS: Migrator = sqlx::migrate!("../schemas/migrations/sqlite");

/// Readers at once: a read takes tens of microseconds, so more would only wait for the cores.
const READERS_MAX: u32 = 8;

/// How long SQLite waits for another process's lock (`hub trail` beside a running node).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a caller waits for a connection before it is refused as busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens the file and brings it to this version's tables.
pub(super) async fn open(path: &Path, create: bool) -> Result<Store, StoreError> {
    let options = options(path)?.create_if_missing(create);
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
    Ok(Store {
        writer: Writer::Sqlite(writer),
        reader: Reader::sqlite(reader),
    })
}

impl Lease {
    /// Begins a transaction with this statement.
    ///
    /// # Errors
    /// No connection became free in time; failures of the database.
    pub(super) async fn begin(pool: &SqlitePool, statement: &'static str) -> sqlx::Result<Self> {
        let connection = pool.acquire().await?;
        let is_clean = false;
        let mut lease = Self {
            connection,
            is_clean,
        };
        match sqlx::query(statement).execute(lease.connection()).await {
            Ok(_) => Ok(lease),
            Err(error) => {
                // Nothing was begun.
                lease.is_clean = true;
                Err(error)
            }
        }
    }

    /// The connection.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Commits.
    ///
    /// # Errors
    /// Failures of the database, after which nothing was committed.
    pub(super) async fn commit(mut self) -> sqlx::Result<()> {
        sqlx::query("commit").execute(self.connection()).await?;
        self.is_clean = true;
        Ok(())
    }

    /// Rolls back, by closing the connection if there is no other way.
    pub(super) async fn rollback(mut self) {
        let done = sqlx::query("rollback").execute(self.connection()).await;
        self.is_clean = done.is_ok();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.is_clean {
            self.connection.close_on_drop();
        }
    }
}

/// Brings the file to this version's tables, or only looks.
pub(super) async fn migrate(path: &Path, check_only: bool) -> Result<Migrated, StoreError> {
    let mut connection = options(path)?
        .create_if_missing(!check_only)
        .connect()
        .await?;
    let is_there: bool = sqlx::query_scalar(
        "select exists (select 1 from sqlite_schema where name = '_sqlx_migrations')",
    )
    .fetch_one(&mut connection)
    .await?;
    let mut found = 0;
    if is_there {
        found = sqlx::query_scalar("select coalesce(max(version), 0) from _sqlx_migrations")
            .fetch_one(&mut connection)
            .await?;
    }
    let newest = MIGRATIONS.iter().map(|one| one.version).max().unwrap_or(0);
    if found > newest {
        return Err(StoreError::NewerDatabase { version: found });
    }
    if !check_only {
        MIGRATIONS
            .run_direct(None, &mut connection, false)
            .await
            .map_err(|error| StoreError::Migration(Box::new(error)))?;
    }
    connection.close().await?;
    Ok(if found == newest {
        Migrated::Current
    } else {
        Migrated::From(found)
    })
}

/// How the file is used.
pub(super) fn options(path: &Path) -> Result<SqliteConnectOptions, StoreError> {
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

/// Makes a file with the tables of an older version.
#[cfg(test)]
pub(super) async fn open_at_version(path: &Path, version: i64) -> Result<(), StoreError> {
    let mut connection = options(path)?.create_if_missing(true).connect().await?;
    let made = MIGRATIONS.run_direct(Some(version), &mut connection, false);
    made.await
        .map_err(|error| StoreError::Migration(Box::new(error)))?;
    Ok(connection.close().await?)
}

/// Versions of the tables that this program knows.
#[cfg(test)]
pub(super) fn versions() -> Vec<(i64, String)> {
    MIGRATIONS
        .iter()
        .map(|one| (one.version, one.description.to_string()))
        .collect()
}
