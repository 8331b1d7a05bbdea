//! Whether the database understands every statement of this version.

use chrono::{DateTime, Utc};
use schemas::leaf::Leaf;
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use super::sql::{Sql, Statement};
use super::{Store, StoreError, Writer};

const SERVER_MS: Sql = Sql::each(
    "select cast(null as integer)",
    "select cast(extract(epoch from clock_timestamp()) * 1000 as bigint)",
);

const NEWEST_LEAF: Sql = Sql::new("select bytes from log_leaf order by position desc limit 1");

pub(super) const STATEMENTS: &[&dyn Statement] = &[&SERVER_MS, &NEWEST_LEAF];

impl Store {
    /// Has the database prepare every statement of this version, without running any: tables,
    /// columns, types and dialect fit.
    ///
    /// # Errors
    /// The first statement that the database refuses.
    pub async fn check_statements(&self) -> Result<(), StoreError> {
        match &self.writer {
            Writer::Sqlite(pool) => {
                let mut connection = pool.acquire().await?;
                for text in texts().flat_map(|(sqlite, _)| sqlite) {
                    let text = AssertSqlSafe(text).into_sql_str();
                    (&mut *connection).prepare(text).await?;
                }
            }
            Writer::Postgres(pool) => {
                let mut lease = pool.lease().await?;
                for text in texts().flat_map(|(_, postgres)| postgres) {
                    let text = AssertSqlSafe(text).into_sql_str();
                    lease.connection().prepare(text).await?;
                }
                lease.release();
            }
        }
        Ok(())
    }
}

impl Store {
    /// The time of the database's server, to the millisecond; none when it is a file.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn server_time(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let milliseconds: Option<i64> = SERVER_MS.query().value(&self.reader).await?;
        Ok(milliseconds.and_then(DateTime::from_timestamp_millis))
    }

    /// When the newest leaf was made, by the node's clock of then; none before the first.
    ///
    /// # Errors
    /// Failures of the database; a leaf that is none.
    pub async fn newest_leaf_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let bytes: Option<Vec<u8>> = NEWEST_LEAF.query().optional_value(&self.reader).await?;
        let leaf = bytes
            .map(|bytes| serde_json::from_slice::<Leaf>(&bytes))
            .transpose();
        let leaf = leaf.map_err(|_| StoreError::Corrupt {
            table: "log_leaf",
            what: "bytes",
        })?;
        Ok(leaf.map(|leaf| leaf.at))
    }
}

fn texts() -> impl Iterator<Item = (Vec<String>, Vec<String>)> {
    super::STATEMENTS
        .iter()
        .flat_map(|list| list.iter())
        .map(|statement: &&dyn Statement| statement.texts())
}
