//! Which OCSP responses count, and for which certificate (RFC 6960 §3.2, §4.2.2.2).

use der::asn1::ObjectIdentifier;
use schemas::seal::{OcspAnswer, OcspResponse, OcspStatus, Responder};

use super::evidence::Carried;
use super::{Inquiry, Says, Word};
use crate::algorithm::{self, AlgorithmError, SignatureAlgorithm};
use crate::certificate::Certificate;
use crate::digest::DigestAlgorithm;

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
    // Nobody knew it before it was known: else who has the key of a responder that is over could
    // answer as of then for today.
    let latest = response.produced_at + super::CLOCK_SKEW;
    let mut named = Issuer {
        certificate: issuer,
        known: Vec::new(),
    };
    let about = |answer: &&OcspAnswer<'_>| {
        answer.serial == certificate.serial()
            && answer.this_update <= latest
            && named.issued(answer)
    };
    let found: Vec<_> = response.answers.iter().filter(about).collect();
    let is_signed = || is_signed(response, issuer, inquiry);
    let counts = !found.is_empty() && carried.counts_for(issuer, is_signed);
    found.into_iter().filter(move |_| counts)
}

/// Digests of an issuer's name and key, each computed once: a response may speak of hundreds.
struct Issuer<'i> {
    certificate: &'i Certificate,
    known: Vec<(ObjectIdentifier, Option<[Vec<u8>; 2]>)>,
}

impl Issuer<'_> {
    fn issued(&mut self, answer: &OcspAnswer<'_>) -> bool {
        let algorithm = answer.algorithm;
        if !self.known.iter().any(|(known, _)| *known == algorithm) {
            self.known.push((algorithm, self.digests(algorithm)));
        }
        let mut known = self.known.iter();
        known.any(|(known, digests)| {
            *known == algorithm
                && digests.as_ref().is_some_and(|[name, key]| {
                    name == answer.name_digest && key == answer.key_digest
                })
        })
    }

    fn digests(&self, algorithm: ObjectIdentifier) -> Option<[Vec<u8>; 2]> {
        let (name, key) = (self.certificate.subject(), self.certificate.key_bits());
        if algorithm == SHA1 {
            return Some([name, key].map(|of| openssl::sha::sha1(of).to_vec()));
        }
        let digest = DigestAlgorithm::parse(&algorithm.to_string())?;
        Some([name, key].map(|of| digest.digest(of)))
    }
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
        && !is_revoked(delegate, issuer, inquiry)
}

/// Whether a list of ours names the responder, unless the issuer vouches for it without one. Other
/// responses are not asked: who answers for the answerer would be a question without end.
fn is_revoked(delegate: &Certificate, issuer: &Certificate, inquiry: &Inquiry<'_>) -> bool {
    let mut words = inquiry
        .trust
        .words(delegate, issuer, inquiry.anchor)
        .into_iter();
    !delegate.needs_no_check() && words.any(|word| word.revoked_since.is_some())
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
