//! Signed values of the shared corpus, where it is at hand.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use schemas::verdict::{Effect, FindingCode};

use super::raised;
use crate::message::Message;
use crate::signed_value::{
    SignatureClaim, SignatureFindings, TrustOptions, check_seal, check_sign,
};
use crate::testing::instant;
use crate::trust::TrustStore;

use Effect::{Indeterminate, Invalid, Warning};

/// As the package `tests` finds it, which this one cannot use.
fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("HUB_CORPUS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"),
        PathBuf::from,
    );
    let folder = root.join("ofd");
    if !folder.is_dir() {
        // Past the capture of test output: a skip must be seen also when the test passes.
        let skipped = format!(
            "SKIPPED signed values of the corpus: no corpus at {}\n",
            root.display()
        );
        std::io::Write::write_all(&mut std::io::stderr(), skipped.as_bytes()).unwrap();
        return None;
    }
    Some(folder)
}

fn part(file: &Path, name: &str) -> Option<Vec<u8>> {
    let mut package = zip::ZipArchive::new(Cursor::new(std::fs::read(file).unwrap())).unwrap();
    let mut bytes = Vec::new();
    package.by_name(name).ok()?.read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

fn verify(folder: &Path, name: &str, trust: &TrustStore) -> SignatureFindings {
    let file = folder.join(name);
    let of = |part_name: &str| part(&file, &format!("Doc_0/Signs/Sign_0/{part_name}"));
    let seal_file = of("Seal.esl");
    let xml = of("Signature.xml").unwrap();
    let claim = SignatureClaim {
        id: "1",
        signed: Message::of(&xml),
        signature_xml_path: Some("/Doc_0/Signs/Sign_0/Signature.xml"),
        seal_file: seal_file.as_deref(),
        signature_date_time: Some("2026-06-01 10:03:04"),
        signature_method: None,
    };
    let options = TrustOptions::at(instant("20261121120000Z"));
    let signed_value = of("SignedValue.dat").unwrap();
    if name.contains("sign_gbt35275") || name.contains("DigitalSign") {
        check_sign(&signed_value, &claim, trust, &options)
    } else {
        check_seal(&signed_value, &claim, trust, &options)
    }
}

type Expected = &'static [(FindingCode, Effect)];

const OPEN: Expected = &[
    (FindingCode::Untrusted, Indeterminate),
    (FindingCode::UntrustedMaker, Indeterminate),
];
const TABLE: &[(&str, Expected)] = &[
    ("ok_v4_seal.ofd", &[]),
    ("ok_v1_seal.ofd", &[]),
    ("ok_v5_seal.ofd", &[]),
    ("ok_v4_whole.ofd", &[]),
    ("ok_v4_certdigestlist.ofd", &[]),
    (
        "ok_v4_raw_rs_both.ofd",
        &[(FindingCode::RawRs, Warning), (FindingCode::RawRs, Warning)],
    ),
    ("ok_v1_padbits.ofd", &[(FindingCode::PadBits, Warning)]),
    ("ok_v4_no_seal_file.ofd", &[]),
    ("ok_sign_gbt35275.ofd", &[]),
    (
        "bad_signedvalue_bitflip.ofd",
        &[(FindingCode::SigInvalid, Invalid)],
    ),
    (
        "bad_signedvalue_truncated.ofd",
        &[(FindingCode::SvMalformed, Invalid)],
    ),
    (
        "bad_signedvalue_empty.ofd",
        &[(FindingCode::SvMalformed, Invalid)],
    ),
    (
        "bad_signature_xml_replaced.ofd",
        &[(FindingCode::DataHash, Invalid)],
    ),
    (
        "bad_propertyinfo.ofd",
        &[(FindingCode::PropertyInfo, Warning)],
    ),
    ("bad_sm2_userid.ofd", &[(FindingCode::SigInvalid, Invalid)]),
    (
        "bad_seal_expired.ofd",
        &[(FindingCode::SealPeriod, Invalid)],
    ),
    (
        // A list made after a certificate's end need not name it any more.
        "bad_signer_cert_expired.ofd",
        &[
            (FindingCode::SignerCertTime, Invalid),
            (FindingCode::RevocationUnknown, Warning),
        ],
    ),
    (
        "bad_signer_revoked.ofd",
        &[(FindingCode::SignerRevoked, Invalid)],
    ),
    (
        "bad_signer_not_in_list.ofd",
        &[(FindingCode::SignerNotInList, Invalid)],
    ),
    (
        "bad_seal_sig.ofd",
        &[(FindingCode::SealSigInvalid, Invalid)],
    ),
    ("bad_untrusted_chain.ofd", OPEN),
    (
        "bad_seal_file_mismatch.ofd",
        &[(FindingCode::SealMismatch, Invalid)],
    ),
    (
        "real/SESV4SignDoc.ofd",
        &[
            (FindingCode::Untrusted, Indeterminate),
            (FindingCode::SignerCertTime, Invalid),
            (FindingCode::UntrustedMaker, Indeterminate),
            (FindingCode::SealPeriod, Invalid),
        ],
    ),
    ("real/V4RideRight.ofd", OPEN),
    ("real/allprotected.ofd", OPEN),
    (
        "real/DigitalSign.ofd",
        &[(FindingCode::Untrusted, Indeterminate)],
    ),
];

#[test]
fn findings_on_the_corpus() {
    let Some(folder) = corpus() else { return };
    let trust = TrustStore::from_folder(&folder.join("trust")).unwrap();
    for (name, expected) in TABLE {
        let findings = verify(&folder, name, &trust);
        assert_eq!(
            raised(&findings.checks),
            *expected,
            "{name}: {:#?}",
            findings.checks
        );
    }
}

#[test]
fn without_a_list_the_revoked_signer_is_only_a_warning() {
    let Some(folder) = corpus() else { return };
    let full = TrustStore::from_folder(&folder.join("trust")).unwrap();
    let mut trust = TrustStore::empty();
    for (certificate, _) in full.certificates() {
        trust.add_certificate(certificate.der()).unwrap();
    }
    let findings = verify(&folder, "bad_signer_revoked.ofd", &trust);
    let warning = (FindingCode::RevocationUnknown, Warning);
    assert_eq!(raised(&findings.checks), [warning, warning]);
}
