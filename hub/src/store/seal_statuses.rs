//! Table `seal_status`: the register of the statuses of seals whose home is this node.

use chrono::{DateTime, Utc};
use schemas::seal_status::SealStatus;

use super::row::{from_json, instant, signed, to_json, unsigned};
use super::sql::{Reading, Sql, Statement};
use super::{StoreError, Tx};

const FIND: Sql = Sql::new("select serial, status from seal_status where seal_sm3 = $1");

const PUT: Sql = Sql::new(
    "insert into seal_status (seal_sm3, status, serial, changed_at, updated_by) \
     values ($1, $2, $3, $4, $5) on conflict (seal_sm3) do update set \
     status = excluded.status, serial = excluded.serial, changed_at = excluded.changed_at, \
     updated_by = excluded.updated_by",
);

pub(super) const STATEMENTS: &[&dyn Statement] = &[&FIND, &PUT];

const TABLE: &str = "seal_status";

/// A status in the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptStatus {
    /// The status.
    pub status: SealStatus,
    /// Serial of the trust item that says so.
    pub serial: u64,
}

/// The status of one seal; none when the register does not name it.
///
/// # Errors
/// Failures of the database.
pub async fn find(
    from: impl Into<Reading<'_>>,
    seal_sm3: &str,
) -> Result<Option<KeptStatus>, StoreError> {
    let row: Option<(i64, String)> = FIND.bind(seal_sm3).optional(from).await?;
    row.map(|(serial, status)| {
        Ok(KeptStatus {
            status: from_json(TABLE, "status", &status)?,
            serial: unsigned(TABLE, serial)?,
        })
    })
    .transpose()
}

/// Sets the status of one seal.
///
/// # Errors
/// Failures of the database.
pub async fn put(tx: &mut Tx<'_>, kept: &KeptStatus, at: DateTime<Utc>) -> Result<(), StoreError> {
    let name = tx.name();
    PUT.bind(&kept.status.seal_sm3)
        .bind(to_json("status", &kept.status)?)
        .bind(signed("serial", kept.serial)?)
        .bind(instant(at))
        .bind(name)
        .write(tx)
        .await?;
    Ok(())
}
