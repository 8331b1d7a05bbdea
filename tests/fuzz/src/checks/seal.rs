//! Seals and signatures made with them (`SESeal`, `SES_Signature`): a seal that was changed
//! anywhere is not verified.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use certs::message::Message;
use certs::signed_value::{SignatureClaim, TrustOptions, check_seal};
use schemas::seal::seal_file::MAX_LISTED_SIGNERS;
use schemas::seal::ses::MAX_SIGNED_VALUE_BYTES;
use schemas::seal::{Seal, SealSignature, SignerList};
use schemas::verdict::Outcome;

use super::{TRUST, at, files};

/// What the seeds sign.
pub const MESSAGE: &[u8] = b"<ofd:Signature xmlns:ofd=\"http://www.ofdspec.org/2016\"/>";
/// Where it would stand in a package.
pub const PATH: &str = "/Doc_0/Signs/Sign_0/Signature.xml";
/// What a signed value is held against.
pub const CLAIM: SignatureClaim<'_> = SignatureClaim {
    id: "1",
    signed: Message::of(MESSAGE),
    signature_xml_path: Some(PATH),
    seal_file: None,
    signature_date_time: Some("2026-11-20 20:00:00"),
    signature_method: None,
};

/// What the signers of the seeds signed, and by which certificate.
static SIGNED: LazyLock<BTreeSet<(Vec<u8>, Vec<u8>)>> = LazyLock::new(|| {
    let seeds = files("seeds/seal").into_iter();
    seeds
        .filter_map(|(_, der)| {
            let signature = SealSignature::parse(&der).ok()?;
            Some((
                signature.signed_bytes.to_vec(),
                signature.certificate.to_vec(),
            ))
        })
        .collect()
});

/// Checks bytes as a seal and as a signature made with one.
pub fn check(data: &[u8]) {
    if let Ok(seal) = Seal::parse(data) {
        check_form(&seal, data);
        assert_eq!(seal.raw, data);
    }
    let Ok(signature) = SealSignature::parse(data) else {
        return;
    };
    assert!(data.len() <= MAX_SIGNED_VALUE_BYTES);
    check_form(&signature.seal, data);
    // The seal stands inside what is signed, and reads the same by itself.
    assert!(holds(data, signature.signed_bytes));
    assert!(holds(signature.signed_bytes, signature.seal.raw));
    let alone = Seal::parse(signature.seal.raw).expect("it was read before");
    assert_eq!(
        (alone.version, alone.id),
        (signature.seal.version, signature.seal.id)
    );
    if is_genuine(data) {
        let signed = (
            signature.signed_bytes.to_vec(),
            signature.certificate.to_vec(),
        );
        assert!(SIGNED.contains(&signed), "a forged seal");
    }
}

/// Whether it is a signature over the message, with a seal, that is trusted.
#[must_use]
pub fn is_genuine(data: &[u8]) -> bool {
    let findings = check_seal(data, &CLAIM, &TRUST, &TrustOptions::at(at()));
    findings.checks.outcome() == Outcome::Valid
}

fn check_form(seal: &Seal<'_>, data: &[u8]) {
    let count = match &seal.signers {
        SignerList::Certificates(list) => list.len(),
        SignerList::Digests(list) => list.len(),
    };
    assert!(count <= MAX_LISTED_SIGNERS);
    for part in [
        seal.raw,
        seal.picture.data,
        seal.maker_certificate,
        seal.signature,
    ] {
        assert!(holds(data, part));
    }
}

/// Whether a part is a slice of the whole, not a copy of it.
fn holds(whole: &[u8], part: &[u8]) -> bool {
    let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}
