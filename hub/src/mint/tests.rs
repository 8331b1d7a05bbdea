//! What is minted, verified: good files are valid, each fault is found.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use certs::mint::certificate::{Revocation, Validity};
use certs::mint::pki::DevelopmentPki;
use certs::trust::TrustStore;
use certs::verify::{ExpectedEntry, RevocationPolicy, VerifyOptions, verify_file};
use chrono::{DateTime, Duration, Utc};
use clap::ValueEnum as _;
use schemas::entry::{Entry, SourceEntry};
use schemas::licence_type::LicenceTypes;
use schemas::quality::check_entry;
use schemas::region::ProvinceCode;
use schemas::verdict::{Outcome, Profile, SealVersion, SignatureKind, Verdict};

use super::{
    Layout, LibraryPlan, MintError, MintOptions, SealKit, Spoil, mint_file, mint_library,
    mint_licence, sample_entries, write_library,
};

/// One PKI and one authority for all tests of this file.
struct Fixture {
    pki: DevelopmentPki,
    kit: SealKit,
    entry: Entry,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let pki = DevelopmentPki::mint("证照枢纽开发", signed_at()).unwrap();
    let source = sample_entries(3, zhejiang(), 7).unwrap().pop().unwrap();
    let days = Duration::days(400);
    let validity = Validity {
        from: signed_at() - days,
        until: signed_at() + days,
    };
    let kit = SealKit::new(&pki, &source.issuer_name, &source.issuer_code, validity).unwrap();
    Fixture {
        pki,
        kit,
        entry: source.into_entry("zhejiang", 1, None).unwrap(),
    }
});

fn signed_at() -> DateTime<Utc> {
    "2026-06-01T02:03:04Z".parse().unwrap()
}

fn zhejiang() -> ProvinceCode {
    ProvinceCode::parse("33").unwrap()
}

fn trust(revoked: &[Revocation]) -> TrustStore {
    let pki = &FIXTURE.pki;
    let mut trust = TrustStore::empty();
    for credential in [pki.root(), pki.issuing(), pki.maker()] {
        trust.add_certificate(credential.certificate()).unwrap();
    }
    let (from, until) = (signed_at(), signed_at() + Duration::days(365));
    trust.add_crl(&pki.root_crl(from, until).unwrap()).unwrap();
    trust
        .add_crl(&pki.crl(revoked, from, until).unwrap())
        .unwrap();
    trust
}

fn verify(file: &[u8], revoked: &[Revocation]) -> Verdict {
    let types = LicenceTypes::builtin();
    let licence_type = types.find(&FIXTURE.entry.public.type_code).unwrap();
    let options = VerifyOptions {
        at: signed_at() + Duration::days(60),
        profile: Profile::Licence,
        revocation: RevocationPolicy::WarnWhenUnknown,
        expected: Some(ExpectedEntry {
            entry: &FIXTURE.entry,
            required_metadata: &licence_type.required_metadata,
        }),
    };
    verify_file(file, &trust(revoked), &options)
}

fn options(kind: SignatureKind, version: SealVersion, spoil: Option<Spoil>) -> MintOptions {
    MintOptions {
        layout: Layout::Portrait,
        kind,
        version,
        at: signed_at(),
        spoil,
        scan_bytes: 0,
    }
}

#[track_caller]
fn check_good(layout: Layout, kind: SignatureKind, version: SealVersion) {
    let options = MintOptions {
        layout,
        ..options(kind, version, None)
    };
    let file = mint_file(&FIXTURE.entry, &FIXTURE.kit, &options).unwrap();
    let verdict = verify(&file, &[]);
    assert_eq!(verdict.verdict, Outcome::Valid, "{verdict:#?}");
    assert!(verdict.warnings.is_empty(), "{:?}", verdict.warnings);
    let signature = verdict.signatures.first().unwrap();
    assert_eq!(signature.kind, kind);
    assert_eq!(signature.coverage, "whole");
    assert_eq!(signature.signed_at, Some(signed_at()));
    if kind == SignatureKind::Seal {
        assert_eq!(signature.seal_version, Some(version));
    }
}

#[test]
fn a_scan_makes_a_file_larger_and_is_sealed_with_it() {
    let scan_bytes = 100_000;
    let options = MintOptions {
        scan_bytes,
        ..options(SignatureKind::Seal, SealVersion::V4, None)
    };
    let mut file = mint_file(&FIXTURE.entry, &FIXTURE.kit, &options).unwrap();
    assert!(file.len() > scan_bytes, "{}", file.len());
    let verdict = verify(&file, &[]);
    assert_eq!(verdict.verdict, Outcome::Valid, "{verdict:#?}");
    assert!(verdict.warnings.is_empty(), "{:?}", verdict.warnings);
    // In the middle of the scan, which is most of the file and cannot be compressed.
    let middle = file.len() / 2;
    file[middle] ^= 1;
    assert_eq!(verify(&file, &[]).verdict, Outcome::Invalid);
}

#[track_caller]
fn check_spoiled(spoil: Spoil, kind: SignatureKind, version: SealVersion) {
    let options = options(kind, version, Some(spoil));
    let file = mint_file(&FIXTURE.entry, &FIXTURE.kit, &options).unwrap();
    let revoked = Revocation {
        serial: FIXTURE.kit.signer().serial().to_vec(),
        since: signed_at() - Duration::days(10),
    };
    let revoked = if spoil == Spoil::RevokedSigner {
        vec![revoked]
    } else {
        Vec::new()
    };
    let verdict = verify(&file, &revoked);
    let (outcome, code) = spoil.expected();
    assert_eq!(
        verdict.verdict, outcome,
        "{spoil:?} {kind:?} {version:?} {verdict:#?}"
    );
    if outcome == Outcome::Valid {
        assert!(
            verdict.warnings.contains(&code),
            "{spoil:?} {:?}",
            verdict.warnings
        );
    } else {
        assert_eq!(
            verdict.code,
            Some(code),
            "{spoil:?} {kind:?} {version:?} {verdict:#?}"
        );
    }
}

#[test]
fn every_layout_version_and_kind_is_valid() {
    for layout in [Layout::Portrait, Layout::Landscape] {
        for version in [SealVersion::V1, SealVersion::V4, SealVersion::V5] {
            check_good(layout, SignatureKind::Seal, version);
        }
        check_good(layout, SignatureKind::Sign, SealVersion::V4);
    }
}

#[test]
fn every_fault_of_a_seal_is_found() {
    for spoil in Spoil::value_variants() {
        // What is not about the seal is the same code for each of its layouts.
        let versions: &[SealVersion] = if spoil.is_about_seals() {
            &[SealVersion::V1, SealVersion::V4, SealVersion::V5]
        } else {
            &[SealVersion::V4]
        };
        for version in versions {
            check_spoiled(*spoil, SignatureKind::Seal, *version);
        }
    }
}

#[test]
fn every_fault_of_a_plain_signature_is_found() {
    for spoil in Spoil::value_variants()
        .iter()
        .filter(|spoil| !spoil.is_about_seals())
    {
        check_spoiled(*spoil, SignatureKind::Sign, SealVersion::V4);
    }
    let seal_fault = options(
        SignatureKind::Sign,
        SealVersion::V4,
        Some(Spoil::ExpiredSeal),
    );
    let refused = mint_file(&FIXTURE.entry, &FIXTURE.kit, &seal_fault);
    assert!(matches!(refused, Err(MintError::Unsuitable(_))));
}

#[test]
fn the_same_input_gives_the_same_file() {
    let Fixture { kit, entry, .. } = &*FIXTURE;
    let mint =
        || mint_licence(entry, Layout::Landscape, kit, SealVersion::V4, signed_at()).unwrap();
    assert_eq!(mint(), mint());
}

#[test]
fn sample_entries_meet_the_quality_rules() {
    let types = LicenceTypes::builtin();
    let entries = sample_entries(200, zhejiang(), 7).unwrap();
    let identifiers: BTreeSet<&str> = entries
        .iter()
        .map(|entry| entry.identifier.as_str())
        .collect();
    assert_eq!(identifiers.len(), entries.len());
    assert!(entries == sample_entries(200, zhejiang(), 7).unwrap());
    assert!(entries != sample_entries(200, zhejiang(), 8).unwrap());
    for entry in entries {
        let entry = entry.into_entry("zhejiang", 1, None).unwrap();
        let faults = check_entry(&entry, &types, &[zhejiang()]);
        assert!(faults.is_empty(), "{faults:?}");
    }
}

#[test]
fn a_written_library_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let plan = LibraryPlan {
        province: zhejiang(),
        licences: 6,
        files: 2,
        seed: 7,
        kind: SignatureKind::Seal,
        version: SealVersion::V4,
        spoil: None,
        scan_bytes: 0,
        at: signed_at(),
    };
    let (items, kits) = mint_library(&plan, &FIXTURE.pki).unwrap();
    write_library(dir.path(), &items).unwrap();
    assert_eq!(kits.len(), 2);
    let lines = std::fs::read(dir.path().join("entries.jsonl")).unwrap();
    let read: Vec<SourceEntry> = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| SourceEntry::parse_line(line).unwrap())
        .collect();
    assert!(
        read.iter()
            .zip(&items)
            .all(|(read, item)| *read == item.entry)
    );
    assert_eq!(read.len(), 6);
    for item in &items {
        assert_eq!(item.entry.file.is_some(), item.file.is_some());
        if let (Some(name), Some(bytes)) = (&item.entry.file, &item.file) {
            assert_eq!(
                &std::fs::read(dir.path().join("files").join(name)).unwrap(),
                bytes
            );
        }
    }
    assert_eq!(items.iter().filter(|item| item.file.is_some()).count(), 2);
}
