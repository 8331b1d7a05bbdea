//! Statements and their values.

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::call::{Call, execute, fetch};
use super::reading::Reading;
use super::row::{Field, Record};
use super::value::Value;
use crate::store::{StoreError, Tx};

/// A statement with `$1`, `$2`, … as its parameters, as both databases read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sql {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

/// Something that has SQL texts; a test prepares all of them on both databases.
pub trait Statement: Sync {
    /// Every text for SQLite and every text for PostgreSQL.
    fn texts(&self) -> (Vec<String>, Vec<String>);
}

/// A statement with its values.
#[must_use = "a query does nothing until it is run"]
pub struct Query<'q> {
    sql: Sql,
    region: Option<Region>,
    values: Vec<Value<'q>>,
}

impl Sql {
    /// A statement that both databases read alike.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self {
            sqlite: text,
            postgres: text,
        }
    }

    /// A statement that the dialects say differently.
    #[must_use]
    pub const fn each(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres }
    }

    /// Binds the first value.
    pub fn bind<'q>(&self, value: impl Into<Value<'q>>) -> Query<'q> {
        self.query().bind(value)
    }

    /// The statement without values.
    pub fn query<'q>(&self) -> Query<'q> {
        Query {
            sql: *self,
            region: None,
            values: Vec::new(),
        }
    }

    /// The statement for one partition: its PostgreSQL text has `{region}` where the partition's
    /// value stands. As a value that is bound it would cost more than the lookup itself, because
    /// the server then plans for all partitions and locks them.
    pub fn in_region<'q>(&self, region: &str) -> Query<'q> {
        Query {
            sql: *self,
            region: Some(Region::of(region)),
            values: Vec::new(),
        }
    }
}

/// Two digits, which may stand in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Region(char, char);

impl Region {
    /// Anything else is the region of what has none, 00.
    fn of(text: &str) -> Self {
        let mut digits = text.chars().filter(char::is_ascii_digit);
        match (digits.next(), digits.next(), text.len()) {
            (Some(first), Some(second), 2) => Self(first, second),
            _ => Self('0', '0'),
        }
    }

    fn put_into(self, text: &str) -> String {
        text.replace("{region}", &format!("'{}{}'", self.0, self.1))
    }
}

impl Statement for Sql {
    fn texts(&self) -> (Vec<String>, Vec<String>) {
        let postgres = Region('0', '0').put_into(self.postgres);
        (vec![self.sqlite.to_owned()], vec![postgres])
    }
}

impl<'q> Query<'q> {
    /// Binds the next value.
    pub fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// All rows.
    ///
    /// # Errors
    /// Failures of the database; a statement that writes.
    pub async fn all<T: Record>(self, from: impl Into<Reading<'_>>) -> Result<Vec<T>, StoreError> {
        self.check_reads()?;
        fetch(&self, from.into().0).await
    }

    /// The row, if there is one.
    ///
    /// # Errors
    /// As [`Query::all`].
    pub async fn optional<T: Record>(
        self,
        from: impl Into<Reading<'_>>,
    ) -> Result<Option<T>, StoreError> {
        // One row by its key, or `limit 1`: asking for all is the same round trip.
        Ok(self.all(from).await?.into_iter().next())
    }

    /// The one row, of a statement that always has one.
    ///
    /// # Errors
    /// As [`Query::all`]; no row.
    pub async fn one<T: Record>(self, from: impl Into<Reading<'_>>) -> Result<T, StoreError> {
        let row = self.optional(from).await?;
        row.ok_or(StoreError::Database(sqlx::Error::RowNotFound))
    }

    /// The first column of all rows.
    ///
    /// # Errors
    /// As [`Query::all`].
    pub async fn values<T: Field>(
        self,
        from: impl Into<Reading<'_>>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.all(from).await?;
        Ok(rows.into_iter().map(T::from_row).collect())
    }

    /// The first column of the row, if there is one.
    ///
    /// # Errors
    /// As [`Query::all`].
    pub async fn optional_value<T: Field>(
        self,
        from: impl Into<Reading<'_>>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.optional(from).await?.map(T::from_row))
    }

    /// The first column of the one row.
    ///
    /// # Errors
    /// As [`Query::one`].
    pub async fn value<T: Field>(self, from: impl Into<Reading<'_>>) -> Result<T, StoreError> {
        self.one(from).await.map(T::from_row)
    }

    /// Runs a change of state; how many rows it changed.
    ///
    /// # Errors
    /// Failures of the database; [`StoreError::NotBookkeeping`] in a transaction that is
    /// bookkeeping.
    pub async fn write(self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        tx.check_state()?;
        let rows = execute(&self, tx).await?;
        tx.count_changed(rows);
        Ok(rows)
    }

    /// Runs a change of state that answers with rows (`returning`), one per row that it changed.
    ///
    /// # Errors
    /// As [`Query::write`].
    pub async fn write_returning<T: Record>(self, tx: &mut Tx<'_>) -> Result<Vec<T>, StoreError> {
        tx.check_state()?;
        let rows: Vec<T> = fetch(&self, tx.on()).await?;
        tx.count_changed(rows.len() as u64);
        Ok(rows)
    }

    /// Runs a change that is bookkeeping wherever it happens and therefore needs no leaf: a
    /// position that moves on, a message that the bus now has; how many rows it changed.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn keep_books(self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        execute(&self, tx).await
    }

    /// The way for reads is not counted: a statement that writes must not take it.
    fn check_reads(&self) -> Result<(), StoreError> {
        let reads = |text: &str| text.starts_with("select ") || text.starts_with("with ");
        if reads(self.sql.sqlite) && reads(self.sql.postgres) {
            Ok(())
        } else {
            Err(StoreError::NotReading)
        }
    }
}

impl Call for Query<'_> {
    fn for_sqlite(&self) -> Result<(SqlStr, SqliteArguments), StoreError> {
        let mut arguments = SqliteArguments::default();
        for value in &self.values {
            value.add_to_sqlite(&mut arguments)?;
        }
        Ok((self.sql.sqlite.into_sql_str(), arguments))
    }

    fn for_postgres(&self) -> Result<(SqlStr, PgArguments), StoreError> {
        let text = match self.region {
            None => self.sql.postgres.into_sql_str(),
            // Two digits cannot say anything else.
            Some(region) => AssertSqlSafe(region.put_into(self.sql.postgres)).into_sql_str(),
        };
        let mut arguments = PgArguments::default();
        for value in &self.values {
            value.add_to_postgres(&mut arguments)?;
        }
        Ok((text, arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_digits_get_into_a_text() {
        for (region, text) in [
            ("33", "region = '33'"),
            ("00", "region = '00'"),
            ("3", "region = '00'"),
            ("33'; drop table entry; --", "region = '00'"),
            ("", "region = '00'"),
            ("四川", "region = '00'"),
        ] {
            assert_eq!(Region::of(region).put_into("region = {region}"), text);
        }
    }
}
