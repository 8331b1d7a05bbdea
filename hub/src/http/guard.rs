//! Around every request: its name, its log line, its bounds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::Shared;
use super::fault::{Fault, KEPT_HEADERS};
use crate::measure;
use crate::refusal::Refusal;
use crate::trace::{TRACEPARENT, Trace};

/// Header with the name of the request.
const REQUEST_ID: &str = "x-request-id";

/// Longest request name that is taken from a caller, in characters: a UUID has 36.
const REQUEST_ID_CHARACTERS_MAX: usize = 64;

/// Seconds after which a caller may try again when the node is full.
const RETRY_AFTER_S: u32 = 1;

/// The name of a request, for answers that are made piece by piece.
#[derive(Clone, Debug)]
pub(crate) struct RequestName(pub(crate) String);

/// Names the request, honours `traceparent` (W3C Trace Context), writes one log line. Addresses
/// are logged as routes, without identifiers; headers and bodies are not logged at all.
pub(crate) async fn observed(mut request: Request, next: Next) -> Response {
    let request_id = request_id(request.headers());
    let named = RequestName(request_id.clone());
    request.extensions_mut().insert(named);
    let trace = trace_of(request.headers());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let span = tracing::info_span!(
        "request",
        request.id = %request_id,
        trace.id = trace.id(),
        http.method = %request.method(),
        http.route = route.as_deref().unwrap_or("none"),
        caller.system = tracing::field::Empty,
    );
    let start = Instant::now();
    let work = next.run(request).instrument(span.clone());
    let mut response = trace.scope(work).await;
    let _entered = span.entered();
    if let Some(fault) = response.extensions().get::<Arc<Fault>>().cloned() {
        response = answered_by_name(&fault, &response, &request_id);
    }
    let duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    let route = route.unwrap_or_else(|| "none".to_owned());
    let (at, with) = (route.clone(), status.to_string());
    metrics::counter!(measure::HTTP_REQUESTS, "route" => at, "status" => with).increment(1);
    metrics::histogram!(measure::HTTP_SECONDS, "route" => route).record(start.elapsed());
    tracing::info!(
        http.status = status,
        http.duration_ms = duration_ms,
        "a request was answered"
    );
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Refuses what would be too much at a time, and ends what takes too long.
pub(crate) async fn bounded(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(_turn) = shared.in_progress.try_acquire() else {
        metrics::counter!(measure::OVERLOADS, "bound" => "requests_concurrent").increment(1);
        let refusal = Refusal::Overloaded {
            retry_after_s: RETRY_AFTER_S,
        };
        return Fault::Refused(refusal).into_response();
    };
    let longest = Duration::from_secs(shared.node.config.limits.request_timeout_s);
    match tokio::time::timeout(longest, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Fault::Timeout.into_response(),
    }
}

fn answered_by_name(fault: &Fault, first: &Response, request_id: &str) -> Response {
    if let Some(cause) = fault.cause() {
        // Once, here, with its whole chain; the caller is told the code alone.
        tracing::error!(fault.code = fault.code(), fault.cause = %format!("{cause:#}"), "refused");
    } else {
        tracing::info!(fault.code = fault.code(), "refused");
    }
    let mut response = fault.answer(Some(request_id));
    for name in KEPT_HEADERS {
        if let Some(value) = first.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// The caller's trace, a step on; a new one when it names none.
fn trace_of(headers: &HeaderMap) -> Trace {
    headers
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok())
        .and_then(Trace::parse)
        .map_or_else(Trace::begin, |trace| trace.next_step())
}

/// The caller's name for the request when it can stand in a log line, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let usable = |name: &&str| {
        (1..=REQUEST_ID_CHARACTERS_MAX).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    given
        .filter(usable)
        .map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_name_that_could_forge_a_log_line_is_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static("desk-17"));
        assert_eq!(request_id(&headers), "desk-17");
        headers.insert(REQUEST_ID, HeaderValue::from_static("a b"));
        assert_ne!(request_id(&headers), "a b");
    }
}
