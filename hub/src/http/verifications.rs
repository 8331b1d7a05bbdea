//! Verification of a file that a caller brings.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, Limited};
use schemas::verdict::Verdict;
use tokio::sync::SemaphorePermit;

use super::Shared;
use super::auth::Authenticated;
use super::fault::Fault;
use crate::config::CallerRole;
use crate::refusal::Refusal;
use crate::seals;

/// Largest file to be verified, in bytes (ARCHITECTURE.md, Limits: OFD 64 MiB packed).
const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Memory for files being uploaded, in KiB: four of the largest at a time, thousands of usual
/// ones. Without it the requests in progress could claim 32 GiB together.
pub(super) const UPLOADS_KIB_MAX: usize = 4 * FILE_BYTES_MAX / 1024;

/// Seconds after which a caller may try again when that memory is taken.
const RETRY_AFTER_S: u32 = 2;

/// `POST /v1/verifications`
pub(crate) async fn create(
    State(shared): State<Shared>,
    Authenticated(caller): Authenticated,
    request: Request,
) -> Result<Json<Arc<Verdict>>, Fault> {
    // Before the body is read: who may not ask does not upload.
    caller.must_have(CallerRole::Verify)?;
    let (bytes, _memory) = upload(&shared, request).await?;
    let verdict = seals::verify_posted(&shared.node, &caller, bytes).await?;
    Ok(Json(verdict))
}

/// The body, with the memory that was reserved for it before it was read.
async fn upload(shared: &Shared, request: Request) -> Result<(Bytes, SemaphorePermit<'_>), Fault> {
    let most_bytes = match announced_bytes(&request) {
        Some(bytes) if bytes > FILE_BYTES_MAX => return Err(Fault::BodyTooLarge),
        Some(bytes) => bytes,
        None => FILE_BYTES_MAX,
    };
    let kib = u32::try_from(most_bytes.div_ceil(1024)).unwrap_or(u32::MAX);
    let memory = shared
        .uploads
        .try_acquire_many(kib)
        .map_err(|_| Refusal::Overloaded {
            retry_after_s: RETRY_AFTER_S,
        })?;
    let bytes = read(request.into_body(), most_bytes).await?;
    Ok((bytes, memory))
}

async fn read(body: Body, most_bytes: usize) -> Result<Bytes, Fault> {
    match Limited::new(body, most_bytes).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Fault::BodyTooLarge),
        Err(_) => Err(Fault::BodyMalformed { line: 0, column: 0 }),
    }
}

fn announced_bytes(request: &Request) -> Option<usize> {
    request
        .headers()
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_longer_than_announced_is_refused() {
        assert_eq!(read(Body::from("four"), 4).await.expect("fits"), "four");
        assert!(matches!(
            read(Body::from("five!"), 4).await,
            Err(Fault::BodyTooLarge)
        ));
    }
}
