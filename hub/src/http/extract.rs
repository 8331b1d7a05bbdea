//! Parsing of requests into typed values; what does not parse is a coded fault.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::header::{AsHeaderName, CONTENT_TYPE, HeaderMap};
use axum::http::request::Parts;
use schemas::identifier::Identifier;
use serde::de::DeserializeOwned;

use super::Shared;
use super::fault::{Fault, Slip};
use crate::refusal::Refusal;

mod given;

/// The licence that the address names. Identifiers of older licences that deviate from
/// GB/T 36904-2018 are accepted, see [`Identifier::parse_lenient`].
pub(crate) struct Licence(pub(crate) Identifier);

/// A JSON body. Its text never goes into a message: it may hold a holder's code.
pub(crate) struct Body<T>(pub(crate) T);

/// The parameters after the question mark.
pub(crate) struct Parameters<T>(pub(crate) T);

impl FromRequestParts<Shared> for Licence {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Fault> {
        let Path(text) = Path::<String>::from_request_parts(parts, shared)
            .await
            .map_err(|_| bad_request("BAD_REQUEST", "identifier"))?;
        parse_identifier(&text).map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<Shared> for Body<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Fault> {
        let media_type = request.headers().get(CONTENT_TYPE);
        if !media_type
            .and_then(|value| value.to_str().ok())
            .is_some_and(is_json)
        {
            return Err(Fault::UnsupportedMediaType);
        }
        let bytes =
            Bytes::from_request(request, shared)
                .await
                .map_err(|rejection| match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => Fault::BodyTooLarge,
                    _ => Fault::BodyMalformed { line: 0, column: 0 },
                })?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let slip = given::slip_of_body::<T>(&bytes);
            let (line, column) = (error.line(), error.column());
            slip.map_or(Fault::BodyMalformed { line, column }, |slip| {
                Fault::Malformed(slip.of_part("body"))
            })
        })
    }
}

impl<T: DeserializeOwned> FromRequestParts<Shared> for Parameters<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Fault> {
        if let Ok(Query(parameters)) = Query::from_request_parts(parts, shared).await {
            return Ok(Self(parameters));
        }
        let slip = match Query::from_request_parts(parts, shared).await {
            Ok(Query(given)) => given::slip_of_query::<T>(given),
            Err(_) => Slip::form(),
        };
        Err(Fault::Malformed(slip.of_part("query")))
    }
}

/// The one value of a header; none when it is absent, is no text, or stands twice: which one was
/// meant would be a guess.
pub(crate) fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.to_str().ok())?
}

/// Reads an identifier.
pub(crate) fn parse_identifier(text: &str) -> Result<Identifier, Fault> {
    Identifier::parse_lenient(text)
        .map(|(identifier, _deviations)| identifier)
        .map_err(|fault| bad_request(fault.code(), "identifier"))
}

/// A request that is at fault in one field.
pub(crate) fn bad_request(code: &'static str, field: &str) -> Fault {
    Fault::Refused(Refusal::BadRequest {
        code,
        field: field.to_owned(),
    })
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}
