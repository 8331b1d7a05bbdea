//! Seals that were met before: what follows from their bytes alone is found out once.
//!
//! An organisation seals thousands of licences with one seal, which is most of each signed value.
//! Kept are its digest, its maker's certificate and signature, and the state of SM3 after it, so
//! that a signer's signature costs only what follows the seal. Everything here is a function of
//! the seal's bytes, and these are compared in full: no trust decision, no time and no revocation
//! is ever kept, so that a verdict cannot depend on this memory.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use moka::sync::Cache;
use schemas::seal::Seal;
use schemas::seal::asn1::{self, Element};
use schemas::verdict::{Checks, FindingCode, SealVersion};
use sm3::{Digest as _, Sm3};

use super::signer::{SignatureToCheck, check_signature};
use crate::certificate::{Certificate, CertificateError};
use crate::digest::sm3;
use crate::sm2_verification::Sm2PublicKey;

/// What all known seals may take together: a thousand of 20 KiB, or far more without pictures.
const SEALS_MAX_BYTES: u64 = 32 * 1_024 * 1_024;
/// Weight of a seal beside its bytes: its certificate, its report lines, its states.
const BESIDE_BYTES: usize = 4_096;
/// Signers of one seal whose states are kept; real seals list one or two.
const SIGNERS_MAX: usize = 4;

static KNOWN: LazyLock<Cache<Arc<[u8]>, Arc<KnownSeal>>> = LazyLock::new(|| {
    Cache::builder()
        .max_capacity(SEALS_MAX_BYTES)
        .weigher(|raw: &Arc<[u8]>, _| u32::try_from(raw.len() + BESIDE_BYTES).unwrap_or(u32::MAX))
        .build()
});

/// What a seal's bytes say by themselves.
pub(super) struct KnownSeal {
    /// SM3 of the seal.
    pub(super) digest: [u8; 32],
    /// The maker's certificate.
    pub(super) maker: Arc<Certificate>,
    /// Whether the maker made the signature of the seal, as report lines.
    pub(super) maker_signature: Checks,
    begun: Mutex<Vec<Begun>>,
}

/// SM3 of a signer's identity and of what is signed up to the end of the seal.
struct Begun {
    signer: [u8; 64],
    /// The bytes before the seal: tag, length and version of `TBS_Sign`.
    head: Box<[u8]>,
    state: Sm3,
}

/// What is known of a seal, from memory or found out now.
///
/// # Errors
/// The maker's certificate is none.
pub(super) fn known(seal: &Seal<'_>) -> Result<Arc<KnownSeal>, CertificateError> {
    if let Some(known) = KNOWN.get(seal.raw) {
        return Ok(known);
    }
    let maker = Certificate::shared(seal.maker_certificate)?;
    let mut maker_signature = Checks::new();
    check_maker_signature(&mut maker_signature, seal, &maker);
    let known = Arc::new(KnownSeal {
        digest: sm3(seal.raw),
        maker,
        maker_signature,
        begun: Mutex::default(),
    });
    KNOWN.insert(seal.raw.into(), Arc::clone(&known));
    Ok(known)
}

/// SM3 of a file that is a known seal as it stands; none for any other.
pub(crate) fn digest_of(file: &[u8]) -> Option<[u8; 32]> {
    if file.first() != Some(&asn1::SEQUENCE) {
        return None;
    }
    KNOWN.get(file).map(|known| known.digest)
}

/// What a maker signs depends on the layout; the other layout's form counts too and is reported
/// (ARCHITECTURE.md, Standards: vendors differ).
fn check_maker_signature(checks: &mut Checks, seal: &Seal<'_>, maker: &Certificate) {
    let with_certificate = seal.info_certificate_algorithm_bytes();
    let info_alone = ("eSealInfo", seal.info_bytes());
    let three_parts = (
        "eSealInfo, certificate and algorithm",
        with_certificate.as_slice(),
    );
    let messages = match seal.version {
        SealVersion::V1 => [three_parts, info_alone],
        SealVersion::V4 | SealVersion::V5 => [info_alone, three_parts],
    };
    check_signature(
        checks,
        &SignatureToCheck {
            code: FindingCode::SealSigInvalid,
            role: "seal maker",
            certificate: maker,
            algorithm: seal.algorithm,
            digest: None,
            parameters: None,
            messages: &messages,
            begins: None,
            signature: seal.signature,
        },
    );
}

/// A signed part that begins with a known seal.
#[derive(Clone, Copy)]
pub(crate) struct BeginsWithSeal<'a> {
    known: &'a KnownSeal,
    /// Length of what stands before the seal in bytes.
    head_bytes: usize,
    /// Length of the seal in bytes.
    seal_bytes: usize,
}

impl KnownSeal {
    /// Says that `signed`, a `TBS_Sign`, begins with this seal; none where it stands elsewhere.
    pub(super) fn begins<'a>(&'a self, signed: &[u8], raw: &[u8]) -> Option<BeginsWithSeal<'a>> {
        let head_bytes = head_bytes(signed)?;
        let there = signed.get(head_bytes..)?;
        there.starts_with(raw).then_some(BeginsWithSeal {
            known: self,
            head_bytes,
            seal_bytes: raw.len(),
        })
    }
}

impl BeginsWithSeal<'_> {
    /// The digest that `key` signs over `signed` (GB/T 32918.2-2016 §7.1 B3, B4), resumed behind
    /// the seal where this signer's state is kept.
    pub(crate) fn digest(&self, key: &Sm2PublicKey, signed: &[u8]) -> [u8; 32] {
        let Some((begin, rest)) = signed.split_at_checked(self.head_bytes + self.seal_bytes) else {
            return key.digest(signed);
        };
        let head = begin.get(..self.head_bytes).unwrap_or_default();
        let mut begun = (self.known.begun.lock()).unwrap_or_else(PoisonError::into_inner);
        let same = |known: &&Begun| known.signer == *key.coordinates() && *known.head == *head;
        let state = match begun.iter().find(same) {
            Some(known) => known.state.clone(),
            None => {
                let state = key.hasher().chain_update(begin);
                if begun.len() == SIGNERS_MAX {
                    begun.remove(0);
                }
                begun.push(Begun {
                    signer: *key.coordinates(),
                    head: head.into(),
                    state: state.clone(),
                });
                state
            }
        };
        drop(begun);
        state.chain_update(rest).finalize().into()
    }
}

/// Length of what stands before the seal in a `TBS_Sign`: header and version.
fn head_bytes(signed: &[u8]) -> Option<usize> {
    let fields = Element::whole(signed, asn1::SEQUENCE).ok()?;
    let mut reader = fields.reader();
    let version = reader.expect(asn1::INTEGER).ok()?;
    Some(signed.len() - fields.content.len() + version.raw.len())
}
