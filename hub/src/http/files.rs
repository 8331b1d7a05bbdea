//! Delivery of a file under a permit, with its verdict.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{
    ACCEPT, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use schemas::verdict::{FileKind, Verdict};
use serde::Deserialize;

use super::auth::Authenticated;
use super::extract::{Licence, Parameters};
use super::fault::Fault;
use super::range::{self, Wanted};
use crate::files::{self, Delivery};
use crate::node::Node;
use crate::permits;
use crate::refusal::Refusal;

/// Longest name of a permit, in characters: a UUID has 36.
const PERMIT_CHARACTERS_MAX: usize = 64;

/// The permit under which the file is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Under {
    permit: String,
}

/// `GET /v1/licences/{identifier}/file?permit=…`: the bytes, or with `Accept: application/json`
/// the verdict on them, check by check.
pub(crate) async fn deliver(
    State(node): State<Arc<Node>>,
    Authenticated(caller): Authenticated,
    Licence(identifier): Licence,
    Parameters(under): Parameters<Under>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    if !is_permit_name(&under.permit) {
        return Err(Refusal::PermitUnknown.into());
    }
    let permit = permits::resume(&node, &caller, &under.permit, &identifier).await?;
    let delivery = files::deliver(&node, &caller, permit, &identifier).await?;
    let trust = node.trust().fingerprint();
    if text(&headers, ACCEPT).is_some_and(wants_verdict) {
        return Ok(Json(delivery.verdict()).into_response());
    }
    answer(&delivery, &trust, &headers).await
}

/// Whether a permit can have this name: only then is the store asked for it.
fn is_permit_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.len() <= PERMIT_CHARACTERS_MAX && text.bytes().all(is_plain)
}

async fn answer(delivery: &Delivery, trust: &str, asked: &HeaderMap) -> Result<Response, Fault> {
    let bytes = delivery.bytes();
    let etag = format!("\"sm3:{}\"", delivery.verdict().sm3);
    let mut headers = HeaderMap::new();
    say(&mut headers, ETAG, &etag)?;
    // A shared cache must not keep what one caller was permitted to have.
    say(&mut headers, CACHE_CONTROL, "private, no-cache")?;
    say_verdict(&mut headers, delivery.verdict(), trust)?;
    if text(asked, IF_NONE_MATCH).is_some_and(|tags| names(tags, &etag)) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    say(
        &mut headers,
        CONTENT_TYPE,
        media_type(delivery.verdict().kind),
    )?;
    say(&mut headers, CONTENT_DISPOSITION, &file_name(delivery))?;
    say(&mut headers, ACCEPT_RANGES, "bytes")?;
    // RFC 9530: `Repr-Digest` is of the whole file, `Content-Digest` of what is sent here.
    say(
        &mut headers,
        REPR_DIGEST,
        &digest_field(delivery.file().sha256()),
    )?;
    // RFC 9110 §13.1.5: a range of another file than the one the client has a part of is no use.
    let is_of_this = text(asked, IF_RANGE).is_none_or(|tag| tag.trim() == etag);
    let range = text(asked, RANGE).filter(|_| is_of_this);
    let (status, part) = match range::wanted(range, bytes.len()) {
        Wanted::Whole => {
            say(
                &mut headers,
                CONTENT_DIGEST,
                &digest_field(delivery.file().sha256()),
            )?;
            return Ok((StatusCode::OK, headers, bytes.clone()).into_response());
        }
        Wanted::Part(part) => {
            let last = part.end.saturating_sub(1);
            let span = format!("bytes {}-{last}/{}", part.start, bytes.len());
            say(&mut headers, CONTENT_RANGE, &span)?;
            (StatusCode::PARTIAL_CONTENT, bytes.slice(part))
        }
        Wanted::Outside => {
            return Err(Fault::RangeNotSatisfiable {
                size_bytes: bytes.len(),
            });
        }
    };
    say(
        &mut headers,
        CONTENT_DIGEST,
        &digest_field(&sha256(part.clone()).await?),
    )?;
    Ok((status, headers, part).into_response())
}

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const VERDICT: HeaderName = HeaderName::from_static("x-hub-verdict");
const VERDICT_CODE: HeaderName = HeaderName::from_static("x-hub-verdict-code");
const TRUST: HeaderName = HeaderName::from_static("x-hub-trust");

fn say_verdict(headers: &mut HeaderMap, verdict: &Verdict, trust: &str) -> Result<(), Fault> {
    say(headers, VERDICT, verdict.verdict.as_str())?;
    if let Some(code) = verdict.code {
        say(headers, VERDICT_CODE, &code.as_str())?;
    }
    say(headers, TRUST, trust)
}

fn say(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), Fault> {
    let value = HeaderValue::from_str(value).map_err(Refusal::internal)?;
    headers.insert(name, value);
    Ok(())
}

/// `sha-256=:…:`, RFC 9530 §2: the algorithm that clients outside this trade know.
fn digest_field(sha256: &[u8; 32]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(sha256))
}

/// A part may be nearly the whole file, so it is digested where that holds up nobody.
async fn sha256(part: Bytes) -> Result<[u8; 32], Refusal> {
    tokio::task::spawn_blocking(move || certs::digest::sha256(&part))
        .await
        .map_err(Refusal::internal)
}

/// Whether `If-None-Match` names this tag, RFC 9110 §13.1.2: weak comparison.
fn names(tags: &str, etag: &str) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    tags.trim() == "*" || tags.split(',').any(|tag| strong(tag) == etag)
}

/// Whether `Accept` names JSON and no file: a client that takes both wants the file.
fn wants_verdict(accept: &str) -> bool {
    let media_types = || accept.split(',').filter_map(|part| part.split(';').next());
    let is_file = |name: &str| matches!(name.trim(), "application/ofd" | "application/pdf" | "*/*");
    media_types().any(|name| name.trim().eq_ignore_ascii_case("application/json"))
        && !media_types().any(is_file)
}

fn media_type(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Ofd => "application/ofd",
        FileKind::Pdf => "application/pdf",
        FileKind::Unknown => "application/octet-stream",
    }
}

/// The name under which the file is kept, RFC 6266: an identifier has nothing but ASCII letters,
/// digits and full stops.
fn file_name(delivery: &Delivery) -> String {
    let ending = match delivery.verdict().kind {
        FileKind::Ofd => ".ofd",
        FileKind::Pdf => ".pdf",
        FileKind::Unknown => "",
    };
    let identifier = delivery.file().identifier();
    format!("attachment; filename=\"{identifier}{ending}\"")
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_tag_is_recognised() {
        let etag = "\"sm3:ab\"";
        assert!(names("\"sm3:ab\"", etag));
        assert!(names("\"sm3:00\", W/\"sm3:ab\"", etag));
        assert!(names("*", etag));
        assert!(!names("\"sm3:00\"", etag));
        assert!(!names("sm3:ab", etag));
    }

    #[test]
    fn the_verdict_is_answered_to_who_asks_for_json_alone() {
        assert!(wants_verdict("application/json"));
        assert!(wants_verdict("application/json; charset=utf-8"));
        assert!(!wants_verdict("application/ofd, application/json"));
        assert!(!wants_verdict("application/json, application/pdf"));
        assert!(!wants_verdict("*/*"));
    }

    #[test]
    fn digests_are_written_as_structured_fields() {
        // SHA-256 of the empty message.
        let empty = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        assert_eq!(digest_field(&certs::digest::sha256(b"")), empty);
    }
}
