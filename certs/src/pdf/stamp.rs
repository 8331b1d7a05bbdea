//! Timestamps in a PDF: over a signature, and over the whole file.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use schemas::seal::{SignedData, TimestampInfo};
use schemas::verdict::{CheckResult, Checks, FindingCode, SignatureKind};

use super::{Context, Signer};
use crate::certificate::Certificate;
use crate::message::Message;
use crate::revocation::Evidence;
use crate::timestamp::{self, Trusted};

/// Times that are this much out of order are taken for clock differences (`\[P\]` profile).
const CLOCK_SKEW: Duration = Duration::minutes(10);

/// The timestamp over the signature: a time that the signer did not choose. One whose authority is
/// not trusted here is as good as none, and is named; a broken one is no oversight.
pub(super) fn check(
    context: &Context<'_, '_>,
    data: &SignedData<'_>,
    carried: &[Arc<Certificate>],
    own: &Evidence<'_>,
    checks: &mut Checks,
) -> Option<DateTime<Utc>> {
    let code = FindingCode::TimestampOrderFailure;
    let token = data.timestamp?;
    let evidence = [own, &context.carried.evidence];
    let trusted = trusted(context, carried, &evidence);
    let stamp = match timestamp::verify(token, &[Message::of(data.signature)], &trusted) {
        Ok(stamp) => stamp,
        Err(error) => {
            let detail = format!("the timestamp does not count: {error}");
            if error.is_missing_evidence() {
                checks.warn(code, CheckResult::Unknown, detail);
            } else {
                checks.fail(code, detail);
            }
            return None;
        }
    };
    let time = stamp.time.to_rfc3339();
    let stated = data.attributes.as_ref().and_then(|one| one.signing_time);
    let latest = stamp.time + CLOCK_SKEW;
    if let Some(stated) = stated.filter(|stated| *stated > latest) {
        let stated = stated.to_rfc3339();
        checks.fail(code, format!("stamped {time}, yet said to be of {stated}"));
        return None;
    }
    if let Some(later) = context
        .proven
        .filter(|later| stamp.time > *later + CLOCK_SKEW)
    {
        let later = later.to_rfc3339();
        checks.fail(
            code,
            format!("stamped {time}, yet the file holds it since {later}"),
        );
        return None;
    }
    checks.pass(code, format!("stamped {time} by {}", stamp.authority));
    Some(stamp.time)
}

fn trusted<'t>(
    context: &'t Context<'_, '_>,
    carried: &'t [Arc<Certificate>],
    evidence: &'t [&'t Evidence<'t>],
) -> Trusted<'t> {
    Trusted {
        trust: context.trust,
        carried,
        evidence,
        policy: &context.options.revocation,
        now: context.options.at,
        proven: context.proven,
        effort: context.effort,
    }
}

/// A document timestamp (ISO 32000-2:2020 §12.8.5): its imprint is over what it covers.
pub(super) fn check_document(
    context: &Context<'_, '_>,
    data: &SignedData<'_>,
    value: &[u8],
    signed: Message<'_>,
    checks: &mut Checks,
) -> Signer {
    let content = data.content.unwrap_or_default();
    let info = TimestampInfo::parse(content);
    checks.pass(FindingCode::FormatFailure, "a timestamp token");
    let evidence = [&context.carried.evidence];
    let trusted = trusted(context, &context.carried.certificates, &evidence);
    let mut signer = Signer {
        kind: Some(SignatureKind::Timestamp),
        signed_at: info.ok().map(|info| info.time),
        ..Signer::default()
    };
    match timestamp::verify(value, &[signed], &trusted) {
        Ok(stamp) => {
            check_order(context, stamp.time, checks);
            signer.name = Some(stamp.authority);
            checks.pass(
                FindingCode::HashFailure,
                "the stamped digest is that of what is covered",
            );
            checks.pass(
                FindingCode::NoCertificateChainFound,
                "the timestamp's authority is trusted",
            );
        }
        Err(error) if error.is_missing_evidence() => {
            checks.unknown(error.finding(), error.to_string());
        }
        Err(error) => checks.fail(error.finding(), error.to_string()),
    }
    signer
}

/// A later timestamp over the whole file says that this one was there by then.
fn check_order(context: &Context<'_, '_>, time: DateTime<Utc>, checks: &mut Checks) {
    let time_text = time.to_rfc3339();
    match context.proven.filter(|later| time > *later + CLOCK_SKEW) {
        Some(later) => {
            let later = later.to_rfc3339();
            let detail = format!("stamped {time_text}, yet the file holds it since {later}");
            checks.fail(FindingCode::TimestampOrderFailure, detail);
        }
        None => {
            let detail = format!("stamped {time_text}");
            checks.pass(FindingCode::TimestampOrderFailure, detail);
        }
    }
}
