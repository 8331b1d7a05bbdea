//! What a home node's operators do with its entries: change a status, read receipts and
//! rejections.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use schemas::message::{DirectoryReceipt, ReceiptReason};
use schemas::status::LicenceStatus;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::auth::Authenticated;
use super::extract::{Body, Licence, Parameters, only};
use super::fault::{Fault, Slip};
use crate::config::CallerRole;
use crate::directory::{self, StatusChanged};
use crate::node::Node;
use crate::refusal::Refusal;
use crate::store::rejections::StoredRejection;
use crate::store::{receipts, rejections};

/// Most items of one page: some hundred KiB with reasons.
const PAGE_ITEMS_MAX: u32 = 200;

/// Header that names a request which may be sent twice.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Longest idempotency key, in characters: a UUID has 36.
const KEY_CHARACTERS_MAX: usize = 128;

/// The status that a licence is to have.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusWanted {
    status: LicenceStatus,
}

/// From where on a list is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cursor {
    /// The `next` of the page before; absent for the first page.
    #[serde(default)]
    after: i64,
    #[serde(default = "page_items")]
    limit: u32,
}

/// One page of a list.
#[derive(Serialize)]
pub(crate) struct Page<T> {
    items: Vec<T>,
    /// What to give as `after` for the following page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// Something that was rejected, with the reasons.
#[derive(Serialize)]
pub(crate) struct Rejected {
    home_node: String,
    identifier: Option<String>,
    revision: Option<u64>,
    source_line: Option<u64>,
    entry: Option<Value>,
    reasons: Vec<ReceiptReason>,
    rejected_at: chrono::DateTime<chrono::Utc>,
}

/// `POST /v1/licences/{identifier}/status`
pub(crate) async fn change_status(
    State(node): State<Arc<Node>>,
    Authenticated(caller): Authenticated,
    Licence(identifier): Licence,
    headers: HeaderMap,
    Body(wanted): Body<StatusWanted>,
) -> Result<Json<StatusChanged>, Fault> {
    caller.must_have(CallerRole::Registrar)?;
    let key = idempotency_key(&headers)?;
    let agent = caller.agent();
    let changed =
        directory::change_status_once(&node, &key, &identifier, wanted.status, agent).await?;
    Ok(Json(changed))
}

/// `GET /v1/receipts`: what the national node answered to this home node.
pub(crate) async fn receipts(
    State(node): State<Arc<Node>>,
    Authenticated(caller): Authenticated,
    Parameters(cursor): Parameters<Cursor>,
) -> Result<Json<Page<DirectoryReceipt>>, Fault> {
    caller.must_have(CallerRole::Registrar)?;
    let limit = cursor.limit()?;
    let rows = receipts::page(node.store.reader(), cursor.after, limit).await;
    let rows = rows
        .map_err(Refusal::from)?
        .into_iter()
        .map(|row| (row.number, row.receipt))
        .collect();
    Ok(Json(Page::new(rows, limit)))
}

/// `GET /v1/rejections`: the quality queue.
pub(crate) async fn rejections(
    State(node): State<Arc<Node>>,
    Authenticated(caller): Authenticated,
    Parameters(cursor): Parameters<Cursor>,
) -> Result<Json<Page<Rejected>>, Fault> {
    caller.must_have(CallerRole::Registrar)?;
    let limit = cursor.limit()?;
    let rows = rejections::page(node.store.reader(), cursor.after, limit).await;
    let rows = rows
        .map_err(Refusal::from)?
        .into_iter()
        .map(|row| (row.number, rejected(row)))
        .collect();
    Ok(Json(Page::new(rows, limit)))
}

fn rejected(row: StoredRejection) -> Rejected {
    let rejection = row.rejection;
    Rejected {
        home_node: rejection.home_node,
        identifier: rejection.identifier,
        revision: rejection.revision,
        source_line: rejection.source_line,
        entry: rejection
            .public
            .and_then(|public| serde_json::to_value(public).ok()),
        reasons: rejection.reasons,
        rejected_at: rejection.rejected_at,
    }
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<String, Fault> {
    let fits = |key: &&str| !key.is_empty() && key.len() <= KEY_CHARACTERS_MAX;
    let key = only(headers, IDEMPOTENCY_KEY).filter(fits);
    key.map(str::to_owned)
        .ok_or_else(|| malformed(IDEMPOTENCY_KEY, "be given once, with 1 to 128 characters"))
}

fn malformed(field: &'static str, be: &'static str) -> Fault {
    Fault::Malformed(Slip::must(field, be))
}

fn page_items() -> u32 {
    PAGE_ITEMS_MAX
}

impl Cursor {
    fn limit(&self) -> Result<u32, Fault> {
        let fits = (1..=PAGE_ITEMS_MAX).contains(&self.limit);
        fits.then_some(self.limit)
            .ok_or_else(|| malformed("limit", "be from 1 to 200"))
    }
}

impl<T> Page<T> {
    /// A page of numbered rows; a full one may have a successor.
    fn new(rows: Vec<(i64, T)>, limit: u32) -> Self {
        let is_full = u32::try_from(rows.len()).is_ok_and(|count| count >= limit);
        let next = rows.last().map(|(number, _)| *number).filter(|_| is_full);
        Self {
            items: rows.into_iter().map(|(_, item)| item).collect(),
            next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(numbers: &[i64], limit: u32, next: Option<i64>) {
        let page = Page::new(numbers.iter().map(|number| (*number, ())).collect(), limit);
        assert_eq!(page.next, next);
        assert_eq!(page.items.len(), numbers.len());
    }

    #[test]
    fn a_full_page_names_the_next() {
        check(&[], 2, None);
        check(&[3], 2, None);
        check(&[3, 7], 2, Some(7));
    }
}
