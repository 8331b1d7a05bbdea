//! The status of a seal that nobody pushed: asked of the home node, kept with its age.

use bytes::Bytes;
use certs::verify::{VerifyOptions, verify_file};
use chrono::Duration;
use hub::seals::verify_posted;
use hub::store::StoreError;
use hub::store::seal_statuses::{self, KeptStatus};
use schemas::leaf::Activity;
use schemas::seal_status::{SealReason, SealState, SealStatus};
use schemas::verdict::{CheckResult, FindingCode, Outcome, Profile, SealUse, Verdict};
use tests::{SICHUAN, TestHub, ZHEJIANG, caller, noon};

use super::revoked::delivered;

fn seal(hub: &TestHub) -> SealUse {
    let (node, file) = (hub.node(SICHUAN), hub.items[0].file.as_ref());
    let verdict = verify_file(
        file.expect("a file"),
        &node.trust(),
        &VerifyOptions::at(noon()),
    );
    verdict.signatures[0].seal.clone().expect("a seal")
}

pub(super) async fn posted(hub: &TestHub) -> Verdict {
    let file = hub.items[0].file.clone().expect("a file");
    let node = hub.node(SICHUAN);
    let verdict = verify_posted(node, &caller(), Bytes::from(file), Profile::Licence).await;
    Verdict::clone(&verdict.expect("a verdict"))
}

/// The line about the seal's status.
fn line(verdict: &Verdict) -> (CheckResult, String) {
    let mut checks = verdict.signatures[0].checks.iter();
    let found = checks.find(|check| check.code == FindingCode::SealRevoked);
    let found = found.expect("a line");
    (found.result, found.detail.clone())
}

/// Puts a status into Zhejiang's register without telling anybody.
async fn keep_silently(hub: &TestHub, status: SealState) {
    let (node, seal) = (hub.node(ZHEJIANG), seal(hub));
    let kept = KeptStatus {
        status: SealStatus {
            seal_sm3: seal.seal_sm3,
            es_id: seal.es_id,
            status,
            since: noon() - Duration::days(20 * 365),
            reason: SealReason::Unspecified,
            suspensions: Vec::new(),
        },
        serial: 1,
    };
    let kept = &kept;
    let done: Result<(), StoreError> = node
        .store
        .run_tx("test", |tx| {
            Box::pin(async move {
                seal_statuses::put(tx, kept, noon()).await?;
                node.log
                    .append(tx, node.leaf(Activity::Trust), None)
                    .await?;
                Ok(())
            })
        })
        .await;
    done.expect("kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seal_that_nobody_pushed_is_asked_of_its_home_node() {
    let hub = TestHub::start(1, 1).await;
    hub.sync().await;
    keep_silently(&hub, SealState::Active).await;
    let (result, detail) = line(&delivered(&hub).await);
    assert_eq!(result, CheckResult::Pass, "{detail}");
    assert!(
        detail.contains("says its home node zhejiang, asked"),
        "{detail}"
    );
    assert!(detail.contains("(0 s ago)"), "{detail}");
    // Without an entry the file's own signed identifier says whose home it is; one question is
    // enough for all files with this seal, and its age is told.
    hub.clock.advance(Duration::seconds(60));
    let (result, detail) = line(&posted(&hub).await);
    assert_eq!(result, CheckResult::Pass, "{detail}");
    assert!(detail.contains("(60 s ago)"), "{detail}");
    for name in [SICHUAN, ZHEJIANG] {
        let asked = hub.leaves(name, "seal_status", "*").await;
        assert_eq!(asked, 1, "{name}");
        let active = hub.leaves(name, "seal_status", "SEAL_ACTIVE").await;
        assert_eq!(active, 1, "{name}");
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_home_nodes_answer_can_end_a_seal() {
    let hub = TestHub::start(1, 1).await;
    hub.sync().await;
    keep_silently(&hub, SealState::Suspended).await;
    let verdict = posted(&hub).await;
    assert_eq!(verdict.verdict, Outcome::Invalid);
    assert_eq!(verdict.code, Some(FindingCode::SealRevoked));
    assert_eq!(line(&verdict).0, CheckResult::Fail);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_node_that_keeps_no_status_or_is_away_changes_no_verdict() {
    let mut hub = TestHub::start(1, 1).await;
    hub.sync().await;
    let verdict = posted(&hub).await;
    assert!(verdict.is_valid());
    let (result, detail) = line(&verdict);
    assert_eq!(result, CheckResult::Skip);
    assert!(detail.contains("zhejiang keeps no status"), "{detail}");
    assert!(verdict.warnings.is_empty(), "{:?}", verdict.warnings);
    hub.stop_node(ZHEJIANG).await;
    // A restarted node remembers no answer.
    hub.stop_node(SICHUAN).await;
    hub.start_node(SICHUAN).await;
    let verdict = posted(&hub).await;
    assert!(verdict.is_valid());
    assert_eq!(verdict.warnings, [FindingCode::RevocationUnknown]);
    let timeouts = hub.leaves(SICHUAN, "seal_status", "PEER_TIMEOUT").await;
    assert_eq!(timeouts, 1);
    hub.stop().await;
}
