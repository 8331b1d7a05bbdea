//! Is the program alive, and can it do its work?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::fault::Fault;
use crate::measure;
use crate::node::Node;

/// Media type of the Prometheus text form.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /healthz`: the program answers.
pub(crate) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: store, bus and library work.
pub(crate) async fn ready(State(node): State<Arc<Node>>) -> Result<Json<Value>, Fault> {
    let mut parts = Vec::new();
    if let Err(cause) = node.store.healthy().await {
        tracing::warn!(cause = %cause, "the store does not answer");
        parts.push("store");
    }
    if let Err(cause) = node.bus.healthy().await {
        tracing::warn!(cause = %cause, "the bus does not answer");
        parts.push("bus");
    }
    if let Some(source) = &node.source
        && let Err(cause) = source.types().await
    {
        tracing::warn!(cause = %cause, "the library does not answer");
        parts.push("source");
    }
    if parts.is_empty() {
        Ok(Json(json!({ "status": "ok", "node": node.name })))
    } else {
        Err(Fault::NotReady { parts })
    }
}

/// `GET /metrics`: what this process has counted. Numbers, nothing of a person: see
/// [`crate::measure`].
pub(crate) async fn metrics() -> Result<impl IntoResponse, Fault> {
    let text = measure::render().ok_or(Fault::NoRoute)?;
    Ok(([(CONTENT_TYPE, PROMETHEUS_TEXT)], text))
}
