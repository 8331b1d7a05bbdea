//! Whether a seal may be used: the status that its home node's register holds, the status that
//! the operator publishes, and the question one node asks another about it.
//!
//! A seal is named by the SM3 of its DER as it stands in the signed value. A seal's status is
//! judged at the time of signing (ARCHITECTURE.md, Verdicts): what was signed before a revocation
//! stays good.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Longest identifier of a seal, in bytes: GM/T 0031 examples have under 40. \[P\]
pub const ES_ID_BYTES_MAX: usize = 128;

/// Most suspensions that are kept of one seal; a seal that is suspended more often is revoked.
pub const SUSPENSIONS_MAX: usize = 32;

/// Whether a seal may be used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SealState {
    /// It may be used.
    Active,
    /// It may not be used for the time being.
    Suspended,
    /// It may never be used again.
    Revoked,
}

/// Why a seal has its status. \[P\] after the reasons of RFC 5280 §5.3.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealReason {
    /// Not said.
    #[default]
    Unspecified,
    /// Its key was, or may have been, in other hands.
    KeyCompromise,
    /// A newer seal has taken its place.
    Superseded,
    /// The organisation no longer exists or no longer uses it.
    Cessation,
    /// The organisation has another name or duty now.
    AffiliationChanged,
    /// It is being looked into.
    Investigation,
}

/// A time in which a seal was suspended and after which it was active again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// Its end; at this instant the seal was active again.
    pub until: DateTime<Utc>,
}

/// Status of one seal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealStatus {
    /// SM3 of the seal's DER, lower-case hex.
    pub seal_sm3: String,
    /// `esID` of the seal.
    pub es_id: String,
    /// Whether it may be used.
    pub status: SealState,
    /// From when on this status holds.
    pub since: DateTime<Utc>,
    /// Why.
    #[serde(default)]
    pub reason: SealReason,
    /// Earlier suspensions that are over, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspensions: Vec<Suspension>,
}

/// What a status says about a signature of a certain time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealStanding {
    /// The seal could be used then, and still can.
    Good,
    /// The seal could be used then; it has since been suspended or revoked.
    GoodThen {
        /// What it is now.
        now: SealState,
        /// Since when.
        since: DateTime<Utc>,
    },
    /// The seal could not be used then.
    Barred {
        /// What it was: suspended or revoked.
        state: SealState,
        /// Since when.
        since: DateTime<Utc>,
    },
}

/// Why a status is not one, or cannot follow another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealStatusError {
    /// Not 64 lower-case hex digits.
    #[error("a seal is named by its SM3, 64 lower-case hex digits")]
    Digest,
    /// Empty, too long, or with control characters.
    #[error("the seal's identifier is empty, too long or has control characters")]
    EsId,
    /// Suspensions that are too many, or end before they begin.
    #[error("the seal's suspensions are malformed")]
    Suspensions,
    /// A revoked seal is never active again.
    #[error("the seal is revoked, and that is final")]
    Final,
    /// The new status would begin before the one it follows.
    #[error("the new status begins before the present one")]
    Backwards,
}

/// Body of `hub.seal.request.v1`: what is the status of this seal, to its home node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealRequest {
    /// SM3 of the seal's DER, lower-case hex.
    pub seal_sm3: String,
    /// `esID` of the seal.
    pub es_id: String,
    /// SM3 of the signer's certificate in DER, lower-case hex.
    pub signer_sm3: String,
    /// Signing time of the file that is being verified.
    pub signed_at: Option<DateTime<Utc>>,
}

/// Body of `hub.seal.reply.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealReply {
    /// The seal that was asked for.
    pub seal_sm3: String,
    /// Its status; none when the home node's register does not name it.
    pub status: Option<SealStatus>,
    /// When the home node looked.
    pub as_of: DateTime<Utc>,
}

impl SealStatusError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Digest | Self::EsId | Self::Suspensions => "SEAL_STATUS_MALFORMED",
            Self::Final => "SEAL_STATUS_FINAL",
            Self::Backwards => "SEAL_STATUS_BACKWARDS",
        }
    }
}

impl SealState {
    /// The word used in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }
}

impl SealStatus {
    /// Checks form and bounds; whoever takes a status from outside does so before using it.
    ///
    /// # Errors
    /// The first part that is malformed.
    pub fn check(&self) -> Result<(), SealStatusError> {
        if !is_sm3_hex(&self.seal_sm3) {
            return Err(SealStatusError::Digest);
        }
        let is_named = (1..=ES_ID_BYTES_MAX).contains(&self.es_id.len())
            && !self.es_id.chars().any(char::is_control);
        if !is_named {
            return Err(SealStatusError::EsId);
        }
        let ordered = |one: &Suspension| one.from <= one.until;
        if self.suspensions.len() > SUSPENSIONS_MAX || !self.suspensions.iter().all(ordered) {
            return Err(SealStatusError::Suspensions);
        }
        Ok(())
    }

    /// The status that follows this one.
    ///
    /// # Errors
    /// A revoked seal; a new status that begins earlier; too many suspensions.
    pub fn followed_by(
        &self,
        status: SealState,
        since: DateTime<Utc>,
        reason: SealReason,
    ) -> Result<Self, SealStatusError> {
        if self.status == SealState::Revoked {
            return Err(SealStatusError::Final);
        }
        // A revocation may reach back to the day on which the key was lost.
        if status != SealState::Revoked && since < self.since {
            return Err(SealStatusError::Backwards);
        }
        let mut suspensions = self.suspensions.clone();
        if self.status == SealState::Suspended {
            suspensions.push(Suspension {
                from: self.since,
                until: since.max(self.since),
            });
        }
        let next = Self {
            status,
            since,
            reason,
            suspensions,
            ..self.clone()
        };
        next.check()?;
        Ok(next)
    }

    /// What this status says about something signed at `signed_at`.
    #[must_use]
    pub fn standing_at(&self, signed_at: DateTime<Utc>) -> SealStanding {
        let (state, since) = (self.status, self.since);
        if state != SealState::Active && since <= signed_at {
            return SealStanding::Barred { state, since };
        }
        let covers = |one: &&Suspension| one.from <= signed_at && signed_at < one.until;
        if let Some(suspension) = self.suspensions.iter().find(covers) {
            return SealStanding::Barred {
                state: SealState::Suspended,
                since: suspension.from,
            };
        }
        match state {
            SealState::Active => SealStanding::Good,
            SealState::Suspended | SealState::Revoked => {
                SealStanding::GoodThen { now: state, since }
            }
        }
    }
}

/// Whether `text` is an SM3 value: 64 lower-case hex digits.
#[must_use]
pub fn is_sm3_hex(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + second, 0).expect("in range")
    }

    fn status(status: SealState, since: i64) -> SealStatus {
        SealStatus {
            seal_sm3: "ab".repeat(32),
            es_id: "33010000000001".to_owned(),
            status,
            since: at(since),
            reason: SealReason::Unspecified,
            suspensions: Vec::new(),
        }
    }

    #[test]
    fn a_status_is_judged_at_the_time_of_signing() {
        let revoked = status(SealState::Revoked, 100);
        let (state, since) = (SealState::Revoked, at(100));
        assert_eq!(
            revoked.standing_at(at(100)),
            SealStanding::Barred { state, since }
        );
        let now = state;
        assert_eq!(
            revoked.standing_at(at(99)),
            SealStanding::GoodThen { now, since }
        );
        assert_eq!(
            status(SealState::Active, 100).standing_at(at(0)),
            SealStanding::Good
        );
    }

    #[test]
    fn what_was_signed_during_a_suspension_stays_bad() {
        let suspended = status(SealState::Suspended, 10);
        let again = suspended.followed_by(SealState::Active, at(20), SealReason::Unspecified);
        let again = again.expect("follows");
        let (state, since) = (SealState::Suspended, at(10));
        assert_eq!(
            again.standing_at(at(19)),
            SealStanding::Barred { state, since }
        );
        assert_eq!(again.standing_at(at(20)), SealStanding::Good);
        assert_eq!(again.standing_at(at(9)), SealStanding::Good);
    }

    #[test]
    fn revocation_is_final_and_may_reach_back() {
        let active = status(SealState::Active, 10);
        let reason = SealReason::KeyCompromise;
        let revoked = active.followed_by(SealState::Revoked, at(5), reason);
        let revoked = revoked.expect("reaches back");
        let back = revoked.followed_by(SealState::Active, at(50), reason);
        assert_eq!(back, Err(SealStatusError::Final));
        let earlier = active.followed_by(SealState::Suspended, at(5), reason);
        assert_eq!(earlier, Err(SealStatusError::Backwards));
    }

    #[test]
    fn malformed_statuses_are_refused() {
        let good = status(SealState::Active, 0);
        assert_eq!(good.check(), Ok(()));
        let cases = [
            ("AB".repeat(32), "id".to_owned(), SealStatusError::Digest),
            ("ab".repeat(31), "id".to_owned(), SealStatusError::Digest),
            (good.seal_sm3.clone(), String::new(), SealStatusError::EsId),
            (
                good.seal_sm3.clone(),
                "a\nb".to_owned(),
                SealStatusError::EsId,
            ),
        ];
        for (seal_sm3, es_id, expected) in cases {
            let wrong = SealStatus {
                seal_sm3,
                es_id,
                ..good.clone()
            };
            assert_eq!(wrong.check(), Err(expected));
        }
        let mut much = good;
        let (from, until) = (at(0), at(1));
        much.suspensions = vec![Suspension { from, until }; SUSPENSIONS_MAX + 1];
        assert_eq!(much.check(), Err(SealStatusError::Suspensions));
    }
}
