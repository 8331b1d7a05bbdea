//! Loading many rows at once, as only PostgreSQL can: `copy … from stdin`, in its text form.

use sqlx::postgres::PgConnection;

use super::On;
use super::value::Value;
use crate::store::postgres::pool::answered;
use crate::store::{StoreError, Tx};

/// Bytes per message to the server: large enough that the way there counts for little.
const CHUNK_BYTES: usize = 256 * 1024;

/// Copies rows into a table as the statement says (`copy t (a, b) from stdin`); how many. Counts
/// nothing: the caller says whether the table is one of state.
///
/// # Errors
/// Failures of the database; a database that cannot copy.
pub(in crate::store) async fn copy<const N: usize>(
    tx: &mut Tx<'_>,
    statement: &'static str,
    rows: &[[Value<'_>; N]],
) -> Result<u64, StoreError> {
    let On::Postgres(lease, trouble) = tx.on() else {
        return Err(StoreError::NotReading);
    };
    let patience = lease.patience();
    let done = async { answered(patience, send(lease.open().await?, statement, rows)).await };
    trouble.note(done.await)
}

async fn send<const N: usize>(
    connection: &mut PgConnection,
    statement: &'static str,
    rows: &[[Value<'_>; N]],
) -> Result<u64, sqlx::Error> {
    let mut copy = connection.copy_in_raw(statement).await?;
    let mut text = String::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
    for row in rows {
        put_row(&mut text, row);
        if text.len() >= CHUNK_BYTES {
            copy.send(text.as_bytes()).await?;
            text.clear();
        }
    }
    copy.send(text.as_bytes()).await?;
    copy.finish().await
}

fn put_row(text: &mut String, row: &[Value<'_>]) {
    for (number, value) in row.iter().enumerate() {
        if number > 0 {
            text.push('\t');
        }
        match value {
            Value::Integer(Some(number)) => text.push_str(&number.to_string()),
            Value::Text(Some(plain)) => put_text(text, plain),
            Value::Bytes(Some(bytes)) => {
                // The backslash of the form is itself escaped.
                text.push_str("\\\\x");
                text.push_str(&hex::encode(bytes));
            }
            // No table has a column of lists.
            Value::Integer(None)
            | Value::Text(None)
            | Value::Bytes(None)
            | Value::Integers(_)
            | Value::Texts(_) => text.push_str("\\N"),
        }
    }
    text.push('\n');
}

fn put_text(text: &mut String, plain: &str) {
    for character in plain.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_is_escaped() {
        let mut text = String::new();
        let row = [
            7.into(),
            "a\tb\\N\r\n中".into(),
            vec![0_u8, 255].into(),
            Value::Text(None),
        ];
        put_row(&mut text, &row);
        assert_eq!(text, "7\ta\\tb\\\\N\\r\\n中\t\\\\x00ff\t\\N\n");
    }
}
