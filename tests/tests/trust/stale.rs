//! A node without contact to the topic keeps working and says how old its trust is.

use chrono::Duration;
use schemas::verdict::{FindingCode, Verdict};
use tests::{SICHUAN, TestHub, eventually};

use super::seals::posted;

fn said(verdict: &Verdict) -> Option<&str> {
    let is_stale = verdict.warnings.contains(&FindingCode::TrustStale);
    let mut lines = verdict.checks.iter();
    let line = lines.find(|check| check.code == FindingCode::TrustStale);
    assert_eq!(line.is_some(), is_stale);
    line.map(|line| line.detail.as_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_keeps_working_and_says_how_old_its_trust_is() {
    let hub = TestHub::start(1, 1).await;
    eventually("the topic is seen to its end", async || {
        let report = hub::trust::report(hub.node(SICHUAN)).await;
        report.expect("a report").seen_at.is_some()
    })
    .await;
    assert_eq!(said(&posted(&hub).await), None);
    // The node looks at its bus every five seconds, and may do so just between these two lines:
    // then it is up to date again. It does not happen three times.
    let mut told = None;
    for _ in 0..3 {
        hub.clock.advance(Duration::hours(26));
        let verdict = posted(&hub).await;
        assert!(verdict.is_valid(), "{verdict:?}");
        told = said(&verdict).map(str::to_owned).or(told);
    }
    let told = told.expect("the age of the trust");
    assert!(told.contains("what is trusted is as of"), "{told}");
    eventually("contact is there again", async || {
        said(&posted(&hub).await).is_none()
    })
    .await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_age_is_not_told_where_the_operator_does_not_want_it() {
    let mut hub = TestHub::start(1, 1).await;
    hub.restart_with(SICHUAN, |config| config.revocation.trust_stale_h = 0)
        .await;
    hub.clock.advance(Duration::hours(26));
    assert_eq!(said(&posted(&hub).await), None);
    hub.stop().await;
}
