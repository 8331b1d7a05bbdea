//! Digests of the package's files, each computed once per algorithm.

use std::cell::RefCell;
use std::collections::HashMap;

use schemas::ofd::Refusal;
use schemas::ofd::container::{FileId, Package};
use sha2::{Sha256, Sha384, Sha512};
use sm3::{Digest, Sm3};

use crate::digest::DigestAlgorithm;

/// Digests that were already computed.
pub(super) struct Hashes<'p, 'a> {
    package: &'p Package<'a>,
    known: RefCell<HashMap<(FileId, DigestAlgorithm), Vec<u8>>>,
}

impl<'p, 'a> Hashes<'p, 'a> {
    pub(super) fn new(package: &'p Package<'a>) -> Self {
        Self {
            package,
            known: RefCell::default(),
        }
    }

    /// The digest of a file.
    ///
    /// # Errors
    /// The file does not inflate.
    pub(super) fn digest(
        &self,
        file: FileId,
        algorithm: DigestAlgorithm,
    ) -> Result<Vec<u8>, Refusal> {
        if let Some(known) = self.known.borrow().get(&(file, algorithm)) {
            return Ok(known.clone());
        }
        let digest = match algorithm {
            DigestAlgorithm::Sm3 => self.compute::<Sm3>(file)?,
            DigestAlgorithm::Sha256 => self.compute::<Sha256>(file)?,
            DigestAlgorithm::Sha384 => self.compute::<Sha384>(file)?,
            DigestAlgorithm::Sha512 => self.compute::<Sha512>(file)?,
        };
        self.known
            .borrow_mut()
            .insert((file, algorithm), digest.clone());
        Ok(digest)
    }

    fn compute<D: Digest>(&self, file: FileId) -> Result<Vec<u8>, Refusal> {
        let mut state = D::new();
        self.package
            .stream(file, &mut |chunk| state.update(chunk))?;
        Ok(state.finalize().to_vec())
    }
}
