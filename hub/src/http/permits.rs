//! Permits: the decision that a use is allowed, before the use.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemas::permit::{PermitRecord, Purpose};
use serde::Deserialize;

use super::auth::Authenticated;
use super::extract::{Body, parse_identifier};
use super::fault::Fault;
use crate::node::Node;
use crate::permits;
use crate::refusal::Refusal;

/// What is wanted, and what for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    identifier: String,
    purpose: Purpose,
}

/// `POST /v1/permits`
pub(crate) async fn create(
    State(node): State<Arc<Node>>,
    Authenticated(caller): Authenticated,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<PermitRecord>), Fault> {
    let identifier = parse_identifier(&wanted.identifier)?;
    let decision = permits::decide(&node, &caller, &identifier, &wanted.purpose).await?;
    if decision.permit.is_none() {
        return Err(Refusal::NotPermitted {
            rule: decision.record.rule,
        }
        .into());
    }
    Ok((StatusCode::CREATED, Json(decision.record)))
}
