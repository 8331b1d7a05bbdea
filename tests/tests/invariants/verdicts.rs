//! Invariant 4: a verdict never depends on a cache being warm. Every test asks twice before
//! something changes, so that whatever can be remembered is.

use crate::attacks::pdf_scene;
use bytes::Bytes;
use certs::mint::certificate::{Usage, Validity};
use certs::mint::pdf::{PdfSignature, sign_pdf};
use certs::mint::signed_data::sign_detached;
use chrono::Duration;
use hub::refusal::Refusal;
use hub::{directory, seals};
use schemas::verdict::{FindingCode, Outcome, Profile, Verdict};
use tests::{SICHUAN, TestHub, caller, eventually};

/// Days for which the harness's revocation lists count.
const LISTS_DAYS: i64 = 365;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_ends_every_verdict_that_was_remembered() {
    let hub = TestHub::start(1, 1).await;
    warmed(&hub).await;
    let node = hub.node(SICHUAN);
    let trusted = node.trust();
    node.replace_trust(hub.trust_with_revoked_signers());
    refused(&hub, FindingCode::SignerRevoked, Outcome::Invalid).await;
    let posted = posted(&hub).await;
    assert_eq!(posted.code, Some(FindingCode::SignerRevoked));
    assert_eq!(hub.leaves(SICHUAN, "refuse", "SIGNER_REVOKED").await, 1);
    node.replace_trust((*trusted).clone());
    hub.deliver(&hub.identifier(0))
        .await
        .expect("trusted again");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_revision_is_compared_anew() {
    let mut hub = TestHub::start(1, 1).await;
    warmed(&hub).await;
    // The directory's number changes, the file with the old one in it does not.
    hub.items[0].entry.number.push_str("-2");
    hub.write_library();
    assert_eq!(hub.sync().await.changed, 1);
    let identifier = hub.identifier(0);
    eventually("the change is announced", async || {
        let answer = directory::lookup(hub.node(SICHUAN), &caller(), &identifier).await;
        answer
            .expect("an answer")
            .expect("found")
            .entry
            .public
            .revision
            == 2
    })
    .await;
    refused(&hub, FindingCode::MetaMismatch, Outcome::Invalid).await;
    assert!(
        posted(&hub).await.is_valid(),
        "the file itself is as good as before"
    );
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_is_as_of_now() {
    let hub = TestHub::start(1, 1).await;
    warmed(&hub).await;
    // The revocation lists of the harness count for a year.
    hub.clock.advance(Duration::days(366));
    refused(&hub, FindingCode::RevocationUnknown, Outcome::Indeterminate).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remembered_verdict_ends_with_the_list_that_it_rests_on() {
    let hub = TestHub::start(1, 1).await;
    // The revocation lists of the harness end after these days, at noon.
    hub.clock
        .advance(Duration::days(LISTS_DAYS) - Duration::seconds(30));
    for _ in 0..2 {
        assert!(posted(&hub).await.is_valid(), "the last half minute");
    }
    hub.clock.advance(Duration::seconds(90));
    let posted = posted(&hub).await;
    assert_eq!(posted.code, Some(FindingCode::RevocationUnknown));
    assert_eq!(posted.verdict, Outcome::Indeterminate);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remembered_verdict_ends_with_the_certificate_that_it_rests_on() {
    let hub = TestHub::start(1, 1).await;
    let now = hub::clock::Clock::now(&*hub.clock);
    let validity = Validity {
        from: now - Duration::days(1),
        until: now + Duration::seconds(30),
    };
    // The time of a signature in a PDF is its signer's word: now counts.
    let signer = hub
        .pki()
        .issue_signer("office", "91330106673959654P", validity, Usage::Signing)
        .expect("a signer");
    let sign = |parts: &[&[u8]]| sign_detached(&signer, parts, now);
    let plan = PdfSignature::default();
    let file = Bytes::from(sign_pdf(&pdf_scene::document(&[]), &plan, sign).expect("signed"));
    let ask = async || {
        let (node, file) = (hub.node(SICHUAN), file.clone());
        let verdict = seals::verify_posted(node, &caller(), file, Profile::Licence).await;
        verdict.expect("a verdict")
    };
    for _ in 0..2 {
        assert!(ask().await.is_valid(), "the last half minute");
    }
    hub.clock.advance(Duration::seconds(60));
    let verdict = ask().await;
    assert_eq!(verdict.code, Some(FindingCode::OutOfBoundsNoPoe));
    assert_eq!(verdict.verdict, Outcome::Indeterminate);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profiles_have_their_own_verdicts() {
    let hub = TestHub::start(1, 1).await;
    let file = Bytes::from(hub.items[0].file.clone().expect("a file"));
    for profile in [Profile::Licence, Profile::General, Profile::Licence] {
        let node = hub.node(SICHUAN);
        let verdict = seals::verify_posted(node, &caller(), file.clone(), profile).await;
        assert_eq!(verdict.expect("a verdict").profile, profile);
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_node_says_the_same() {
    let mut hub = TestHub::start(2, 2).await;
    warmed(&hub).await;
    let warm = posted(&hub).await;
    let other = hub.items[1].file.clone().expect("a file");
    let other = seals::verify_posted(
        hub.node(SICHUAN),
        &caller(),
        Bytes::from(other),
        Profile::Licence,
    )
    .await;
    assert_ne!(
        other.expect("a verdict").sm3,
        warm.sm3,
        "a verdict is about its file"
    );
    hub.stop_node(SICHUAN).await;
    hub.start_node(SICHUAN).await;
    let cold = posted(&hub).await;
    let text = |verdict: &Verdict| serde_json::to_string(verdict).expect("json");
    assert_eq!(text(&cold), text(&warm));
    hub.stop().await;
}

/// Registers everything and fills every cache with a good verdict.
async fn warmed(hub: &TestHub) {
    hub.sync().await;
    for _ in 0..2 {
        let delivery = hub.deliver(&hub.identifier(0)).await.expect("delivered");
        assert!(delivery.verdict().is_valid());
        assert!(posted(hub).await.is_valid());
    }
}

async fn posted(hub: &TestHub) -> std::sync::Arc<Verdict> {
    let file = Bytes::from(hub.items[0].file.clone().expect("a file"));
    seals::verify_posted(hub.node(SICHUAN), &caller(), file, Profile::Licence)
        .await
        .expect("a verdict")
}

async fn refused(hub: &TestHub, expected: FindingCode, outcome: Outcome) {
    let refusal = hub
        .deliver(&hub.identifier(0))
        .await
        .expect_err("not delivered");
    let Refusal::NotDelivered { code, verdict } = refusal else {
        panic!("{refusal:?}")
    };
    assert_eq!((code, verdict.verdict), (expected, outcome));
}
