//! Table `permit`: every decision about a use, permitted or not.

use certs::columns::ColumnKey;
use schemas::permit::PermitRecord;

use super::row::{instant, to_json};
use super::sql::{Reading, Sql, Statement};
use super::{StoreError, Tx};

const RECORD_ONE: Sql = Sql::new(
    "insert into permit (id, identifier, organisation, caller, permitted, decided_at, \
     expires_at, record_sealed, updated_by) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
);

const FIND: Sql = Sql::new("select record_sealed from permit where id = $1");

pub(super) const STATEMENTS: &[&dyn Statement] = &[&RECORD_ONE, &FIND];

const RECORD: &str = "permit.record_sealed";

/// Records a decision. The record is sealed: its free text may name a person.
///
/// # Errors
/// Failures of the database; a decision that is already recorded.
pub async fn record(
    tx: &mut Tx<'_>,
    record: &PermitRecord,
    key: &ColumnKey,
) -> Result<(), StoreError> {
    let name = tx.name();
    let text = to_json("permit", record)?;
    let sealed = key
        .seal(&associated(&record.id), text.as_bytes())
        .map_err(|_| StoreError::Column { column: RECORD })?;
    RECORD_ONE
        .bind(&record.id)
        .bind(&record.identifier)
        .bind(&record.organisation)
        .bind(&record.caller)
        .bind(record.permitted)
        .bind(instant(record.decided_at))
        .bind(instant(record.expires_at))
        .bind(sealed)
        .bind(name)
        .write(tx)
        .await?;
    Ok(())
}

/// The decision of that name.
///
/// # Errors
/// Failures of the database; a record that these keys do not open.
pub async fn find(
    from: impl Into<Reading<'_>>,
    id: &str,
    key: &ColumnKey,
) -> Result<Option<PermitRecord>, StoreError> {
    let sealed: Option<Vec<u8>> = FIND.bind(id).optional_value(from).await?;
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let text = key
        .open(&associated(id), &sealed)
        .map_err(|_| StoreError::Column { column: RECORD })?;
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|_| StoreError::Corrupt {
            table: "permit",
            what: "record",
        })
}

fn associated(id: &str) -> Vec<u8> {
    format!("{RECORD}:{id}").into_bytes()
}
