//! A file with its digests, computed once when it arrives.

use std::sync::Arc;

use bytes::Bytes;

use crate::node::Node;
use crate::refusal::Refusal;

/// A file and the digests of exactly these bytes: whoever holds one need not compute them again.
#[derive(Clone, Debug)]
pub(crate) struct Digested {
    bytes: Bytes,
    sm3: Arc<str>,
    sha256: [u8; 32],
}

impl Digested {
    /// Digests a file where that holds up nobody.
    pub(crate) async fn of(node: &Arc<Node>, bytes: Bytes) -> Result<Self, Refusal> {
        node.blocking(|_| Self::new(bytes)).await
    }

    pub(super) fn new(bytes: Bytes) -> Self {
        Self {
            sm3: hex::encode(certs::digest::sm3(&bytes)).into(),
            sha256: certs::digest::sha256(&bytes),
            bytes,
        }
    }

    /// The file.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Its SM3, lower-case hex.
    pub(crate) fn sm3(&self) -> &str {
        &self.sm3
    }

    /// Its SHA-256.
    pub(crate) fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_bytes() {
        let file = Digested::new(Bytes::from_static(b"abc"));
        // GB/T 32905-2016 appendix A, example 1; FIPS 180-4, the same message.
        let sm3 = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(file.sm3(), sm3);
        assert_eq!(hex::encode(file.sha256()), sha256);
    }
}
