//! Whether the database understands every statement of this version.

use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use super::sql::Statement;
use super::{STATEMENTS, Store, StoreError, Writer};

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

fn texts() -> impl Iterator<Item = (Vec<String>, Vec<String>)> {
    STATEMENTS
        .iter()
        .flat_map(|list| list.iter())
        .map(|statement: &&dyn Statement| statement.texts())
}
