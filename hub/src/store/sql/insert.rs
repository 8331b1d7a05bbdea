//! Inserting many rows in few round trips.

use std::fmt::Write;

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, PgConnection, SqliteConnection};

use super::On;
use super::row::Record;
use super::statement::{Sql, Statement};
use super::value::{Value, add};
use crate::store::postgres::pool::answered;
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
        let mut answers = Answers(Vec::with_capacity(rows.len()));
        self.run(tx, rows, &mut answers).await?;
        tx.count_changed(answers.0.len() as u64);
        Ok(answers.0)
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
        let mut changed = Changed(0);
        self.run(tx, rows, &mut changed).await?;
        Ok(changed.0)
    }

    /// Part by part, as many rows as one statement takes.
    async fn run<'q>(
        &self,
        tx: &mut Tx<'_>,
        rows: &[[Value<'q>; N]],
        gathered: &mut impl Gather,
    ) -> Result<(), StoreError> {
        let mut rest = rows;
        while !rest.is_empty() {
            match tx.on() {
                On::Sqlite(connection, trouble) => {
                    let (chunk, after) = split(rest);
                    let (text, arguments) = (self.sqlite_text(chunk.len()), for_sqlite(chunk)?);
                    trouble.note(gathered.of_sqlite(text, arguments, connection).await)?;
                    rest = after;
                }
                On::Postgres(lease, trouble) => {
                    let (chunk, after) = rest.split_at(rest.len().min(ROWS_PER_ARRAY));
                    let mut arguments = PgArguments::default();
                    self.add_to_postgres(&mut arguments, chunk)?;
                    let text = self.postgres_text(1);
                    let patience = lease.patience();
                    let done = async {
                        let done = gathered.of_postgres(text, arguments, lease.open().await?);
                        answered(patience, done).await
                    };
                    trouble.note(done.await)?;
                    rest = after;
                }
                On::SqlitePool(_) | On::PostgresPool(_) => return Err(StoreError::NotReading),
            }
        }
        Ok(())
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

/// What is kept of the answers of several statements. The texts are those of an [`Insert`].
trait Gather: Send {
    fn of_sqlite(
        &mut self,
        text: String,
        arguments: SqliteArguments,
        connection: &mut SqliteConnection,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    fn of_postgres(
        &mut self,
        text: String,
        arguments: PgArguments,
        connection: &mut PgConnection,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

/// The rows that `returning` gives.
struct Answers<T>(Vec<T>);

/// How many rows changed.
struct Changed(u64);

impl<T: Record> Gather for Answers<T> {
    async fn of_sqlite(
        &mut self,
        text: String,
        arguments: SqliteArguments,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query_as_with(AssertSqlSafe(text), arguments);
        self.0.extend(query.fetch_all(connection).await?);
        Ok(())
    }

    async fn of_postgres(
        &mut self,
        text: String,
        arguments: PgArguments,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query_as_with(AssertSqlSafe(text), arguments);
        self.0.extend(query.fetch_all(connection).await?);
        Ok(())
    }
}

impl Gather for Changed {
    async fn of_sqlite(
        &mut self,
        text: String,
        arguments: SqliteArguments,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query_with(AssertSqlSafe(text), arguments);
        self.0 += query.execute(connection).await?.rows_affected();
        Ok(())
    }

    async fn of_postgres(
        &mut self,
        text: String,
        arguments: PgArguments,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let query = sqlx::query_with(AssertSqlSafe(text), arguments);
        self.0 += query.execute(connection).await?.rows_affected();
        Ok(())
    }
}

/// The first rows, as many as the largest statement takes that they fill.
fn split<R>(rows: &[R]) -> (&[R], &[R]) {
    let size = ROWS_PER_STATEMENT
        .into_iter()
        .find(|size| *size <= rows.len())
        .unwrap_or(rows.len());
    rows.split_at(size)
}

fn for_sqlite<const N: usize>(rows: &[[Value<'_>; N]]) -> Result<SqliteArguments, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    for value in rows.iter().flatten() {
        value.add_to_sqlite(&mut arguments)?;
    }
    Ok(arguments)
}
