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
use schemas::ofd::container::{FileId, Package};
use schemas::quality::check_entry;
use schemas::region::ProvinceCode;
use schemas::verdict::{FileKind, FindingCode, Outcome, Profile, SealVersion, Verdict};

use super::{
    Format, Layout, LibraryPlan, MintError, MintOptions, SealKit, Spoil, mint_file, mint_library,
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
    let pki = pki.with_rsa(signed_at()).unwrap();
    let source = sample_entries(3, zhejiang(), 7).unwrap().pop().unwrap();
    let days = Duration::days(400);
    let validity = Validity {
        from: signed_at() - days,
        until: signed_at() + days,
    };
    let kit = SealKit::new(&pki, &source.issuer_name, &source.issuer_code, validity).unwrap();
    let kit = kit.with_rsa().unwrap();
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
    let rsa_root = pki.rsa_root().unwrap();
    for credential in [pki.root(), pki.issuing(), pki.maker(), rsa_root] {
        trust.add_certificate(credential.certificate()).unwrap();
    }
    let (from, until) = (signed_at(), signed_at() + Duration::days(365));
    trust.add_crl(&pki.root_crl(from, until).unwrap()).unwrap();
    trust
        .add_crl(&pki.crl(revoked, from, until).unwrap())
        .unwrap();
    let rsa_crl = pki.rsa_crl(revoked, from, until).unwrap().unwrap();
    trust.add_crl(&rsa_crl).unwrap();
    trust
}

fn verify(file: &[u8], revoked: &[Revocation]) -> Verdict {
    verify_as(file, revoked, Profile::Licence)
}

fn verify_as(file: &[u8], revoked: &[Revocation], profile: Profile) -> Verdict {
    let types = LicenceTypes::builtin();
    let licence_type = types.find(&FIXTURE.entry.public.type_code).unwrap();
    let options = VerifyOptions {
        at: signed_at() + Duration::days(60),
        profile,
        revocation: RevocationPolicy::DEFAULT,
        expected: Some(ExpectedEntry {
            entry: &FIXTURE.entry,
            required_metadata: &licence_type.required_metadata,
        }),
    };
    verify_file(file, &trust(revoked), &options)
}

fn options(format: Format, spoil: Option<Spoil>) -> MintOptions {
    MintOptions {
        layout: Layout::Portrait,
        format,
        at: signed_at(),
        spoil,
        scan_bytes: 0,
    }
}

#[track_caller]
fn check_good(layout: Layout, format: Format) {
    let options = MintOptions {
        layout,
        ..options(format, None)
    };
    let file = mint_file(&FIXTURE.entry, &FIXTURE.kit, &options).unwrap();
    for profile in [Profile::Licence, Profile::General] {
        let verdict = verify_as(&file, &[], profile);
        assert_eq!(verdict.verdict, Outcome::Valid, "{format:?} {verdict:#?}");
        assert!(verdict.warnings.is_empty(), "{format:?} {verdict:#?}");
        let (kind, coverage) = if format.is_pdf() {
            (FileKind::Pdf, "ENTIRE_FILE")
        } else {
            (FileKind::Ofd, "whole")
        };
        assert_eq!(verdict.kind, kind);
        let signature = verdict.signatures.first().unwrap();
        assert_eq!(signature.kind, format.signature_kind());
        assert_eq!(signature.coverage, coverage);
        assert_eq!(signature.signed_at, Some(signed_at()));
        assert_eq!(signature.seal_version, format.seal_version());
    }
}

#[test]
fn a_scan_makes_a_file_larger_and_is_sealed_with_it() {
    let scan_bytes = 2_000_000;
    for format in [Format::default(), Format::PdfSm2] {
        let options = MintOptions {
            scan_bytes,
            ..options(format, None)
        };
        let mut file = mint_file(&FIXTURE.entry, &FIXTURE.kit, &options).unwrap();
        assert!(file.len() > scan_bytes, "{}", file.len());
        assert!(file.len() < scan_bytes + 100_000, "{}", file.len());
        let verdict = verify(&file, &[]);
        assert_eq!(verdict.verdict, Outcome::Valid, "{verdict:#?}");
        assert!(verdict.warnings.is_empty(), "{:?}", verdict.warnings);
        // In the middle of a scan, which is most of the file and cannot be compressed.
        let middle = file.len() / 2;
        file[middle] ^= 1;
        assert_eq!(verify(&file, &[]).verdict, Outcome::Invalid);
    }
}

#[test]
fn a_large_licence_has_as_many_large_parts_as_pages() {
    let options = MintOptions {
        scan_bytes: 2_000_000,
        ..options(Format::default(), None)
    };
    let file = mint_file(&FIXTURE.entry, &FIXTURE.kit, &options).unwrap();
    let package = Package::open(&file).unwrap();
    let large = |id: &FileId| package.name(*id).starts_with("Doc_0/Res/scan_");
    assert_eq!(package.files().filter(large).count(), 8);
}

#[track_caller]
fn check_spoiled(spoil: Spoil, format: Format) {
    let options = options(format, Some(spoil));
    let minted = mint_file(&FIXTURE.entry, &FIXTURE.kit, &options);
    let Some((outcome, code)) = spoil.expected(format) else {
        assert!(matches!(minted, Err(MintError::Unsuitable(_))));
        return;
    };
    let revoked = FIXTURE.kit.signers().map(|signer| Revocation {
        serial: signer.serial().to_vec(),
        since: signed_at() - Duration::days(10),
    });
    let is_revoked = spoil == Spoil::RevokedSigner;
    let revoked: Vec<Revocation> = revoked.filter(|_| is_revoked).collect();
    let verdict = verify(&minted.unwrap(), &revoked);
    assert_eq!(
        verdict.verdict, outcome,
        "{spoil:?} {format:?} {verdict:#?}"
    );
    if outcome == Outcome::Valid {
        let warnings = &verdict.warnings;
        assert!(warnings.contains(&code), "{spoil:?} {warnings:?}");
    } else {
        assert_eq!(
            verdict.code,
            Some(code),
            "{spoil:?} {format:?} {verdict:#?}"
        );
    }
}

#[test]
fn every_layout_and_format_is_valid_in_both_profiles() {
    for layout in [Layout::Portrait, Layout::Landscape] {
        for format in Format::ALL {
            check_good(layout, format);
        }
    }
}

#[test]
fn every_fault_is_found_in_every_format() {
    for spoil in Spoil::value_variants() {
        for format in Format::ALL {
            check_spoiled(*spoil, format);
        }
    }
}

#[test]
fn another_licences_file_is_refused_in_every_format() {
    let types = LicenceTypes::builtin();
    let licence_type = types.find(&FIXTURE.entry.public.type_code).unwrap();
    let source = sample_entries(6, zhejiang(), 8).unwrap().pop().unwrap();
    let other = source.into_entry("zhejiang", 1, None).unwrap();
    for format in Format::ALL {
        let file = mint_file(&FIXTURE.entry, &FIXTURE.kit, &options(format, None)).unwrap();
        let options = VerifyOptions {
            expected: Some(ExpectedEntry {
                entry: &other,
                required_metadata: &licence_type.required_metadata,
            }),
            ..VerifyOptions::at(signed_at() + Duration::days(60))
        };
        let verdict = verify_file(&file, &trust(&[]), &options);
        assert_eq!(verdict.verdict, Outcome::Invalid, "{format:?} {verdict:#?}");
        assert_eq!(verdict.code, Some(FindingCode::MetaMismatch), "{format:?}");
        let identifier = FIXTURE.entry.public.identifier.as_str();
        assert_eq!(verdict.signed_identifier(), Some(identifier));
    }
}

#[test]
fn an_rsa_licence_needs_an_rsa_certificate() {
    let pki = DevelopmentPki::mint("无", signed_at()).unwrap();
    let validity = Validity {
        from: signed_at(),
        until: signed_at(),
    };
    let kit = SealKit::new(&pki, "样例局", "11110000000021135M", validity).unwrap();
    let minted = mint_file(&FIXTURE.entry, &kit, &options(Format::PdfRsa, None));
    assert!(matches!(minted, Err(MintError::Unsuitable(_))));
    assert!(matches!(kit.with_rsa(), Err(MintError::Pki(_))));
}

#[test]
fn the_same_input_gives_the_same_file() {
    let Fixture { kit, entry, .. } = &*FIXTURE;
    for format in Format::ALL {
        let mint = || mint_licence(entry, Layout::Landscape, kit, format, signed_at()).unwrap();
        assert!(mint() == mint(), "{format:?}");
    }
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
        formats: vec![Format::OfdSeal(SealVersion::V1), Format::PdfRsa],
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
            assert!(name.ends_with(item.format.unwrap().extension()));
            assert_eq!(
                &std::fs::read(dir.path().join("files").join(name)).unwrap(),
                bytes
            );
        }
    }
    assert_eq!(items.iter().filter(|item| item.file.is_some()).count(), 2);
}
