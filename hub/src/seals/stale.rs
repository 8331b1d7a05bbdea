//! A node that has lost contact goes on verifying with what it knows, and says how old that is.

use std::sync::Arc;

use chrono::Duration;
use schemas::verdict::{CheckResult, FindingCode, Verdict};

use crate::node::Node;
use crate::trust::TrustAge;

/// The verdict, with a warning when this node has not heard for long what is trusted. It is added
/// to each answer and is in no cache: how old something is changes with every answer.
pub(super) fn said(node: &Node, verdict: Arc<Verdict>) -> Arc<Verdict> {
    let hours = node.config.revocation.trust_stale_h;
    let age = node.trust.age(node.clock.now());
    match age.filter(|_| hours > 0) {
        Some(age) if age.age > Duration::hours(hours.into()) => Arc::new(verdict.with_warning(
            FindingCode::TrustStale,
            CheckResult::Unknown,
            text(&age),
        )),
        _ => verdict,
    }
}

fn text(age: &TrustAge) -> String {
    let (hours, minutes) = (age.age.num_hours(), age.age.num_minutes() % 60);
    let since = age.since.to_rfc3339();
    if age.is_seen {
        format!("what is trusted is as of {since}, {hours} h {minutes} min ago")
    } else {
        format!(
            "nothing was heard since the start of this node, {since}, {hours} h {minutes} min ago: \
             what is trusted is older"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_told_in_hours_and_minutes() {
        let since = chrono::DateTime::from_timestamp(1_790_000_000, 0).expect("in range");
        let age = |is_seen| TrustAge {
            since,
            age: Duration::minutes(26 * 60 + 7),
            is_seen,
        };
        assert!(text(&age(true)).ends_with("as of 2026-09-21T14:13:20+00:00, 26 h 7 min ago"));
        assert!(text(&age(false)).contains("since the start of this node"));
    }
}
