//! Table `idempotency`: answers to requests that must not take effect twice.

use certs::columns::ColumnKey;
use chrono::{DateTime, Utc};

use super::row::instant;
use super::sql::{Reading, Sql, Statement};
use super::{StoreError, Tx};

const FIND: Sql = Sql::new(
    "select request_sm3, status, body_sealed from idempotency where caller = $1 and key = $2",
);

const KEEP: Sql = Sql::new(
    "insert into idempotency (caller, key, request_sm3, status, body_sealed, answered_at, \
     updated_by) values ($1, $2, $3, $4, $5, $6, $7)",
);

const PRUNE: Sql = Sql::new(
    "delete from idempotency where (caller, key) in \
     (select caller, key from idempotency where answered_at < $1 limit $2)",
);

pub(super) const STATEMENTS: &[&dyn Statement] = &[&FIND, &KEEP, &PRUNE];

/// The answer that was given to a request.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// SM3 of the request, hex: the same key for another request is to be refused.
    pub request_sm3: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Body of the answer.
    pub body: Vec<u8>,
}

const BODY: &str = "idempotency.body_sealed";

/// The answer that was given under this key.
///
/// # Errors
/// Failures of the database; a body that these keys do not open.
pub async fn find(
    from: impl Into<Reading<'_>>,
    (caller, request_key): (&str, &str),
    key: &ColumnKey,
) -> Result<Option<KeptAnswer>, StoreError> {
    let row: Option<(String, i64, Vec<u8>)> =
        FIND.bind(caller).bind(request_key).optional(from).await?;
    let Some((request_sm3, status, sealed)) = row else {
        return Ok(None);
    };
    let body = key
        .open(&associated(caller, request_key), &sealed)
        .map_err(|_| StoreError::Column { column: BODY })?;
    let status = u16::try_from(status).map_err(|_| StoreError::Corrupt {
        table: "idempotency",
        what: "status",
    })?;
    Ok(Some(KeptAnswer {
        request_sm3,
        status,
        body,
    }))
}

/// Keeps an answer, in the transaction that has the effect of the request.
///
/// # Errors
/// Failures of the database; a key that was used already.
pub async fn keep(
    tx: &mut Tx<'_>,
    (caller, request_key): (&str, &str),
    answer: &KeptAnswer,
    key: &ColumnKey,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let name = tx.name();
    let sealed = key
        .seal(&associated(caller, request_key), &answer.body)
        .map_err(|_| StoreError::Column { column: BODY })?;
    KEEP.bind(caller)
        .bind(request_key)
        .bind(&answer.request_sm3)
        .bind(answer.status)
        .bind(sealed)
        .bind(instant(at))
        .bind(name)
        .write(tx)
        .await?;
    Ok(())
}

/// Forgets up to `limit` answers that were given before `before`; how many it forgot.
///
/// # Errors
/// Failures of the database.
pub async fn prune(tx: &mut Tx<'_>, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    PRUNE.bind(instant(before)).bind(limit).keep_books(tx).await
}

fn associated(caller: &str, request_key: &str) -> Vec<u8> {
    format!("{BODY}:{caller}\n{request_key}").into_bytes()
}

impl std::fmt::Debug for KeptAnswer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KeptAnswer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
