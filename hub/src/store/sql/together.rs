//! Several inserts behind one condition, in one round trip.

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgArguments;

use super::On;
use super::insert::{Insert, ROWS_PER_ARRAY};
use super::statement::{Sql, Statement};
use super::value::Value;
use crate::store::postgres::pool::answered;
use crate::store::{StoreError, Tx};

/// A statement that lets three inserts go ahead, none of which sees the rows of another: where it
/// changes nothing, nothing is inserted. On PostgreSQL, where a round trip costs more than the
/// rows, they are one statement; on SQLite, which has no round trips, they run one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Together<const A: usize, const B: usize, const C: usize> {
    gate: Sql,
    /// How many values the gate binds.
    values: usize,
    inserts: (Insert<A>, Insert<B>, Insert<C>),
}

/// The rows of each insert.
type Rows<'r, 'q, const A: usize, const B: usize, const C: usize> = (
    &'r [[Value<'q>; A]],
    &'r [[Value<'q>; B]],
    &'r [[Value<'q>; C]],
);

impl<const A: usize, const B: usize, const C: usize> Together<A, B, C> {
    /// A statement without `returning` that binds so many values, and plain inserts.
    #[must_use]
    pub const fn new(gate: Sql, values: usize, inserts: (Insert<A>, Insert<B>, Insert<C>)) -> Self {
        Self {
            gate,
            values,
            inserts,
        }
    }

    /// Runs all of them at the end of a transaction, as bookkeeping, which needs no leaf. Where
    /// nothing came before, the one statement is the transaction. Whether the gate was open.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn finish<'q>(
        &self,
        tx: &mut Tx<'_>,
        gate: Vec<Value<'q>>,
        rows: Rows<'_, 'q, A, B, C>,
    ) -> Result<bool, StoreError> {
        let most = rows.0.len().max(rows.1.len()).max(rows.2.len());
        let (lease, trouble) = match tx.on() {
            On::Postgres(lease, trouble) if most <= ROWS_PER_ARRAY => (lease, trouble),
            _ => return self.one_by_one(tx, gate, rows).await,
        };
        let mut arguments = PgArguments::default();
        for value in &gate {
            value.add_to_postgres(&mut arguments)?;
        }
        self.inserts.0.add_to_postgres(&mut arguments, rows.0)?;
        self.inserts.1.add_to_postgres(&mut arguments, rows.1)?;
        self.inserts.2.add_to_postgres(&mut arguments, rows.2)?;
        let query = sqlx::query_scalar_with(AssertSqlSafe(self.postgres_text()), arguments);
        let patience = lease.patience();
        let done = async { answered(patience, query.fetch_one(lease.last()?)).await };
        let opened: i64 = trouble.note(done.await)?;
        Ok(opened > 0)
    }

    async fn one_by_one<'q>(
        &self,
        tx: &mut Tx<'_>,
        gate: Vec<Value<'q>>,
        rows: Rows<'_, 'q, A, B, C>,
    ) -> Result<bool, StoreError> {
        let mut query = self.gate.query();
        for value in gate {
            query = query.bind(value);
        }
        if query.keep_books(tx).await? == 0 {
            return Ok(false);
        }
        self.inserts.0.keep_books(tx, rows.0).await?;
        self.inserts.1.keep_books(tx, rows.1).await?;
        self.inserts.2.keep_books(tx, rows.2).await?;
        Ok(true)
    }

    /// The gate's parameters come first: its text stays as it is.
    fn postgres_text(&self) -> String {
        const IF_OPEN: &str = "where exists (select from gate)";
        let first = 1 + self.values;
        let gate = self.gate.postgres;
        let one = self.inserts.0.postgres_text(first);
        let two = self.inserts.1.postgres_text(first + A);
        let three = self.inserts.2.postgres_text(first + A + B);
        format!(
            "with gate as ({gate} returning 1), one as ({one} {IF_OPEN}), \
             two as ({two} {IF_OPEN}), three as ({three} {IF_OPEN}) select count(*) from gate"
        )
    }
}

impl<const A: usize, const B: usize, const C: usize> Statement for Together<A, B, C> {
    fn texts(&self) -> (Vec<String>, Vec<String>) {
        // Its parts are statements of their own.
        (Vec::new(), vec![self.postgres_text()])
    }
}
