//! What a row can be read into.

use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

/// A type that a row of either database can be read into: a tuple of [`String`], `i64`,
/// `Vec<u8>`, `bool` (of `exists`) and options of these.
pub trait Record:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Record for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// A type that one column of either database can be read into.
pub trait Field: Sized {
    /// The row of that one column.
    type Row: Record;

    /// Takes the column out of the row.
    fn from_row(row: Self::Row) -> Self;
}

macro_rules! field {
    ($($type:ty),*) => {$(
        impl Field for $type {
            type Row = (Self,);

            fn from_row((value,): Self::Row) -> Self {
                value
            }
        }
    )*};
}

field!(
    i64,
    bool,
    String,
    Vec<u8>,
    Option<i64>,
    Option<String>,
    Option<Vec<u8>>
);
