//! What a forger makes of the sealed file: other seals, signed values and certificates.

use certs::mint::credential::Credential;
use certs::trust::TrustStore;

use super::der::{bits, content, inside, sequence, tagged};
use super::scene::{Parts, SCENE, SEAL, SIGNATURE, VALUE, sealed, trusting};

/// Tag of OCTET STRING.
pub(super) const OCTETS: u8 = 0x04;
/// Tag of OBJECT IDENTIFIER.
pub(super) const OID: u8 = 0x06;

/// The sealed file with another signed value.
pub(super) fn with_value(value: Vec<u8>) -> Vec<u8> {
    Parts::sealed().with(VALUE, value).zip()
}

/// The sealed file, its seal and signed value made anew.
pub(super) fn with_seal(seal: &[u8], signer: &Credential) -> Vec<u8> {
    let parts = Parts::sealed();
    let value = sealed(seal, signer, parts.get(SIGNATURE));
    parts.with(SEAL, seal).with(VALUE, value).zip()
}

/// `SES_Signature` of the sealed file: signed part, certificate, algorithm, signature.
pub(super) fn value() -> Vec<Vec<u8>> {
    inside(Parts::sealed().get(VALUE))
}

/// The signed value after a change of its signed part, signed again by `signer`.
pub(super) fn changed(signer: &Credential, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let mut fields = value();
    let mut to_sign = inside(&fields[0]);
    change(&mut to_sign);
    fields[0] = sequence(&to_sign);
    fields[1] = tagged(OCTETS, signer.certificate());
    fields[3] = bits(&signer.sign(&fields[0]).unwrap());
    with_value(sequence(&fields))
}

/// The same without signing again.
pub(super) fn bent(change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let mut fields = value();
    let mut to_sign = inside(&fields[0]);
    change(&mut to_sign);
    fields[0] = sequence(&to_sign);
    with_value(sequence(&fields))
}

/// The seal after a change of its information, signed again by `maker`.
pub(super) fn other_seal(maker: &Credential, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let mut fields = inside(&SCENE.seal);
    let mut information = inside(&fields[0]);
    change(&mut information);
    fields[0] = sequence(&information);
    fields[3] = bits(&maker.sign(&fields[0]).unwrap());
    sequence(&fields)
}

/// The certificate of the same key after a change, signed by `issuer`.
pub(super) fn recertified(
    subject: &Credential,
    issuer: &Credential,
    change: impl FnOnce(&mut Vec<Vec<u8>>),
) -> Credential {
    let mut fields = inside(subject.certificate());
    let mut body = inside(&fields[0]);
    change(&mut body);
    fields[0] = sequence(&body);
    fields[2] = bits(&issuer.sign(&fields[0]).unwrap());
    Credential::new(sequence(&fields), subject.secret_key().clone()).unwrap()
}

/// Adds an extension to the body of a certificate.
pub(super) fn extend(body: &mut [Vec<u8>], oid: &[u8], critical: bool, value: &[u8]) {
    let mut extensions = inside(&content(&body[7]));
    let flag = if critical {
        tagged(1, &[0xff])
    } else {
        Vec::new()
    };
    extensions.push(sequence(&[tagged(OID, oid), flag, tagged(OCTETS, value)]));
    body[7] = tagged(0xa3, &sequence(&extensions));
}

/// The trust folder with another issuing authority.
pub(super) fn trusting_issuing(issuing: &Credential) -> TrustStore {
    trusting(&[SCENE.pki.root(), issuing, SCENE.pki.maker()])
}
