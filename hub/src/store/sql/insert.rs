//! Inserting many rows in few round trips.

use std::fmt::Write;

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::On;
use super::call::{Call, execute, fetch};
use super::row::Record;
use super::statement::{Sql, Statement};
use super::value::{Value, add};
use crate::store::{StoreError, Tx};

/// Rows per statement on SQLite. Few sizes, so that each statement stays prepared; the largest
/// stays far below SQLite's 32,766 parameters.
const ROWS_PER_STATEMENT: [usize; 5] = [256, 64, 16, 4, 1];

/// Rows per statement on PostgreSQL, which takes one array per column: a thousand rows of some
/// KiB are a message of a few MiB.
pub(super) const ROWS_PER_ARRAY: usize = 1_024;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers, truth.
    Integer,
    /// Texts.
    Text,
    /// Bytes.
    Bytes,
}

/// An insert of any number of rows with `N` columns. On PostgreSQL one statement takes them all,
/// as one array per column; on SQLite a few statements with many `values`.
#[derive(Clone, Copy, Debug)]
pub struct Insert<const N: usize> {
    table: &'static str,
    columns: [(&'static str, Kind); N],
    rest: Sql,
}

impl<const N: usize> Insert<N> {
    /// An insert into a table. `rest` follows the rows: `on conflict …`, `returning …`, or
    /// nothing. With `do update` no two rows of one call may have the same key.
    #[must_use]
    pub const fn new(
        table: &'static str,
        columns: [(&'static str, Kind); N],
        rest: &'static str,
    ) -> Self {
        Self::each(table, columns, rest, rest)
    }

    /// An insert whose rest the dialects say differently.
    #[must_use]
    pub const fn each(
        table: &'static str,
        columns: [(&'static str, Kind); N],
        rest_sqlite: &'static str,
        rest_postgres: &'static str,
    ) -> Self {
        Self {
            table,
            columns,
            rest: Sql::each(rest_sqlite, rest_postgres),
        }
    }

    /// Inserts as a change of state; how many rows changed.
    ///
    /// # Errors
    /// As [`super::Query::write`].
    pub async fn write<'q>(
        &self,
        tx: &mut Tx<'_>,
        rows: &[[Value<'q>; N]],
    ) -> Result<u64, StoreError> {
        tx.check_state()?;
        let changed = self.keep_books(tx, rows).await?;
        tx.count_changed(changed);
        Ok(changed)
    }

    /// Inserts as a change of state with `returning`: one answer per row that changed.
    ///
    /// # Errors
    /// As [`super::Query::write`].
    pub async fn write_returning<'q, T: Record>(
        &self,
        tx: &mut Tx<'_>,
        rows: &[[Value<'q>; N]],
    ) -> Result<Vec<T>, StoreError> {
        tx.check_state()?;
        let mut answers = Vec::with_capacity(rows.len());
        for part in self.parts(tx, rows) {
            answers.extend(fetch(&part, tx.on()).await?);
        }
        tx.count_changed(answers.len() as u64);
        Ok(answers)
    }

    /// Inserts as bookkeeping, which needs no leaf; how many rows changed.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn keep_books<'q>(
        &self,
        tx: &mut Tx<'_>,
        rows: &[[Value<'q>; N]],
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        for part in self.parts(tx, rows) {
            changed += execute(&part, tx).await?;
        }
        Ok(changed)
    }

    /// All rows, in parts that one statement takes.
    fn parts<'p, 'q>(
        &'p self,
        tx: &mut Tx<'_>,
        rows: &'p [[Value<'q>; N]],
    ) -> Vec<Part<'p, 'q, N>> {
        let is_sqlite = matches!(tx.on(), On::Sqlite(..));
        let (mut parts, mut rest) = (Vec::new(), rows);
        while !rest.is_empty() {
            let size = if is_sqlite {
                sqlite_size(rest.len())
            } else {
                rest.len().min(ROWS_PER_ARRAY)
            };
            let (rows, after) = rest.split_at(size);
            parts.push(Part { insert: self, rows });
            rest = after;
        }
        parts
    }

    fn head(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        format!("insert into {} ({})", self.table, names.join(", "))
    }

    fn sqlite_text(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; N].join(","));
        let values = vec![row.as_str(); rows].join(",");
        format!("{} values {values} {}", self.head(), self.rest.sqlite)
    }

    /// The text for PostgreSQL, with its parameters from this number on.
    pub(super) fn postgres_text(&self, first: usize) -> String {
        let mut arrays = String::new();
        for (number, (_, kind)) in self.columns.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            let array = match kind {
                Kind::Integer => "bigint[]",
                Kind::Text => "text[]",
                Kind::Bytes => "bytea[]",
            };
            // Writing to a String cannot fail.
            let _ = write!(arrays, "{comma}${}::{array}", first + number);
        }
        let rest = self.rest.postgres;
        format!("{} select * from unnest({arrays}) {rest}", self.head())
    }

    /// Adds one array for each column.
    pub(super) fn add_to_postgres(
        &self,
        arguments: &mut PgArguments,
        rows: &[[Value<'_>; N]],
    ) -> Result<(), StoreError> {
        for (number, (name, kind)) in self.columns.iter().enumerate() {
            let cells = rows.iter().filter_map(|row| row.get(number));
            let wrong = || StoreError::OutOfRange { what: name };
            match kind {
                Kind::Integer => {
                    let list: Option<Vec<Option<i64>>> = cells.map(Value::integer).collect();
                    add(arguments, list.ok_or_else(wrong)?)?;
                }
                Kind::Text => {
                    let list: Option<Vec<Option<&str>>> = cells.map(Value::text).collect();
                    add(arguments, list.ok_or_else(wrong)?)?;
                }
                Kind::Bytes => {
                    let list: Option<Vec<Option<&[u8]>>> = cells.map(Value::bytes).collect();
                    add(arguments, list.ok_or_else(wrong)?)?;
                }
            }
        }
        Ok(())
    }
}

impl<const N: usize> Statement for Insert<N> {
    fn texts(&self) -> (Vec<String>, Vec<String>) {
        let sqlite = ROWS_PER_STATEMENT.map(|rows| self.sqlite_text(rows));
        (sqlite.to_vec(), vec![self.postgres_text(1)])
    }
}

/// Rows that one statement inserts.
struct Part<'p, 'q, const N: usize> {
    insert: &'p Insert<N>,
    rows: &'p [[Value<'q>; N]],
}

impl<const N: usize> Call for Part<'_, '_, N> {
    fn for_sqlite(&self) -> Result<(SqlStr, SqliteArguments), StoreError> {
        let mut arguments = SqliteArguments::default();
        for value in self.rows.iter().flatten() {
            value.add_to_sqlite(&mut arguments)?;
        }
        let text = self.insert.sqlite_text(self.rows.len());
        Ok((AssertSqlSafe(text).into_sql_str(), arguments))
    }

    fn for_postgres(&self) -> Result<(SqlStr, PgArguments), StoreError> {
        let mut arguments = PgArguments::default();
        self.insert.add_to_postgres(&mut arguments, self.rows)?;
        let text = self.insert.postgres_text(1);
        Ok((AssertSqlSafe(text).into_sql_str(), arguments))
    }
}

/// Of so many rows those of the next statement: the largest one that they fill.
fn sqlite_size(rows: usize) -> usize {
    let mut sizes = ROWS_PER_STATEMENT.into_iter();
    sizes.find(|size| *size <= rows).unwrap_or(rows)
}
