//! Every answer that is not a success: a problem (RFC 9457) with a stable code, whose side the
//! cause is on and what to do next, in Chinese and English (invariant 9).
//!
//! What happened inside is never shown; it is logged once, in the module `guard`.

use std::any::Any;
use std::sync::Arc;

use axum::Json;
use axum::http::header::{ALLOW, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemas::catalogue;
use serde_json::{Map, Value, json};

use crate::refusal::Refusal;

mod batch;
mod slip;

pub use batch::BatchFault;
pub use slip::Slip;

/// Media type of problems, RFC 9457 §6.1.
const PROBLEM_JSON: &str = "application/problem+json";

/// Where a `type` of a problem leads to: the code's row in the catalogue. \[P\]
const TYPE_PREFIX: &str = "urn:license-hub:problem:";

/// Seconds after which a request that took too long may be tried again.
const TIMEOUT_RETRY_AFTER_S: u32 = 5;

/// Why a request has no successful answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A path refused.
    Refused(Refusal),
    /// No token, or one that nobody here has.
    Unauthenticated,
    /// There is nothing at this address.
    NoRoute,
    /// The address does not take this method.
    MethodNotAllowed,
    /// The body is larger than this address takes.
    BodyTooLarge,
    /// The body is not of the media type that this address takes.
    UnsupportedMediaType,
    /// The body is not the JSON that this address takes; says where, never what stands there.
    BodyMalformed {
        /// Line, from 1; 0 when the body could not be read at all.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// A field of the body or a parameter is wrong or missing.
    Malformed(Slip),
    /// The requested range lies outside the file, RFC 9110 §15.5.17.
    RangeNotSatisfiable {
        /// Size of the file, in bytes.
        size_bytes: usize,
    },
    /// The request took longer than the node allows.
    Timeout,
    /// The caller asks more often than it may.
    RateLimited {
        /// Seconds after which it may ask again.
        retry_after_s: u32,
    },
    /// The caller has as many batches in progress as it may have.
    TooManyBatches {
        /// Seconds after which it may ask again.
        retry_after_s: u32,
    },
    /// A batch cannot be read, or not to its end.
    Batch(BatchFault),
    /// Something that the node needs does not work.
    NotReady {
        /// What does not work.
        parts: Vec<&'static str>,
    },
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Fault {
    /// Stable code; the key of the catalogue.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::NoRoute => "NO_ROUTE",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::BodyTooLarge => "TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::BodyMalformed { .. } | Self::Malformed(_) => "BAD_REQUEST",
            Self::RangeNotSatisfiable { .. } => "RANGE_NOT_SATISFIABLE",
            Self::Timeout => "TIMEOUT",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::TooManyBatches { .. } => "TOO_MANY_BATCHES",
            Self::Batch(fault) => fault.code(),
            Self::NotReady { .. } => "NOT_READY",
        }
    }

    /// Status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => refusal.http_status(),
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyMalformed { .. } | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Batch(fault) => fault.status(),
            Self::RangeNotSatisfiable { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Timeout | Self::NotReady { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::RateLimited { .. } | Self::TooManyBatches { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The inner cause, for the log alone.
    #[must_use]
    pub fn cause(&self) -> Option<&Arc<anyhow::Error>> {
        match self {
            Self::Refused(Refusal::Internal(cause)) => Some(cause),
            _ => None,
        }
    }

    /// The answer, with the name of the request as `instance`.
    #[must_use]
    pub fn answer(&self, request_id: Option<&str>) -> Response {
        let headers = [(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON))];
        let mut response = (self.status(), headers, Json(self.body(request_id))).into_response();
        for (name, value) in self.headers() {
            response.headers_mut().insert(name, value);
        }
        response
    }

    /// The problem as JSON, as it also stands in a line of a batch.
    pub(super) fn body(&self, request_id: Option<&str>) -> Map<String, Value> {
        let code = self.code();
        let mut body = Map::new();
        let mut say = |name: &str, value: Value| body.insert(name.to_owned(), value);
        say("type", json!(format!("{TYPE_PREFIX}{code}")));
        say(
            "title",
            json!(self.status().canonical_reason().unwrap_or(code)),
        );
        say("status", json!(self.status().as_u16()));
        say("code", json!(code));
        if let Some(detail) = self.detail() {
            say("detail", json!(detail));
        }
        if let Some(text) = catalogue::text(code) {
            say("side", json!(text.side.as_str()));
            say("zh", json!(text.zh));
            say("en", json!(text.en));
            say("next_zh", json!(text.next_zh));
            say("next_en", json!(text.next_en));
        }
        if let Some(request_id) = request_id {
            say(
                "instance",
                json!(format!("urn:license-hub:request:{request_id}")),
            );
        }
        body.extend(self.more());
        body
    }

    /// What this occurrence is about, in English, without personal data.
    fn detail(&self) -> Option<String> {
        match self {
            // The message of an inner failure is not for the outside.
            Self::Refused(Refusal::Internal(_)) => None,
            Self::Refused(refusal) => Some(refusal.to_string()),
            Self::BodyMalformed { line: 0, .. } => None,
            Self::BodyMalformed { line, column } => {
                Some(format!("the fault is at line {line}, column {column}"))
            }
            Self::Malformed(slip) => Some(slip.to_string()),
            Self::RangeNotSatisfiable { size_bytes } => {
                Some(format!("the file has {size_bytes} bytes"))
            }
            Self::NotReady { parts } => Some(format!("does not work: {}", parts.join(", "))),
            Self::Unauthenticated
            | Self::NoRoute
            | Self::MethodNotAllowed
            | Self::BodyTooLarge
            | Self::UnsupportedMediaType
            | Self::Timeout
            | Self::RateLimited { .. }
            | Self::TooManyBatches { .. }
            | Self::Batch(_) => None,
        }
    }

    /// Members beyond RFC 9457 that programs can read.
    fn more(&self) -> Map<String, Value> {
        let members = match self {
            Self::Refused(Refusal::NotPermitted { rule }) => json!({ "rule": rule }),
            Self::Refused(Refusal::NotDelivered { code, verdict }) => {
                let mut members = json!({ "finding": code.as_str(), "verdict": verdict });
                if let Some(text) = catalogue::text(&code.as_str()) {
                    members["side"] = json!(text.side.as_str());
                    members["finding_zh"] = json!(text.zh);
                    members["finding_en"] = json!(text.en);
                    members["next_zh"] = json!(text.next_zh);
                    members["next_en"] = json!(text.next_en);
                }
                members
            }
            Self::Refused(Refusal::NotUsable { status }) => json!({
                "licence_status": status.code(),
                "licence_status_zh": status.name_zh(),
                "licence_status_en": status.name_en(),
            }),
            Self::Refused(Refusal::PeerRefused { node, code }) => {
                json!({ "node": node, "node_code": code })
            }
            Self::Refused(Refusal::PeerTimeout { node } | Refusal::UnknownPeer { node }) => {
                json!({ "node": node })
            }
            Self::Refused(Refusal::BadRequest { field, .. }) => json!({ "field": field }),
            Self::Refused(Refusal::FileTooLarge { kind, bytes_max }) => {
                json!({ "kind": kind, "bytes_max": bytes_max })
            }
            Self::BodyMalformed { .. } => json!({ "field": "body" }),
            Self::Malformed(slip) => json!({ "field": slip.field() }),
            Self::NotReady { parts } => json!({ "parts": parts }),
            _ => Value::Null,
        };
        match members {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let retry_after_s = match self {
            Self::Refused(refusal) => refusal.retry_after_s(),
            Self::Timeout | Self::NotReady { .. } | Self::Batch(BatchFault::TooLong) => {
                Some(TIMEOUT_RETRY_AFTER_S)
            }
            Self::RateLimited { retry_after_s } | Self::TooManyBatches { retry_after_s } => {
                Some(*retry_after_s)
            }
            _ => None,
        };
        let mut headers = Vec::new();
        if let Some(seconds) = retry_after_s {
            headers.push((RETRY_AFTER, HeaderValue::from(seconds)));
        }
        match self {
            Self::Unauthenticated => headers.push((
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"license-hub\""),
            )),
            Self::RangeNotSatisfiable { size_bytes } => {
                if let Ok(value) = HeaderValue::from_str(&format!("bytes */{size_bytes}")) {
                    headers.push((CONTENT_RANGE, value));
                }
            }
            _ => {}
        }
        headers
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.answer(None);
        // The guard answers again with the request's name and logs the cause.
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Answers what no route answers.
pub(crate) async fn no_route() -> Fault {
    Fault::NoRoute
}

/// Answers a known address with another method.
pub(crate) async fn method_not_allowed() -> Fault {
    Fault::MethodNotAllowed
}

/// Answers a request whose handler panicked: coded, without the cause.
pub(crate) fn panicked(_cause: Box<dyn Any + Send + 'static>) -> Response {
    Fault::Refused(Refusal::internal(anyhow::anyhow!("a handler panicked"))).into_response()
}

/// The header that a fault's second rendering must keep from the first.
pub(crate) const KEPT_HEADERS: [HeaderName; 1] = [ALLOW];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fault: &Fault, status: u16, code: &str) {
        let body = fault.body(Some("r-1"));
        assert_eq!(fault.status().as_u16(), status, "{code}");
        assert_eq!(body["code"], code);
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], format!("urn:license-hub:problem:{code}"));
        assert_eq!(body["instance"], "urn:license-hub:request:r-1");
        for member in ["title", "side", "zh", "en", "next_zh", "next_en"] {
            assert!(
                body.get(member).is_some_and(Value::is_string),
                "{code} without {member}"
            );
        }
        if status == 503 {
            assert!(
                fault.headers().iter().any(|(name, _)| name == RETRY_AFTER),
                "{code}"
            );
        }
    }

    #[test]
    fn every_fault_is_a_coded_problem_in_both_languages() {
        check(&Fault::Unauthenticated, 401, "UNAUTHENTICATED");
        check(&Fault::NoRoute, 404, "NO_ROUTE");
        check(&Fault::MethodNotAllowed, 405, "METHOD_NOT_ALLOWED");
        check(&Fault::BodyTooLarge, 413, "TOO_LARGE");
        check(&Fault::UnsupportedMediaType, 415, "UNSUPPORTED_MEDIA_TYPE");
        check(
            &Fault::BodyMalformed { line: 1, column: 2 },
            400,
            "BAD_REQUEST",
        );
        check(
            &Fault::RangeNotSatisfiable { size_bytes: 9 },
            416,
            "RANGE_NOT_SATISFIABLE",
        );
        check(&Fault::Timeout, 503, "TIMEOUT");
        check(&Fault::NotReady { parts: vec!["bus"] }, 503, "NOT_READY");
        let batches = Fault::TooManyBatches { retry_after_s: 1 };
        check(&batches, 429, "TOO_MANY_BATCHES");
        for fault in BatchFault::ALL {
            check(&Fault::Batch(fault), fault.status().as_u16(), fault.code());
        }
        let refused = |refusal: Refusal| Fault::from(refusal);
        check(&refused(Refusal::NotFound), 404, "NOT_FOUND");
        let reused = refused(Refusal::IdempotencyKeyReused);
        check(&reused, 422, "IDEMPOTENCY_KEY_REUSED");
        check(&refused(Refusal::PermitExpired), 403, "PERMIT_EXPIRED");
        check(
            &refused(Refusal::Overloaded { retry_after_s: 3 }),
            503,
            "OVERLOADED",
        );
        let bad = Refusal::BadRequest {
            code: "BAD_REQUEST",
            field: "purpose.cause".to_owned(),
        };
        check(&refused(bad), 400, "BAD_REQUEST");
    }

    #[test]
    fn a_denied_use_names_the_rule() {
        let rule = "high-security-needs-matter".to_owned();
        let body = Fault::from(Refusal::NotPermitted { rule }).body(None);
        assert_eq!(body["code"], "PERMIT_DENIED");
        assert_eq!(body["rule"], "high-security-needs-matter");
    }

    #[test]
    fn an_inner_cause_is_never_answered() {
        let fault = Fault::from(Refusal::internal(anyhow::anyhow!("disk sda1 is full")));
        let body = Value::Object(fault.body(None)).to_string();
        assert!(!body.contains("sda1"), "{body}");
        assert!(
            fault
                .cause()
                .is_some_and(|cause| cause.to_string().contains("sda1"))
        );
    }
}
