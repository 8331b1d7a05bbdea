//! When it was signed: what the signer says, and what a timestamp proves.
//!
//! A timestamp that counts stands in the place of what the signer says. One that is broken, or
//! contradicts the signer, makes the signature invalid; one whose authority is not known here
//! proves nothing, and the report says so (`\[P\]` profile: all under `TIMESTAMP_ORDER_FAILURE`).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemas::verdict::{CheckResult, Checks, FindingCode};

use super::Question;
use crate::certificate::Certificate;
use crate::message::Message;
use crate::timestamp::{self, Trusted};

/// When something was signed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SignedAt {
    /// What the signer says.
    pub(super) stated: Option<DateTime<Utc>>,
    /// When it existed at the latest, which the signer did not choose.
    pub(super) proven: Option<DateTime<Utc>>,
}

/// A timestamp token, and what it may be over.
pub(super) struct Token<'t> {
    /// Whose signature it is over, for the report.
    pub(super) role: &'static str,
    pub(super) bytes: &'t [u8],
    /// What may have been stamped.
    pub(super) readings: &'t [Message<'t>],
    /// Certificates that came with the file.
    pub(super) carried: &'t [Arc<Certificate>],
}

impl SignedAt {
    /// The time that counts for the signer's certificate.
    pub(super) fn counts(&self) -> Option<DateTime<Utc>> {
        self.proven.or(self.stated)
    }
}

/// The time that a token over a signature proves; the signer said `stated`.
pub(super) fn proven(
    checks: &mut Checks,
    token: &Token<'_>,
    stated: Option<DateTime<Utc>>,
    question: &Question<'_>,
) -> Option<DateTime<Utc>> {
    let code = FindingCode::TimestampOrderFailure;
    let role = token.role;
    let trusted = Trusted {
        trust: question.trust,
        carried: token.carried,
        evidence: question.evidence,
        policy: &question.options.revocation,
        now: question.options.at,
        proven: question.options.proven,
        effort: question.effort,
    };
    match timestamp::verify(token.bytes, token.readings, &trusted) {
        Ok(stamp) => {
            let (time, authority) = (stamp.time.to_rfc3339(), stamp.authority);
            match stated.filter(|stated| *stated > stamp.time + question.options.clock_skew) {
                None => {
                    let detail = format!("{role}: stamped {time} by {authority}");
                    checks.pass(code, detail);
                    Some(stamp.time)
                }
                Some(stated) => {
                    let stated = stated.to_rfc3339();
                    let detail = format!("{role}: stamped {time}, yet said to be of {stated}");
                    checks.fail(code, detail);
                    None
                }
            }
        }
        Err(error) => {
            let detail = format!("{role}: the timestamp does not count: {error}");
            if error.is_missing_evidence() {
                checks.warn(code, CheckResult::Unknown, detail);
            } else {
                checks.fail(code, detail);
            }
            None
        }
    }
}

/// The time in a token that stands in the place of the signer's word (V1): it is over what was
/// signed, so the signature is younger and nothing is proven; but it is the signer's word, whoever
/// made the token.
pub(super) fn stated(
    checks: &mut Checks,
    token: &Token<'_>,
    question: &Question<'_>,
) -> Option<DateTime<Utc>> {
    let time = proven(checks, token, None, question);
    time.or_else(|| timestamp::stated_time(token.bytes))
}
