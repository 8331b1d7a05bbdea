//! What auditors read: the trail of a licence, the head of the log, proofs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use schemas::leaf::Activity;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::auth::Authenticated;
use super::extract::{Licence, Parameters, bad_request};
use super::fault::Fault;
use crate::config::CallerRole;
use crate::node::Node;
use crate::permits::Caller;
use crate::provenance::{ProvenanceError, TRAIL_PAGE_MAX, TrailItem};
use crate::refusal::Refusal;

/// The text formats of C2SP, as they are.
type Text = ([(HeaderName, &'static str); 1], String);

/// Greatest index that a store can count; no log is ever so long.
const INDEX_MAX: u64 = i64::MAX.unsigned_abs();

const PLAIN: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "text/plain; charset=utf-8")];

/// Everything this node recorded about one licence.
#[derive(Serialize)]
pub(crate) struct Trail {
    node: String,
    identifier: String,
    items: Vec<Item>,
    /// What to give as `from` for the following page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// From which index of the log on a trail is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    #[serde(default)]
    from: u64,
}

/// The leaf that the address names, or why it names none: who may not read proofs is not told.
pub(crate) struct Index(Result<u64, Fault>);

/// One leaf with its proof.
#[derive(Serialize)]
struct Item {
    index: u64,
    /// The leaf as it was written and hashed.
    leaf: Box<RawValue>,
    /// `tlog-proof` text, verifiable offline.
    proof: String,
}

/// `GET /v1/licences/{identifier}/trail`
pub(crate) async fn trail(
    State(node): State<Arc<Node>>,
    Authenticated(caller): Authenticated,
    Licence(identifier): Licence,
    Parameters(start): Parameters<Start>,
) -> Result<Json<Trail>, Fault> {
    caller.must_have(CallerRole::Auditor)?;
    if start.from > INDEX_MAX {
        return Err(bad_request("BAD_REQUEST", "from"));
    }
    let identifier = identifier.as_str();
    let found = node
        .log
        .trail(&node.store, identifier, start.from, node.clock.now())
        .await?;
    record(&node, &caller, Some(identifier)).await?;
    let is_full = u32::try_from(found.len()).is_ok_and(|count| count >= TRAIL_PAGE_MAX);
    let next = found.last().map(|item| item.index + 1).filter(|_| is_full);
    let items = found
        .into_iter()
        .map(Item::try_from)
        .collect::<Result<_, Fault>>()?;
    Ok(Json(Trail {
        node: node.name.clone(),
        identifier: identifier.to_owned(),
        items,
        next,
    }))
}

/// `GET /v1/log/head`: a signed note over the size and root of the log. Any caller may keep it
/// and later prove that the log was rewritten.
pub(crate) async fn head(
    State(node): State<Arc<Node>>,
    Authenticated(_caller): Authenticated,
) -> Result<Text, Fault> {
    Ok((
        PLAIN,
        node.log.head(&node.store, node.clock.now()).await?.note,
    ))
}

/// `GET /v1/log/proofs/{index}`: the proof of one leaf, with the leaf itself.
pub(crate) async fn proof(
    State(node): State<Arc<Node>>,
    Authenticated(caller): Authenticated,
    Index(index): Index,
) -> Result<Text, Fault> {
    caller.must_have(CallerRole::Auditor)?;
    let index = index?;
    let proof = node.log.proof(&node.store, index, node.clock.now()).await?;
    record(&node, &caller, None).await?;
    Ok((PLAIN, proof.to_text()))
}

async fn record(node: &Node, caller: &Caller, identifier: Option<&str>) -> Result<(), Fault> {
    let mut leaf = node.leaf(Activity::Audit);
    leaf.identifier = identifier.map(str::to_owned);
    leaf.agent = Some(caller.agent());
    node.record_read(leaf, None).await?;
    Ok(())
}

impl<S: Send + Sync> FromRequestParts<S> for Index {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let text = Path::<String>::from_request_parts(parts, state).await.ok();
        let digits = text.filter(|Path(text)| text.bytes().all(|byte| byte.is_ascii_digit()));
        let index = digits.map(|Path(text)| text.parse::<u64>());
        Ok(Self(match index {
            Some(Ok(index)) if index <= INDEX_MAX => Ok(index),
            Some(Ok(_)) => Err(Refusal::NotFound.into()),
            Some(Err(_)) | None => Err(bad_request("BAD_REQUEST", "index")),
        }))
    }
}

impl TryFrom<TrailItem> for Item {
    type Error = Fault;

    fn try_from(item: TrailItem) -> Result<Self, Fault> {
        let text = String::from_utf8(item.bytes).map_err(Refusal::internal)?;
        let leaf = RawValue::from_string(text).map_err(Refusal::internal)?;
        Ok(Self {
            index: item.index,
            leaf,
            proof: item.proof,
        })
    }
}

impl From<ProvenanceError> for Fault {
    fn from(error: ProvenanceError) -> Self {
        Self::Refused(match error {
            ProvenanceError::Beyond => Refusal::NotFound,
            ProvenanceError::Store(cause) => cause.into(),
            other => Refusal::internal(other),
        })
    }
}
