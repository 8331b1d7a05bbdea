//! A revocation changes the next verdict although everything is warm, on another node than where
//! it was made.

use hub::directory;
use hub::refusal::Refusal;
use hub::seals::{StatusWanted, change_status_once};
use schemas::seal_status::{SealReason, SealState};
use schemas::status::LicenceStatus;
use schemas::trust_item::{ItemState, TrustContent};
use schemas::verdict::{FindingCode, Outcome, Verdict};
use tests::operator::contents_of;
use tests::{SICHUAN, TestHub, ZHEJIANG, caller, eventually, noon};

/// Delivered twice: whatever can be remembered is.
async fn warmed() -> TestHub {
    let hub = TestHub::start(1, 1).await;
    hub.sync().await;
    for _ in 0..2 {
        delivered(&hub).await;
    }
    hub
}

pub(super) async fn delivered(hub: &TestHub) -> Verdict {
    let delivery = hub.deliver(&hub.identifier(0)).await.expect("delivered");
    delivery.verdict().clone()
}

async fn refused(hub: &TestHub, code: FindingCode, outcome: Outcome) {
    match hub.deliver(&hub.identifier(0)).await {
        Err(Refusal::NotDelivered {
            code: found,
            verdict,
        }) => assert_eq!((found, verdict.verdict), (code, outcome)),
        other => panic!("{other:?} where {code:?} was expected"),
    }
}

fn the_only(kind: &str, contents: Vec<TrustContent>) -> TrustContent {
    let mut found = contents.into_iter().filter(|one| one.kind() == kind);
    let first = found.next().expect("one");
    assert_eq!(found.next(), None, "one {kind}");
    first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_signer() {
    let hub = warmed().await;
    let folder = hub.folder_with_revoked_signers();
    for list in contents_of(&folder.path().join("trust")) {
        if list.kind() == "crl" {
            hub.operator_says(list, ItemState::Listed, 1).await;
        }
    }
    refused(&hub, FindingCode::SignerRevoked, Outcome::Invalid).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_maker_and_a_withdrawn_authority() {
    let hub = warmed().await;
    let contents = || contents_of(&hub.folder.path().join("trust"));
    let maker = the_only("maker", contents());
    let withdrawn = ItemState::Withdrawn;
    hub.operator_says(maker.clone(), withdrawn, 1).await;
    refused(&hub, FindingCode::UntrustedMaker, Outcome::Indeterminate).await;
    hub.operator_says(maker, ItemState::Listed, 2).await;
    delivered(&hub).await;
    let issuing = the_only("intermediate", contents());
    hub.operator_says(issuing, withdrawn, 1).await;
    refused(&hub, FindingCode::Untrusted, Outcome::Indeterminate).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_seal() {
    let hub = warmed().await;
    let verdict = delivered(&hub).await;
    let seal = verdict.signatures[0].seal.clone().expect("a seal");
    let signed_at = verdict.signatures[0].signed_at.expect("a time");
    let mut wanted = StatusWanted {
        es_id: seal.es_id,
        status: SealState::Suspended,
        since: Some(signed_at + chrono::Duration::seconds(1)),
        reason: SealReason::Investigation,
    };
    let zhejiang = hub.node(ZHEJIANG);
    let change = async |key: &str, wanted: &StatusWanted| {
        let agent = caller().agent();
        let before = hub.node(SICHUAN).trust.state().epoch;
        change_status_once(zhejiang, key, &seal.seal_sm3, wanted, &agent)
            .await
            .expect("the status changes");
        eventually("Sichuan hears of it", async || {
            hub.node(SICHUAN).trust.state().epoch > before
        })
        .await;
    };
    change("k-1", &wanted).await;
    let later = delivered(&hub).await;
    assert_eq!(later.verdict, Outcome::Valid, "signed before");
    assert!(later.warnings.contains(&FindingCode::SealRevoked));

    wanted.status = SealState::Revoked;
    wanted.since = Some(signed_at);
    change("k-2", &wanted).await;
    refused(&hub, FindingCode::SealRevoked, Outcome::Invalid).await;
    assert_eq!(hub.leaves(SICHUAN, "refuse", "SEAL_REVOKED").await, 1);
    assert_eq!(hub.leaves(ZHEJIANG, "trust", "OK").await, 2, "once each");
    assert!(signed_at < noon());
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_licence() {
    let hub = warmed().await;
    let (identifier, agent) = (hub.identifier(0), caller().agent());
    let status = LicenceStatus::Revoked;
    directory::change_status(hub.node(ZHEJIANG), &identifier, status, agent)
        .await
        .expect("the status changes");
    eventually("Sichuan hears of it", async || {
        let refused = hub.deliver(&identifier).await;
        matches!(refused, Err(Refusal::NotUsable { .. }))
    })
    .await;
    hub.stop().await;
}
