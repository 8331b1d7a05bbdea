//! Verification of files that a caller brings: one, or many in one request.
//!
//! One file is the body itself, and its verdict the answer. Many come as `multipart/form-data`, or
//! as lines that name licences (`application/x-ndjson`); they are answered one by one as they are
//! verified, see [`batch`].

mod batch;
mod body;
mod licences;
mod parts;
mod places;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use schemas::verdict::Profile;
use serde::Deserialize;

pub(super) use self::places::Places;

use self::batch::{Asked, Source};
use self::body::Body;
use self::licences::Licences;
use self::parts::Parts;
use super::Shared;
use super::auth::Authenticated;
use super::extract::{Parameters, bad_request, only};
use super::fault::{Fault, Slip};
use crate::config::CallerRole;
use crate::permits::Caller;
use crate::seals;
use crate::spool::Brought;

/// Longest boundary between files, in characters: RFC 2046 §5.1.1.
const BOUNDARY_CHARACTERS_MAX: usize = 70;

/// How the files are to be verified.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Which changes after signing are tolerated (PDF).
    #[serde(default)]
    profile: Profile,
}

/// What the body holds.
enum Kind {
    OneFile,
    Files { boundary: String },
    Licences,
}

/// `POST /v1/verifications`
pub(crate) async fn create(
    State(shared): State<Shared>,
    Authenticated(caller): Authenticated,
    Parameters(wanted): Parameters<Wanted>,
    request: Request,
) -> Result<Response, Fault> {
    // Before the body is read: who may not ask does not upload.
    caller.must_have(CallerRole::Verify)?;
    let kind = Kind::of(request.headers())?;
    if let Kind::OneFile = kind {
        return one(&shared, &caller, wanted.profile, request).await;
    }
    if let Kind::Licences = kind {
        caller.must_have(CallerRole::Use)?;
    }
    let place = shared.batches.take(&caller.system)?;
    let asked = Asked::new(&shared.node, caller, wanted.profile, &request);
    let body = Body::new(request.into_body()).begun().await;
    let body = body.map_err(Fault::Batch)?.ok_or_else(empty)?;
    let source = match kind {
        Kind::Files { boundary } => Source::Files(Parts::new(body, boundary, &shared.node)),
        Kind::OneFile | Kind::Licences => Source::Licences(Licences::new(body)),
    };
    Ok(batch::answer(asked, source, place))
}

async fn one(
    shared: &Shared,
    caller: &Caller,
    profile: Profile,
    request: Request,
) -> Result<Response, Fault> {
    let file = upload(shared, request).await?;
    let verdict = seals::verify_posted(&shared.node, caller, file, profile).await?;
    Ok(Json(verdict).into_response())
}

/// The body as a file.
async fn upload(shared: &Shared, request: Request) -> Result<Brought, Fault> {
    let spool = &shared.node.spool;
    let announced = announced_bytes(request.headers());
    let mut file = spool.begin(spool.single(), announced).await?;
    let mut body = Body::new(request.into_body());
    let mut is_empty = true;
    loop {
        match body.next().await {
            Ok(Some(part)) => {
                is_empty &= part.is_empty();
                file.push(&part).await?;
            }
            Ok(None) if is_empty => return Err(empty()),
            Ok(None) => return Ok(file.finish().await?),
            Err(_) => return Err(Fault::BodyMalformed { line: 0, column: 0 }),
        }
    }
}

/// Nothing came: a verdict on it would be one on no file.
fn empty() -> Fault {
    Fault::Malformed(Slip::must("body", "hold a file, or name one: it is empty"))
}

fn announced_bytes(headers: &HeaderMap) -> Option<usize> {
    let announced: u64 = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
    Some(usize::try_from(announced).unwrap_or(usize::MAX))
}

impl Kind {
    fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        let media_type = only(headers, CONTENT_TYPE).unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-ndjson") {
            return Ok(Self::Licences);
        }
        if !essence.eq_ignore_ascii_case("multipart/form-data") {
            return Ok(Self::OneFile);
        }
        let fits = |boundary: &String| (1..=BOUNDARY_CHARACTERS_MAX).contains(&boundary.len());
        let boundary = multer::parse_boundary(media_type).ok().filter(fits);
        let slip = || Slip::must("content-type", "name a boundary of 1 to 70 characters");
        let boundary = boundary.ok_or_else(|| Fault::Malformed(slip()))?;
        Ok(Self::Files { boundary })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(media_type: &str, expected: Result<&str, &str>) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, media_type.parse().expect("a header"));
        let kind = match Kind::of(&headers) {
            Ok(Kind::OneFile) => Ok("one".to_owned()),
            Ok(Kind::Licences) => Ok("licences".to_owned()),
            Ok(Kind::Files { boundary }) => Ok(boundary),
            Err(fault) => Err(fault.code()),
        };
        assert_eq!(kind.as_deref(), expected.as_ref().copied(), "{media_type}");
    }

    #[test]
    fn the_media_type_says_what_the_body_holds() {
        check("application/ofd", Ok("one"));
        check("", Ok("one"));
        check("multipart/mixed; boundary=x", Ok("one"));
        check("Application/X-NDJSON; charset=utf-8", Ok("licences"));
        check("multipart/form-data; boundary=x-1", Ok("x-1"));
        check(
            "Multipart/Form-Data; charset=utf-8; boundary=\"a b\"",
            Ok("a b"),
        );
        check("multipart/form-data", Err("BAD_REQUEST"));
        check("multipart/form-data; boundary=", Err("BAD_REQUEST"));
        let long = "b".repeat(BOUNDARY_CHARACTERS_MAX + 1);
        check(
            &format!("multipart/form-data; boundary={long}"),
            Err("BAD_REQUEST"),
        );
    }
}
