//! The register of seals of a home node, and what a node trusts.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use schemas::seal_status::{SealStatus, is_sm3_hex};

use super::Shared;
use super::auth::Authenticated;
use super::entries::idempotency_key;
use super::extract::{Body, bad_request};
use super::fault::Fault;
use crate::config::CallerRole;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::seals::{self, StatusWanted};
use crate::trust::{self, TrustReport};

/// The seal that the address names: the SM3 of its DER, 64 lower-case hex digits.
pub(crate) struct Seal(String);

impl FromRequestParts<Shared> for Seal {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Fault> {
        let sm3 = Path::<String>::from_request_parts(parts, shared).await;
        sm3.ok()
            .map(|Path(text)| text)
            .filter(|text| is_sm3_hex(text))
            .map(Self)
            .ok_or_else(|| bad_request("SEAL_STATUS_MALFORMED", "sm3"))
    }
}

/// `PUT /v1/seals/{sm3}/status`
pub(crate) async fn change_status(
    State(node): State<Arc<Node>>,
    Authenticated(caller): Authenticated,
    Seal(sm3): Seal,
    headers: HeaderMap,
    Body(wanted): Body<StatusWanted>,
) -> Result<Json<SealStatus>, Fault> {
    caller.must_have(CallerRole::Registrar)?;
    let key = idempotency_key(&headers)?;
    let status = seals::change_status_once(&node, &key, &sm3, &wanted, &caller.agent()).await?;
    Ok(Json(status))
}

/// `GET /v1/seals/{sm3}`: what this node's register says about a seal.
pub(crate) async fn show(
    State(node): State<Arc<Node>>,
    Authenticated(_): Authenticated,
    Seal(sm3): Seal,
) -> Result<Json<SealStatus>, Fault> {
    Ok(Json(seals::find_status(&node, &sm3).await?))
}

/// `GET /v1/trust`: what this node trusts, and how old that is.
pub(crate) async fn trust(
    State(node): State<Arc<Node>>,
    Authenticated(_): Authenticated,
) -> Result<Json<TrustReport>, Fault> {
    let report = trust::report(&node).await;
    Ok(Json(report.map_err(Refusal::from)?))
}
