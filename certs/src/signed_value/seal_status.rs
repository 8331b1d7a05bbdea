//! What the known statuses of a seal mean for a signature made with it: `SEAL_REVOKED`.
//!
//! As for certificates (ARCHITECTURE.md, Verdicts): signed at or after the beginning of a
//! revocation or suspension is `invalid`, signed before is good, with a warning. Nobody who could
//! say: `REVOCATION_UNKNOWN`, a warning.

use chrono::{DateTime, Utc};
use schemas::seal_status::{SealStanding, SealStatus};
use schemas::verdict::{CheckResult, Checks, FindingCode};

/// One thing that is known about a seal's status, or not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealEvidence {
    /// A status, and who says it.
    Status {
        /// The status.
        status: SealStatus,
        /// Who says it.
        source: StatusSource,
    },
    /// The home node was asked and keeps no status of this seal.
    NotKept {
        /// The home node.
        home: String,
        /// When it looked.
        as_of: DateTime<Utc>,
    },
    /// The home node was asked and has not answered.
    NoAnswer {
        /// The home node.
        home: String,
        /// Stable code of what went wrong.
        code: String,
    },
}

/// Who says what the status of a seal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusSource {
    /// The operator of all nodes.
    Operator,
    /// The home node, on its own accord.
    Home(String),
    /// The home node, when it was asked.
    Asked {
        /// The home node.
        home: String,
        /// When it looked.
        as_of: DateTime<Utc>,
    },
}

/// The checks that take the place of `SEAL_REVOKED` when something is known about the seal. `at`
/// is when the question is asked: it counts where the signing time cannot be read, and from it the
/// age of an answer is told.
#[must_use]
pub fn check_seal_status(
    evidence: &[SealEvidence],
    signed_at: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
) -> Checks {
    let mut checks = Checks::new();
    for one in evidence {
        match one {
            SealEvidence::Status { status, source } => {
                let standing = status.standing_at(signed_at.unwrap_or(at));
                check_standing(&mut checks, standing, &source_text(source, at));
            }
            SealEvidence::NotKept { home, as_of } => checks.skip(
                FindingCode::SealRevoked,
                format!(
                    "the home node {home} keeps no status of this seal, asked {}",
                    age_text(*as_of, at)
                ),
            ),
            SealEvidence::NoAnswer { home, code } => checks.warn(
                FindingCode::RevocationUnknown,
                CheckResult::Unknown,
                format!("the home node {home} did not say the seal's status: {code}"),
            ),
        }
    }
    let is_answered = checks
        .iter()
        .any(|check| check.code == FindingCode::SealRevoked);
    if !is_answered {
        let detail = "no status of this seal was supplied";
        checks.skip(FindingCode::SealRevoked, detail);
    }
    checks
}

fn check_standing(checks: &mut Checks, standing: SealStanding, source: &str) {
    const CODE: FindingCode = FindingCode::SealRevoked;
    match standing {
        SealStanding::Good => checks.pass(CODE, format!("the seal is active, {source}")),
        SealStanding::GoodThen { now, since } => checks.warn(
            CODE,
            CheckResult::Pass,
            format!(
                "signed before the seal was {}, {}, {source}",
                now.as_str(),
                since.to_rfc3339()
            ),
        ),
        SealStanding::Barred { state, since } => checks.fail(
            CODE,
            format!(
                "the seal was {} since {}, {source}",
                state.as_str(),
                since.to_rfc3339()
            ),
        ),
    }
}

fn source_text(source: &StatusSource, at: DateTime<Utc>) -> String {
    match source {
        StatusSource::Operator => "says the operator".to_owned(),
        StatusSource::Home(home) => format!("says its home node {home}"),
        StatusSource::Asked { home, as_of } => {
            format!("says its home node {home}, asked {}", age_text(*as_of, at))
        }
    }
}

fn age_text(as_of: DateTime<Utc>, at: DateTime<Utc>) -> String {
    let age_s = (at - as_of).num_seconds().max(0);
    format!("{} ({age_s} s ago)", as_of.to_rfc3339())
}

#[cfg(test)]
mod tests {
    use schemas::seal_status::{SealReason, SealState};
    use schemas::verdict::Outcome;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + second, 0).expect("in range")
    }

    fn status(status: SealState, source: StatusSource) -> SealEvidence {
        let status = SealStatus {
            seal_sm3: "ab".repeat(32),
            es_id: "1".to_owned(),
            status,
            since: at(100),
            reason: SealReason::Unspecified,
            suspensions: Vec::new(),
        };
        SealEvidence::Status { status, source }
    }

    #[track_caller]
    fn check(evidence: &[SealEvidence], signed: i64, outcome: Outcome, warning: &[FindingCode]) {
        let checks = check_seal_status(evidence, Some(at(signed)), at(1000));
        assert_eq!(checks.outcome(), outcome);
        assert_eq!(checks.warnings().collect::<Vec<_>>(), warning);
    }

    #[test]
    fn the_time_of_signing_decides() {
        let operator = || StatusSource::Operator;
        let revoked = [status(SealState::Revoked, operator())];
        check(&revoked, 100, Outcome::Invalid, &[]);
        check(&revoked, 99, Outcome::Valid, &[FindingCode::SealRevoked]);
        let suspended = [status(SealState::Suspended, operator())];
        check(&suspended, 100, Outcome::Invalid, &[]);
        check(
            &[status(SealState::Active, operator())],
            0,
            Outcome::Valid,
            &[],
        );
        let checks = check_seal_status(&revoked, None, at(1000));
        assert_eq!(checks.code(), Some(FindingCode::SealRevoked));
    }

    #[test]
    fn the_worse_of_two_statuses_counts() {
        let home = StatusSource::Home("zhejiang".to_owned());
        let both = [
            status(SealState::Active, home),
            status(SealState::Revoked, StatusSource::Operator),
        ];
        check(&both, 200, Outcome::Invalid, &[]);
    }

    #[test]
    fn who_does_not_answer_changes_no_verdict() {
        let home = "zhejiang".to_owned();
        let (code, as_of) = ("PEER_TIMEOUT".to_owned(), at(990));
        let silent = SealEvidence::NoAnswer {
            home: home.clone(),
            code,
        };
        check(
            &[silent],
            200,
            Outcome::Valid,
            &[FindingCode::RevocationUnknown],
        );
        let not_kept = SealEvidence::NotKept { home, as_of };
        check(std::slice::from_ref(&not_kept), 200, Outcome::Valid, &[]);
        let checks = check_seal_status(&[not_kept], None, at(1000));
        assert!(checks.iter().any(|one| one.detail.contains("(10 s ago)")));
        check(&[], 200, Outcome::Valid, &[]);
    }
}
