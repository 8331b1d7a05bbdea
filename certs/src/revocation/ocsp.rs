//! Which OCSP responses count, and for which certificate (RFC 6960 §3.2, §4.2.2.2).

use der::asn1::ObjectIdentifier;
use schemas::seal::{OcspAnswer, OcspResponse, OcspStatus, Responder};

use super::evidence::Carried;
use super::{Inquiry, Says, Word};
use crate::algorithm::{self, AlgorithmError, SignatureAlgorithm};
use crate::certificate::Certificate;
use crate::digest::DigestAlgorithm;
use crate::trust::TrustStore;

/// SHA-1. Here it proves nothing: it only tells which issuer is meant, as in nearly every response,
/// and the responder signs that with a digest that is accepted.
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");

/// The answers about `certificate` in a response that counts.
pub(super) fn answers<'r>(
    carried: &'r Carried<'_>,
    certificate: &Certificate,
    issuer: &Certificate,
    inquiry: &Inquiry<'_>,
) -> impl Iterator<Item = &'r OcspAnswer<'r>> + use<'r> {
    let response = &carried.response;
    let about = |answer: &&OcspAnswer<'_>| is_about(answer, certificate, issuer);
    // Nobody knew it before it was known: else who has the key of a responder that is over could
    // answer as of then for today.
    let latest = response.produced_at + super::CLOCK_SKEW;
    let about = |answer: &&OcspAnswer<'_>| about(answer) && answer.this_update <= latest;
    let found: Vec<_> = response.answers.iter().filter(about).collect();
    // What is about others is not worth a signature check.
    let is_signed = || is_signed(response, issuer, inquiry);
    let counts = !found.is_empty() && carried.counts_for(issuer, is_signed);
    found.into_iter().filter(move |_| counts)
}

fn is_about(answer: &OcspAnswer<'_>, certificate: &Certificate, issuer: &Certificate) -> bool {
    answer.serial == certificate.serial()
        && is_digest(answer.algorithm, answer.name_digest, issuer.subject())
        && is_digest(answer.algorithm, answer.key_digest, issuer.key_bits())
}

fn is_digest(algorithm: ObjectIdentifier, stated: &[u8], of: &[u8]) -> bool {
    if algorithm == SHA1 {
        return stated == openssl::sha::sha1(of);
    }
    let known = DigestAlgorithm::parse(&algorithm.to_string());
    known.is_some_and(|digest| digest.digest(of) == stated)
}

/// Whether the issuer signed, or somebody whom the issuer itself named for that.
fn is_signed(response: &OcspResponse<'_>, issuer: &Certificate, inquiry: &Inquiry<'_>) -> bool {
    let verify = |signer: &Certificate| inquiry.effort.spend(1) && verify(response, signer).is_ok();
    if is_responder(response, issuer) && verify(issuer) {
        return true;
    }
    let carried = response.certificates.iter();
    let mut carried = carried.filter_map(|der| Certificate::parse(der).ok());
    carried.any(|delegate| {
        is_responder(response, &delegate)
            && is_delegate(response, &delegate, issuer, inquiry)
            && verify(&delegate)
    })
}

fn is_responder(response: &OcspResponse<'_>, candidate: &Certificate) -> bool {
    match response.responder {
        Responder::Name(name) => name == candidate.subject(),
        Responder::Key(digest) => digest == openssl::sha::sha1(candidate.key_bits()),
    }
}

fn is_delegate(
    response: &OcspResponse<'_>,
    delegate: &Certificate,
    issuer: &Certificate,
    inquiry: &Inquiry<'_>,
) -> bool {
    delegate.may_answer_status()
        && delegate.issuer() == issuer.subject()
        && delegate.is_valid_at(response.produced_at)
        && delegate.unknown_critical_extension().is_none()
        && !inquiry.trust.is_withdrawn(delegate)
        && inquiry.effort.spend(1)
        && delegate.verify_signed_by(issuer).is_ok()
        && !is_revoked(delegate, issuer, inquiry.trust)
}

/// Whether a list of ours names the responder, unless the issuer vouches for it without one. Other
/// responses are not asked: who answers for the answerer would be a question without end.
fn is_revoked(delegate: &Certificate, issuer: &Certificate, trust: &TrustStore) -> bool {
    let names = |list: &crate::crl::Crl| list.revoked_at(delegate.serial()).is_some();
    !delegate.needs_no_check() && trust.crls_of(issuer).any(names)
}

fn verify(response: &OcspResponse<'_>, signer: &Certificate) -> Result<(), AlgorithmError> {
    let algorithm = SignatureAlgorithm::from_oids(response.algorithm, None, response.parameters)?;
    let (key, signed) = (signer.key()?, response.signed_bytes);
    algorithm::verify(key, algorithm, signed, response.signature).map(|_| ())
}

impl From<&OcspAnswer<'_>> for Word {
    fn from(answer: &OcspAnswer<'_>) -> Self {
        Self {
            this_update: answer.this_update,
            next_update: answer.next_update,
            says: match answer.status {
                OcspStatus::Good => Says::Good,
                OcspStatus::Revoked { since } => Says::Revoked { since },
                OcspStatus::Unknown => Says::Unknown,
            },
            is_ours: false,
            is_partial: false,
            is_momentary: true,
        }
    }
}
