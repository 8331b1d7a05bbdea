//! When a PDF was signed, and what is known of its signer since: now, by a timestamp over the
//! signature, and by one over the whole file.

use chrono::Duration;
use schemas::verdict::{CheckResult, FindingCode, Outcome, Verdict};

use super::{base, now};
use crate::mint::pdf::{PdfSignature, sign_pdf};
use crate::mint::signed_data::sign_detached;
use crate::mint::timestamp::{stamp, stamp_cms};
use crate::testing::{Authority, CertificateSpec, CrlSpec, instant};
use crate::trust::TrustStore;
use crate::verify::{VerifyOptions, verify_file};

pub(super) const SIGNED: &str = "20260601020304Z";
/// Half a minute later.
const STAMPED: &str = "20260601020334Z";
pub(super) const SERIAL: u8 = 7;

/// A root, a signer and an authority that stamps times.
pub(super) struct Scene {
    pub(super) root: Authority,
    pub(super) signer: Authority,
    pub(super) stamper: Authority,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with_signer("20260101000000Z", "20260901000000Z")
    }

    /// With a signer's certificate of this period; now is 2026-11-21.
    pub(super) fn with_signer<'a>(not_before: &'a str, not_after: &'a str) -> Self {
        let root = Authority::root("Root CA", 1);
        let spec = CertificateSpec {
            serial: SERIAL,
            not_before,
            not_after,
            ..CertificateSpec::signer("Office")
        };
        let (signer, stamper) = (root.issue(&spec, 2), root.stamper("Stamper", 3));
        Self {
            root,
            signer,
            stamper,
        }
    }

    fn cms(&self, parts: &[&[u8]]) -> Vec<u8> {
        sign_detached(&self.signer.credential(), parts, instant(SIGNED)).unwrap()
    }

    pub(super) fn signed(&self) -> Vec<u8> {
        let sign = |parts: &[&[u8]]| Ok(self.cms(parts));
        sign_pdf(&base(&[]), &PdfSignature::default(), sign).unwrap()
    }

    /// Signed, with a timestamp of `by` over the signature.
    fn stamped_by(&self, by: &Authority, at: &str) -> Vec<u8> {
        let by = by.credential();
        let make = |value: &[u8]| stamp(&by, &[value], instant(at));
        let sign = |parts: &[&[u8]]| stamp_cms(&self.cms(parts), make);
        sign_pdf(&base(&[]), &PdfSignature::default(), sign).unwrap()
    }

    fn stamped(&self, at: &str) -> Vec<u8> {
        self.stamped_by(&self.stamper, at)
    }

    pub(super) fn trust(&self, lists: &[CrlSpec]) -> TrustStore {
        let mut trust = TrustStore::empty();
        trust
            .add_certificate(self.root.certificate().der())
            .unwrap();
        for list in lists {
            trust.add_crl(&self.root.crl(list)).unwrap();
        }
        trust
    }

    #[track_caller]
    fn check(&self, file: &[u8], lists: &[CrlSpec], expected: Option<FindingCode>) -> Verdict {
        let verdict = verify_file(file, &self.trust(lists), &VerifyOptions::at(now()));
        assert_eq!(verdict.code, expected, "{verdict:#?}");
        verdict
    }
}

/// A document timestamp over the whole file.
fn document_stamped(file: &[u8], field: &str, by: &Authority, at: &str) -> Vec<u8> {
    let plan = PdfSignature {
        field,
        sub_filter: "ETSI.RFC3161",
        ..PdfSignature::default()
    };
    let by = by.credential();
    sign_pdf(file, &plan, |parts| stamp(&by, parts, instant(at))).unwrap()
}

fn revoked(date: &'static str) -> [CrlSpec; 1] {
    [CrlSpec {
        revoked: vec![(SERIAL, date)],
        ..CrlSpec::default()
    }]
}

/// Older than the end of every certificate here.
fn nothing_revoked() -> [CrlSpec; 1] {
    [CrlSpec::default()]
}

#[test]
fn a_certificate_that_has_ended_needs_a_proof() {
    let scene = Scene::new();
    let lists = nothing_revoked();
    let open = Some(FindingCode::OutOfBoundsNoPoe);
    let verdict = scene.check(&scene.signed(), &lists, open);
    assert_eq!(verdict.verdict, Outcome::Indeterminate);
    let verdict = scene.check(&scene.stamped(STAMPED), &lists, None);
    assert_eq!(verdict.signatures[0].signed_at, Some(instant(STAMPED)));
    scene.check(&scene.stamped("20260901000000Z"), &lists, None);
    scene.check(&scene.stamped("20260901000001Z"), &lists, open);
    let scene = Scene::with_signer("20260101000000Z", "20261201000000Z");
    scene.check(&scene.signed(), &lists, None);
}

#[test]
fn a_certificate_that_has_not_begun() {
    let scene = Scene::with_signer("20261201000000Z", "20280101000000Z");
    let lists = nothing_revoked();
    let open = Some(FindingCode::OutOfBoundsNoPoe);
    scene.check(&scene.signed(), &lists, open);
    // Proof that it was signed before there was such a certificate.
    let verdict = scene.check(
        &scene.stamped(STAMPED),
        &lists,
        Some(FindingCode::TimestampOrderFailure),
    );
    assert_eq!(verdict.verdict, Outcome::Invalid);
}

#[test]
fn a_revoked_certificate_needs_a_proof_of_before() {
    let scene = Scene::with_signer("20260101000000Z", "20280101000000Z");
    let open = Some(FindingCode::RevokedNoPoe);
    let lists = revoked("20260701000000Z");
    let verdict = scene.check(&scene.signed(), &lists, open);
    assert_eq!(verdict.verdict, Outcome::Indeterminate);
    scene.check(&scene.stamped(STAMPED), &lists, None);
    scene.check(&scene.stamped("20260701000000Z"), &lists, open);
    let before = revoked("20260501000000Z");
    scene.check(&scene.signed(), &before, open);
    scene.check(&scene.stamped(STAMPED), &before, open);
}

#[test]
fn a_timestamp_over_the_whole_file_proves_all_before_it() {
    let scene = Scene::new();
    let lists = nothing_revoked();
    let stamped = document_stamped(&scene.signed(), "b", &scene.stamper, STAMPED);
    let verdict = scene.check(&stamped, &lists, None);
    let coverage: Vec<_> = verdict
        .signatures
        .iter()
        .map(|one| one.coverage.as_str())
        .collect();
    assert_eq!(coverage, ["ENTIRE_REVISION", "ENTIRE_FILE"]);
    scene.check(&stamped, &revoked("20260701000000Z"), None);
    let revoked_before = revoked("20260501000000Z");
    scene.check(&stamped, &revoked_before, Some(FindingCode::RevokedNoPoe));
    // Too late, and by somebody whom nobody trusts.
    let open = Some(FindingCode::OutOfBoundsNoPoe);
    let late = document_stamped(&scene.signed(), "b", &scene.stamper, "20260901000001Z");
    scene.check(&late, &lists, open);
    let stranger = Authority::root("Other CA", 9).stamper("Stamper", 3);
    let unknown = document_stamped(&scene.signed(), "b", &stranger, STAMPED);
    scene.check(&unknown, &lists, Some(FindingCode::NoCertificateChainFound));
    // What comes after the timestamp is not proven by it.
    let early = document_stamped(&base(&[]), "b", &scene.stamper, STAMPED);
    let sign = |parts: &[&[u8]]| Ok(scene.cms(parts));
    let after = sign_pdf(&early, &PdfSignature::default(), sign).unwrap();
    scene.check(&after, &lists, open);
}

#[test]
fn a_later_timestamp_keeps_an_older_one() {
    let scene = Scene::new();
    let lists = nothing_revoked();
    let old = CertificateSpec {
        serial: 61,
        not_after: "20261001000000Z",
        ..CertificateSpec::stamper("Old stamper")
    };
    let old = scene.root.issue(&old, 4);
    let expired = Some(FindingCode::OutOfBoundsNoPoe);
    for file in [
        document_stamped(&scene.signed(), "b", &old, STAMPED),
        scene.stamped_by(&old, STAMPED),
    ] {
        scene.check(&file, &lists, expired);
        let kept = document_stamped(&file, "c", &scene.stamper, "20260930000000Z");
        scene.check(&kept, &lists, None);
        let too_late = document_stamped(&file, "c", &scene.stamper, "20261001000001Z");
        scene.check(&too_late, &lists, expired);
    }
}

#[test]
fn timestamps_are_in_order() {
    let scene = Scene::with_signer("20260101000000Z", "20280101000000Z");
    let lists = nothing_revoked();
    let order = Some(FindingCode::TimestampOrderFailure);
    // Said to be signed after it was stamped, by more than a difference of clocks.
    scene.check(&scene.stamped("20260601015304Z"), &lists, None);
    scene.check(&scene.stamped("20260601015303Z"), &lists, order);
    // Stamped after the whole file was.
    let later = scene.stamped("20260701000000Z");
    let file = document_stamped(&later, "b", &scene.stamper, "20260630235000Z");
    scene.check(&file, &lists, None);
    let file = document_stamped(&later, "b", &scene.stamper, "20260630234959Z");
    scene.check(&file, &lists, order);
    let twice = document_stamped(&scene.signed(), "b", &scene.stamper, "20260701000000Z");
    let twice = document_stamped(&twice, "c", &scene.stamper, "20260630234959Z");
    scene.check(&twice, &lists, order);
}

#[test]
fn a_broken_timestamp_is_never_passed_over() {
    let scene = Scene::with_signer("20260101000000Z", "20280101000000Z");
    let lists = nothing_revoked();
    let order = Some(FindingCode::TimestampOrderFailure);
    let other = stamp(&scene.stamper.credential(), &[b"other"], instant(STAMPED)).unwrap();
    for token in [other, vec![0x30, 0]] {
        let sign = |parts: &[&[u8]]| stamp_cms(&scene.cms(parts), |_| Ok(token.clone()));
        let file = sign_pdf(&base(&[]), &PdfSignature::default(), sign).unwrap();
        let verdict = scene.check(&file, &lists, order);
        assert_eq!(verdict.verdict, Outcome::Invalid);
    }
    // One that nobody trusts is as good as none.
    let stranger = Authority::root("Other CA", 9).stamper("Stamper", 3);
    let file = scene.stamped_by(&stranger, STAMPED);
    let verdict = scene.check(&file, &lists, None);
    assert_eq!(verdict.warnings, [FindingCode::TimestampOrderFailure]);
    let ended = Scene::new();
    let file = ended.stamped_by(&stranger, STAMPED);
    ended.check(&file, &lists, Some(FindingCode::OutOfBoundsNoPoe));
}

#[test]
fn an_encryption_certificate_does_not_sign() {
    let scene = Scene::new();
    for (usage, expected) in [
        (&[2, 3][..], Some(FindingCode::ChainConstraintsFailure)),
        (&[2, 3, 4], Some(FindingCode::ChainConstraintsFailure)),
        (&[0, 1], None),
    ] {
        // The pair of GM/T 0015: two keys of one name.
        let spec = CertificateSpec {
            serial: SERIAL,
            usage: Some(usage),
            ..CertificateSpec::signer("Office")
        };
        let signer = scene.root.issue(&spec, 2);
        let sign = |parts: &[&[u8]]| sign_detached(&signer.credential(), parts, instant(SIGNED));
        let file = sign_pdf(&base(&[]), &PdfSignature::default(), sign).unwrap();
        scene.check(&file, &nothing_revoked(), expected);
    }
}

#[test]
fn stale_and_missing_lists() {
    let scene = Scene::with_signer("20260101000000Z", "20280101000000Z");
    let list = |this_update, next_update| {
        [CrlSpec {
            this_update,
            next_update,
            ..CrlSpec::default()
        }]
    };
    let stale = Some(FindingCode::TryLater);
    let old = list("20260101000000Z", "20260701000000Z");
    scene.check(&scene.signed(), &old, stale);
    let verdict = scene.check(&scene.signed(), &[], None);
    assert_eq!(verdict.warnings, [FindingCode::RevocationUnknown]);
    let unknown = verdict.signatures[0].checks.iter();
    let mut unknown = unknown.filter(|check| check.code == FindingCode::RevocationUnknown);
    assert!(unknown.all(|check| check.result == CheckResult::Unknown));
    let mut options = VerifyOptions::at(now());
    options.revocation.unknown = crate::revocation::UnknownStatus::Indeterminate;
    let verdict = verify_file(&scene.signed(), &scene.trust(&[]), &options);
    assert_eq!(verdict.code, stale);
    options.revocation.max_age = Some(Duration::days(30));
    let fresh = list("20261023000000Z", "20270101000000Z");
    let verdict = verify_file(&scene.signed(), &scene.trust(&fresh), &options);
    assert_eq!(verdict.code, None);
    let older = list("20261020000000Z", "20270101000000Z");
    let verdict = verify_file(&scene.signed(), &scene.trust(&older), &options);
    assert_eq!(verdict.code, stale);
}
