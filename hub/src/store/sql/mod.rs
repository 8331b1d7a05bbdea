//! The thin layer between the tables and the two databases, SQLite and PostgreSQL.
//!
//! A module of a table writes each statement once, as a constant:
//!
//! ```text
//! const FIND: Sql = Sql::new("select path_sealed from original where identifier = $1");
//! const REMOVE: Sql = Sql::each(
//!     "delete from outbox where number in (select value from json_each($1))",
//!     "delete from outbox where number = any($1)",
//! );
//! const INSERT: Insert<2> = Insert::new(
//!     "log_private",
//!     [("position", Kind::Integer), ("sealed", Kind::Bytes)],
//!     "on conflict do nothing",
//! );
//! /// Everything above, so that a test prepares it on both databases.
//! pub(super) const STATEMENTS: &[&dyn Statement] = &[&FIND, &REMOVE, &INSERT];
//! ```
//!
//! and runs it:
//!
//! ```text
//! // Reads run on a `&Reader`, a `&mut Tx` or a `&mut Snapshot`: `from: impl Into<Reading<'_>>`.
//! let found: Option<(i64, String)> = FIND.bind(identifier).optional(from).await?;
//! let rows: Vec<(i64, String)> = PAGE.bind(after).bind(limit).all(from).await?;
//! let count: i64 = COUNT.query().value(from).await?;       // first column of the one row
//! // Writes run in a transaction, which counts the rows that they change.
//! let rows: u64 = UPSERT.bind(identifier).bind(body).write(tx).await?;     // change of state
//! let rows: u64 = REMOVE.bind(numbers).keep_books(tx).await?;              // bookkeeping
//! let rows: u64 = INSERT.write(tx, rows.map(|row| [row.position.into(), …])).await?;
//! ```
//!
//! Rules that keep one text right on both databases: parameters are `$1`, `$2`, … and each is
//! used with one type; integers are `bigint` and `i64`, truth is 0 or 1, instants are text in the
//! one sortable form, texts are ordered by their bytes (collation "C"), what is sealed or hashed is
//! bytes; a list is one parameter (`&[i64]`, `&[String]`: an array there, JSON here); times and
//! random numbers come from the program. Where the dialects differ, [`Sql::each`] has both texts.
//! A lookup in the partitioned directory names its partition with [`Sql::in_region`].
//! A table that is new needs its migration in both folders, with the same version.
//!
//! Reads outside a transaction are one round trip: the statement stays prepared on its
//! connection, and there is no `begin`.

mod call;
mod copy;
mod insert;
mod reading;
mod row;
mod statement;
mod together;
mod value;

pub use insert::{Insert, Kind};
pub use reading::{Reader, Reading, Snapshot};
pub use row::{Field, Record};
pub use statement::{Query, Sql, Statement};
pub use together::Together;
pub use value::Value;

pub(super) use copy::copy;
pub(super) use reading::On;
