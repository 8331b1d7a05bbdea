//! Several inserts and an update in one round trip.

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgArguments;

use super::On;
use super::insert::{Insert, ROWS_PER_ARRAY};
use super::statement::{Sql, Statement};
use super::value::Value;
use crate::store::postgres::pool::answered;
use crate::store::{StoreError, Tx};

/// Three inserts and a statement after them, none of which sees the rows of another. On PostgreSQL,
/// where a round trip costs more than the rows, they are one statement; on SQLite, which has no
/// round trips, they run one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Together<const A: usize, const B: usize, const C: usize> {
    inserts: (Insert<A>, Insert<B>, Insert<C>),
    last: Sql,
    /// How many values the last one binds.
    values: usize,
}

/// The rows of each insert.
type Rows<'r, 'q, const A: usize, const B: usize, const C: usize> = (
    &'r [[Value<'q>; A]],
    &'r [[Value<'q>; B]],
    &'r [[Value<'q>; C]],
);

impl<const A: usize, const B: usize, const C: usize> Together<A, B, C> {
    /// Inserts without `returning`, and a statement that binds so many values.
    #[must_use]
    pub const fn new(inserts: (Insert<A>, Insert<B>, Insert<C>), last: Sql, values: usize) -> Self {
        Self {
            inserts,
            last,
            values,
        }
    }

    /// Runs all of them as bookkeeping, which needs no leaf.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn keep_books<'q>(
        &self,
        tx: &mut Tx<'_>,
        rows: Rows<'_, 'q, A, B, C>,
        last: Vec<Value<'q>>,
    ) -> Result<(), StoreError> {
        let most = rows.0.len().max(rows.1.len()).max(rows.2.len());
        let (lease, trouble) = match tx.on() {
            On::Postgres(lease, trouble) if most <= ROWS_PER_ARRAY => (lease, trouble),
            _ => return self.one_by_one(tx, rows, last).await,
        };
        let mut arguments = PgArguments::default();
        for value in &last {
            value.add_to_postgres(&mut arguments)?;
        }
        self.inserts.0.add_to_postgres(&mut arguments, rows.0)?;
        self.inserts.1.add_to_postgres(&mut arguments, rows.1)?;
        self.inserts.2.add_to_postgres(&mut arguments, rows.2)?;
        let query = sqlx::query_with(AssertSqlSafe(self.postgres_text()), arguments);
        let patience = lease.patience();
        let done = answered(patience, query.execute(lease.connection())).await;
        trouble.note(done)?;
        Ok(())
    }

    async fn one_by_one<'q>(
        &self,
        tx: &mut Tx<'_>,
        rows: Rows<'_, 'q, A, B, C>,
        last: Vec<Value<'q>>,
    ) -> Result<(), StoreError> {
        self.inserts.0.keep_books(tx, rows.0).await?;
        self.inserts.1.keep_books(tx, rows.1).await?;
        self.inserts.2.keep_books(tx, rows.2).await?;
        let mut query = self.last.query();
        for value in last {
            query = query.bind(value);
        }
        query.keep_books(tx).await?;
        Ok(())
    }

    /// The last statement's parameters come first: its text stays as it is.
    fn postgres_text(&self) -> String {
        let first = 1 + self.values;
        let one = self.inserts.0.postgres_text(first);
        let two = self.inserts.1.postgres_text(first + A);
        let three = self.inserts.2.postgres_text(first + A + B);
        let last = self.last.postgres;
        format!("with one as ({one}), two as ({two}), three as ({three}) {last}")
    }
}

impl<const A: usize, const B: usize, const C: usize> Statement for Together<A, B, C> {
    fn texts(&self) -> (Vec<String>, Vec<String>) {
        // Its parts are statements of their own.
        (Vec::new(), vec![self.postgres_text()])
    }
}
