//! Message digests: SM3 (GB/T 32905-2016) and the SHA-2 family.

mod lanes;

use sha2::{Sha256, Sha384, Sha512};
use sm3::{Digest, Sm3};

pub use lanes::sm3_of_each;

/// Digest algorithms that the hub accepts.
///
/// MD5 and SHA-1 are absent on purpose: a reference that names them is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestAlgorithm {
    /// SM3, GB/T 32905-2016.
    Sm3,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl DigestAlgorithm {
    /// Reads the spellings met in OFD signatures, seals and CMS: object identifiers in dotted form
    /// and names, in any case, with or without a hyphen; none when unknown or too weak.
    ///
    /// `1.2.156.10197.1.401.2` (keyed SM3 in the register, written for plain SM3 in real files)
    /// and `1.2.156.10197.501` (a typing error of one widespread implementation) count as SM3.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_uppercase().replace('-', "").as_str() {
            "SM3" | "1.2.156.10197.1.401" | "1.2.156.10197.1.401.2" | "1.2.156.10197.501" => {
                Some(Self::Sm3)
            }
            "SHA256" | "2.16.840.1.101.3.4.2.1" => Some(Self::Sha256),
            "SHA384" | "2.16.840.1.101.3.4.2.2" => Some(Self::Sha384),
            "SHA512" | "2.16.840.1.101.3.4.2.3" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The digest of `message`.
    #[must_use]
    pub fn digest(self, message: &[u8]) -> Vec<u8> {
        self.digest_parts(&[message])
    }

    /// The digest of a message in parts.
    #[must_use]
    pub fn digest_parts(self, parts: &[&[u8]]) -> Vec<u8> {
        fn of<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let feed = |hasher: D, part: &&[u8]| hasher.chain_update(part);
            parts.iter().fold(D::new(), feed).finalize().to_vec()
        }
        match self {
            Self::Sm3 => of::<Sm3>(parts),
            Self::Sha256 => of::<Sha256>(parts),
            Self::Sha384 => of::<Sha384>(parts),
            Self::Sha512 => of::<Sha512>(parts),
        }
    }

    /// Length of a digest in bytes.
    #[must_use]
    pub const fn size_bytes(self) -> usize {
        match self {
            Self::Sm3 | Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The name used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sm3 => "SM3",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }
}

/// SM3 of `message`, GB/T 32905-2016.
#[must_use]
pub fn sm3(message: &[u8]) -> [u8; 32] {
    Sm3::digest(message).into()
}

/// SM3 of a message that comes in parts.
#[derive(Clone, Debug, Default)]
pub struct Sm3Parts(Sm3);

impl Sm3Parts {
    /// Takes the next part.
    pub fn update(&mut self, part: &[u8]) {
        Digest::update(&mut self.0, part);
    }

    /// The digest of all parts, in their order.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// SHA-256 of `message`.
#[must_use]
pub fn sha256(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spelling: &str, expected: Option<DigestAlgorithm>) {
        assert_eq!(DigestAlgorithm::parse(spelling), expected, "{spelling}");
    }

    #[test]
    fn spellings_of_real_files_are_read() {
        check("1.2.156.10197.1.401", Some(DigestAlgorithm::Sm3));
        check(" sm3 ", Some(DigestAlgorithm::Sm3));
        check("1.2.156.10197.1.401.2", Some(DigestAlgorithm::Sm3));
        check("SHA-256", Some(DigestAlgorithm::Sha256));
        check("sha512", Some(DigestAlgorithm::Sha512));
    }

    #[test]
    fn weak_and_unknown_algorithms_are_not() {
        for spelling in [
            "MD5",
            "SHA1",
            "SHA-1",
            "1.3.14.3.2.26",
            "",
            "1.2.156.10197.1.402",
        ] {
            check(spelling, None);
        }
    }

    #[test]
    fn sm3_of_abc_is_the_published_example() {
        // GB/T 32905-2016 appendix A, example 1.
        assert_eq!(
            hex::encode(sm3(b"abc")),
            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
        );
        for algorithm in [
            DigestAlgorithm::Sm3,
            DigestAlgorithm::Sha384,
            DigestAlgorithm::Sha512,
        ] {
            assert_eq!(algorithm.digest(b"").len(), algorithm.size_bytes());
        }
    }
}
