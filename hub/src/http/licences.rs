//! Lookup: one licence by its identifier, or all of a holder.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{AGE, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use schemas::date::day_in_shanghai;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::auth::Authenticated;
use super::extract::{Body, Licence};
use super::fault::Fault;
use crate::config::CallerRole;
use crate::directory::{self, Found};
use crate::node::Node;
use crate::permits::Caller;
use crate::refusal::Refusal;

/// Header that says where the entry was found.
const SOURCE: HeaderName = HeaderName::from_static("x-hub-source");

/// Media type of an answer.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Room for most answers, so that it is made once.
const ANSWER_BYTES: usize = 2_048;

/// One licence as it is answered.
#[derive(Serialize)]
pub(crate) struct Answered<'a> {
    /// The entry, without its personal part.
    entry: &'a RawValue,
    /// The personal part; only for callers that a rule lets see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    private: Option<&'a RawValue>,
    status: StatusText,
    /// Whether the licence may be relied on today (Asia/Shanghai): usable and within its term.
    in_force: bool,
    /// Rule of the policy that showed or held back the personal part.
    rule: String,
    /// `own-store`, `cache`, or the node that was asked.
    source: &'a str,
    /// Seconds since somebody who knows looked at it.
    age_s: u64,
    /// When that was.
    as_of: DateTime<Utc>,
}

/// The status of a licence, readable.
#[derive(Serialize)]
struct StatusText {
    code: &'static str,
    zh: &'static str,
    en: &'static str,
    usable: bool,
}

/// Which holder's licences are wanted. No `Debug`: personal data.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Search {
    holder_code: String,
    #[serde(default)]
    licence_type: Option<String>,
}

/// What a search found, newest first.
#[derive(Serialize)]
pub(crate) struct FoundList<'a> {
    items: Vec<Answered<'a>>,
}

/// `GET /v1/licences/{identifier}`
pub(crate) async fn show(
    State(node): State<Arc<Node>>,
    Authenticated(caller): Authenticated,
    Licence(identifier): Licence,
) -> Result<Response, Fault> {
    let found = directory::lookup(&node, &caller, &identifier)
        .await?
        .ok_or(Refusal::NotFound)?;
    Ok(answer(&node, &caller, &found)?)
}

/// What a caller is told about an entry, its personal part only where a rule shows it.
///
/// # Errors
/// The answer cannot be written as JSON.
pub fn answer(node: &Node, caller: &Caller, found: &Found) -> Result<Response, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert(AGE, HeaderValue::from(found.age_s));
    if let Ok(source) = HeaderValue::from_str(found.source.as_str()) {
        headers.insert(SOURCE, source);
    }
    headers.insert(CONTENT_TYPE, JSON);
    let mut body = Vec::with_capacity(ANSWER_BYTES);
    serde_json::to_writer(&mut body, &answered(node, caller, found)?).map_err(Refusal::internal)?;
    Ok((headers, body).into_response())
}

/// `POST /v1/licences/search`: the holder's code travels in the body, never in an address that
/// logs keep.
pub(crate) async fn search(
    State(node): State<Arc<Node>>,
    Authenticated(caller): Authenticated,
    Body(wanted): Body<Search>,
) -> Result<Response, Fault> {
    caller.must_have(CallerRole::Lookup)?;
    let licence_type = wanted.licence_type.as_deref();
    let found = directory::search(&node, &caller, &wanted.holder_code, licence_type).await?;
    let items = found
        .iter()
        .map(|found| answered(&node, &caller, found))
        .collect::<Result<_, _>>()?;
    Ok(Json(FoundList { items }).into_response())
}

fn answered<'a>(node: &Node, caller: &Caller, found: &'a Found) -> Result<Answered<'a>, Refusal> {
    let public = &found.entry.public;
    let licence_type = node.types.find(&public.type_code);
    let (shown, rule) = node
        .permits
        .may_look_up(caller, &public.type_code, licence_type);
    let status = StatusText {
        code: public.status.code(),
        zh: public.status.name_zh(),
        en: public.status.name_en(),
        usable: public.status.is_usable(),
    };
    let private = shown.then(|| found.entry.private_text()).transpose();
    Ok(Answered {
        private: private.map_err(Refusal::internal)?,
        status,
        in_force: public.is_in_force_on(day_in_shanghai(node.clock.now())),
        rule,
        source: found.source.as_str(),
        age_s: found.age_s,
        as_of: found.as_of,
        entry: found.entry.public_text().map_err(Refusal::internal)?,
    })
}
