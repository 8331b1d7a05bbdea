//! Signed values: `SignedData` of GB/T 35275 and CMS, timestamps, and whatever else stands in
//! `/Contents` of a PDF. One that holds is one that a seed holds.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use certs::effort::Effort;
use certs::message::Message;
use certs::signed_value::{TrustOptions, check_sign};
use certs::timestamp;
use certs::verify::{VerifyOptions, verify_file};
use schemas::pdf::document::Document;
use schemas::pdf::fields;
use schemas::seal::asn1::Reader;
use schemas::seal::ses::MAX_SIGNED_VALUE_BYTES;
use schemas::seal::signed_data::MAX_CERTIFICATES;
use schemas::seal::{SealSignature, SignedData, TimestampInfo};
use schemas::verdict::{Outcome, Profile};

use super::seal::{CLAIM, MESSAGE};
use super::{TRUST, at, files, folder};

/// A signed PDF, whose signed value is taken out and replaced.
pub const TEMPLATE: &str = "seeds/template.pdf";

static PDF: LazyLock<(Vec<u8>, std::ops::Range<usize>)> = LazyLock::new(|| {
    let bytes = std::fs::read(folder(TEMPLATE)).expect("the template");
    let gap = gap(&bytes);
    (bytes, gap)
});

/// What the signers of the seeds signed.
static SIGNED: LazyLock<BTreeSet<Vec<u8>>> = LazyLock::new(|| {
    let seeds = files("seeds/cms").into_iter();
    seeds.filter_map(|(_, value)| signed(&value)).collect()
});

/// Checks bytes as a signed value of each kind.
pub fn check(data: &[u8]) {
    if let Ok(signed) = SignedData::parse(data) {
        assert!(data.len() <= MAX_SIGNED_VALUE_BYTES);
        assert!(signed.certificates.len() <= MAX_CERTIFICATES);
        if let Some(attributes) = &signed.attributes {
            let (sorted, written) = (attributes.sorted_bytes(), attributes.signed_bytes());
            assert_eq!(sorted.len(), written.len());
        }
    }
    // The reading alone: a stamp is judged below, and in the PDF.
    let _ = TimestampInfo::parse(data);
    let trusted = timestamp::Trusted {
        trust: &TRUST,
        carried: &[],
        evidence: &[],
        policy: &certs::revocation::RevocationPolicy::DEFAULT,
        now: at(),
        proven: None,
        effort: &Effort::of_a_file(),
    };
    let stamped = timestamp::verify(data, &[Message::of(MESSAGE)], &trusted);
    assert!(stamped.is_err(), "nobody stamped this");
    if is_genuine(data) {
        let signed = signed(data).expect("what holds can be read");
        assert!(SIGNED.contains(&signed), "a forged signature");
    }
}

/// Whether it holds over the message, or in the template.
#[must_use]
pub fn is_genuine(data: &[u8]) -> bool {
    let findings = check_sign(data, &CLAIM, &TRUST, &TrustOptions::at(at()));
    holds_in_pdf(data) || findings.checks.outcome() == Outcome::Valid
}

fn holds_in_pdf(data: &[u8]) -> bool {
    let (mut bytes, gap) = PDF.clone();
    let digits = hex::encode(data);
    let room = &mut bytes[gap.start + 1..gap.end - 1];
    if digits.is_empty() || digits.len() > room.len() {
        return false;
    }
    room.fill(b'0');
    room[..digits.len()].copy_from_slice(digits.as_bytes());
    let options = VerifyOptions {
        profile: Profile::General,
        ..VerifyOptions::at(at())
    };
    let verdict = verify_file(&bytes, &TRUST, &options);
    assert_eq!(
        verdict.signatures.len(),
        1,
        "an unreadable signature is one too"
    );
    assert!(
        verdict.is_valid() || verdict.code.is_some(),
        "no reason is named"
    );
    verdict.is_valid()
}

/// What was signed, by a signed value that is followed by zeros at most.
fn signed(data: &[u8]) -> Option<Vec<u8>> {
    let value = Reader::new(data).any().ok()?.raw;
    if let Ok(signed) = SignedData::parse(value) {
        let attributes = signed.attributes.as_ref();
        let attributes = attributes.map(|attributes| attributes.sorted_bytes());
        let content = signed.content.map(<[u8]>::to_vec);
        return attributes.or(content).or(Some(Vec::new()));
    }
    let seal = SealSignature::parse(value).ok()?;
    Some(seal.signed_bytes.to_vec())
}

/// Where the one signature of a PDF has its value, angle brackets included.
#[must_use]
pub fn gap(bytes: &[u8]) -> std::ops::Range<usize> {
    let document = Document::open(bytes).expect("a PDF");
    let fields = fields::all(&document, document.last()).expect("fields");
    let mut signatures = fields
        .iter()
        .filter_map(|field| field.signature(&document, document.last()));
    let signature = signatures.next().expect("a signature");
    signature.expect("a readable one").contents_at
}
