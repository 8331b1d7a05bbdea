//! Permits: the decision that a use is allowed, before the use.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemas::permit::{CallCategory, PermitRecord, Purpose};
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
    purpose: PurposeWanted,
}

/// A [`Purpose`] as a caller states it. What is not known is refused here, so that a caller learns
/// of a slip; between nodes it is passed over, so that a newer one is understood.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PurposeWanted {
    matter_code: String,
    matter_name: String,
    system_name: String,
    call_category: CallCategory,
    cause: String,
    #[serde(default)]
    project_number: Option<String>,
}

/// `POST /v1/permits`
pub(crate) async fn create(
    State(node): State<Arc<Node>>,
    Authenticated(caller): Authenticated,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<PermitRecord>), Fault> {
    let identifier = parse_identifier(&wanted.identifier)?;
    let purpose = wanted.purpose.into();
    let decision = permits::decide(&node, &caller, &identifier, &purpose).await?;
    if decision.permit.is_none() {
        return Err(Refusal::NotPermitted {
            rule: decision.record.rule,
        }
        .into());
    }
    Ok((StatusCode::CREATED, Json(decision.record)))
}

impl From<PurposeWanted> for Purpose {
    fn from(wanted: PurposeWanted) -> Self {
        Self {
            matter_code: wanted.matter_code,
            matter_name: wanted.matter_name,
            system_name: wanted.system_name,
            call_category: wanted.call_category,
            cause: wanted.cause,
            project_number: wanted.project_number,
        }
    }
}
