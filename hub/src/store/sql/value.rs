//! Values that statements bind.

use std::borrow::Cow;

use serde::Serialize;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, Database, Encode, Type};

/// A value that a statement binds. Borrows where it can: bodies have up to a mebibyte.
///
/// Has no `Debug`: values may be personal.
#[derive(Clone)]
pub enum Value<'q> {
    /// A whole number, or truth as 0 and 1.
    Integer(Option<i64>),
    /// A text.
    Text(Option<Cow<'q, str>>),
    /// Bytes.
    Bytes(Option<Cow<'q, [u8]>>),
    /// A list of numbers: an array on PostgreSQL, a JSON text on SQLite.
    Integers(Cow<'q, [i64]>),
    /// A list of texts, likewise.
    Texts(Cow<'q, [String]>),
}

impl Value<'_> {
    pub(super) fn add_to_sqlite(&self, arguments: &mut SqliteArguments) -> Result<(), sqlx::Error> {
        match self {
            Self::Integer(number) => add(arguments, *number),
            Self::Text(text) => add(arguments, text.as_deref()),
            Self::Bytes(bytes) => add(arguments, bytes.as_deref()),
            Self::Integers(list) => add(arguments, json(list)?),
            Self::Texts(list) => add(arguments, json(list)?),
        }
    }

    pub(super) fn add_to_postgres(&self, arguments: &mut PgArguments) -> Result<(), sqlx::Error> {
        match self {
            Self::Integer(number) => add(arguments, *number),
            Self::Text(text) => add(arguments, text.as_deref()),
            Self::Bytes(bytes) => add(arguments, bytes.as_deref()),
            Self::Integers(list) => add(arguments, &**list),
            Self::Texts(list) => add(arguments, &**list),
        }
    }
}

impl Value<'_> {
    /// The number in it; none when it holds something else.
    pub(super) fn integer(&self) -> Option<Option<i64>> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The text in it; none when it holds something else.
    pub(super) fn text(&self) -> Option<Option<&str>> {
        match self {
            Self::Text(text) => Some(text.as_deref()),
            _ => None,
        }
    }

    /// The bytes in it; none when it holds something else.
    pub(super) fn bytes(&self) -> Option<Option<&[u8]>> {
        match self {
            Self::Bytes(bytes) => Some(bytes.as_deref()),
            _ => None,
        }
    }
}

/// A list as SQLite reads it.
fn json<T: Serialize>(list: &[T]) -> Result<String, sqlx::Error> {
    serde_json::to_string(list).map_err(|cause| sqlx::Error::Encode(cause.into()))
}

/// Adds one argument; a failure is one of encoding: a value that is too large.
pub(super) fn add<'t, A: Arguments, T>(arguments: &mut A, value: T) -> Result<(), sqlx::Error>
where
    T: Encode<'t, A::Database> + Type<A::Database>,
    A::Database: Database,
{
    arguments.add(value).map_err(sqlx::Error::Encode)
}

macro_rules! whole_number {
    ($($type:ty),*) => {$(
        impl From<$type> for Value<'_> {
            fn from(number: $type) -> Self {
                Self::Integer(Some(i64::from(number)))
            }
        }
    )*};
}

whole_number!(i64, i32, u32, u16, bool);

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}

impl<'q> From<&'q str> for Value<'q> {
    fn from(text: &'q str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'q> From<&'q String> for Value<'q> {
    fn from(text: &'q String) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(Cow::Owned(text)))
    }
}

impl<'q> From<Option<&'q str>> for Value<'q> {
    fn from(text: Option<&'q str>) -> Self {
        Self::Text(text.map(Cow::Borrowed))
    }
}

impl<'q> From<&'q Option<String>> for Value<'q> {
    fn from(text: &'q Option<String>) -> Self {
        Self::Text(text.as_deref().map(Cow::Borrowed))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(text: Option<String>) -> Self {
        Self::Text(text.map(Cow::Owned))
    }
}

impl<'q> From<&'q [u8]> for Value<'q> {
    fn from(bytes: &'q [u8]) -> Self {
        Self::Bytes(Some(Cow::Borrowed(bytes)))
    }
}

impl<'q> From<&'q [u8; 32]> for Value<'q> {
    fn from(hash: &'q [u8; 32]) -> Self {
        Self::Bytes(Some(Cow::Borrowed(hash)))
    }
}

impl<'q> From<&'q Vec<u8>> for Value<'q> {
    fn from(bytes: &'q Vec<u8>) -> Self {
        Self::Bytes(Some(Cow::Borrowed(bytes)))
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Some(Cow::Owned(bytes)))
    }
}

impl<'q> From<Option<&'q [u8]>> for Value<'q> {
    fn from(bytes: Option<&'q [u8]>) -> Self {
        Self::Bytes(bytes.map(Cow::Borrowed))
    }
}

impl<'q> From<&'q [i64]> for Value<'q> {
    fn from(list: &'q [i64]) -> Self {
        Self::Integers(Cow::Borrowed(list))
    }
}

impl From<Vec<i64>> for Value<'_> {
    fn from(list: Vec<i64>) -> Self {
        Self::Integers(Cow::Owned(list))
    }
}

impl<'q> From<&'q [String]> for Value<'q> {
    fn from(list: &'q [String]) -> Self {
        Self::Texts(Cow::Borrowed(list))
    }
}

impl From<Vec<String>> for Value<'_> {
    fn from(list: Vec<String>) -> Self {
        Self::Texts(Cow::Owned(list))
    }
}
