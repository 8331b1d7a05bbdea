//! Digests of the package's files, each computed once per algorithm.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use schemas::ofd::container::{FileId, Package};
use schemas::ofd::{Refusal, limits};
use schemas::verdict::FindingCode;
use sha2::{Sha256, Sha384, Sha512};
use sm3::{Digest, Sm3};

use crate::digest::{DigestAlgorithm, sm3_of_each};
use crate::signed_value::known_seal;

/// Most files that are read before they are digested together: of those that the package does not
/// keep, not more are in memory.
const TOGETHER: usize = 32;

/// Digests that were already computed.
pub(super) struct Hashes<'p, 'a> {
    package: &'p Package<'a>,
    known: RefCell<HashMap<(FileId, DigestAlgorithm), Vec<u8>>>,
    /// Bytes that may still be digested.
    bytes_left: Cell<u64>,
}

impl<'p, 'a> Hashes<'p, 'a> {
    /// Of a package; at most so many bytes are digested.
    pub(super) fn new(package: &'p Package<'a>, most_bytes: u64) -> Self {
        Self {
            package,
            known: RefCell::default(),
            bytes_left: Cell::new(most_bytes),
        }
    }

    /// Computes the SM3 of many files at once; of those that do not inflate nothing is known
    /// afterwards, and [`Self::digest`] says why. Large files are digested in passing instead.
    pub(super) fn prepare(&self, files: &[FileId]) {
        let is_wanted = |file: &&FileId| {
            let is_known = self
                .known
                .borrow()
                .contains_key(&(**file, DigestAlgorithm::Sm3))
                || self.shared(**file).is_some();
            !is_known && self.package.size_bytes(**file) <= limits::KEPT_ENTRY_BYTES
        };
        let wanted: Vec<FileId> = files.iter().filter(is_wanted).copied().collect();
        for group in wanted.chunks(TOGETHER) {
            let read = |file: &FileId| {
                self.spend(*file).ok()?;
                Some((*file, self.package.read(*file).ok()?))
            };
            let mut contents: Vec<(FileId, Cow<'_, [u8]>)> =
                group.iter().filter_map(read).collect();
            contents.retain(|(file, content)| {
                let seal = known_seal::digest_of(content);
                if let Some(digest) = seal {
                    let name = (*file, DigestAlgorithm::Sm3);
                    self.known.borrow_mut().insert(name, digest.to_vec());
                }
                seal.is_none()
            });
            let messages: Vec<&[u8]> = contents.iter().map(|(_, content)| &**content).collect();
            let digests = sm3_of_each(&messages);
            let mut known = self.known.borrow_mut();
            for ((file, _), digest) in contents.iter().zip(digests) {
                if let Some(shared) = self.package.shared(*file) {
                    shared.keep_sm3(digest);
                }
                known.insert((*file, DigestAlgorithm::Sm3), digest.to_vec());
            }
        }
    }

    /// The digest of a file.
    ///
    /// # Errors
    /// The file does not inflate; `ZIP_BOMB` past the most bytes.
    pub(super) fn digest(
        &self,
        file: FileId,
        algorithm: DigestAlgorithm,
    ) -> Result<Vec<u8>, Refusal> {
        if let Some(known) = self.known.borrow().get(&(file, algorithm)) {
            return Ok(known.clone());
        }
        if let Some(shared) = self
            .shared(file)
            .filter(|_| algorithm == DigestAlgorithm::Sm3)
        {
            return Ok(shared.to_vec());
        }
        self.spend(file)?;
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

    /// A file may be digested by each of four algorithms, when as many signatures ask for it.
    fn spend(&self, file: FileId) -> Result<(), Refusal> {
        let left = self.bytes_left.get();
        let left = left.checked_sub(self.package.size_bytes(file));
        let Some(left) = left else {
            let detail = "too many bytes to digest by all algorithms together";
            return Err(Refusal::new(FindingCode::ZipBomb, detail));
        };
        self.bytes_left.set(left);
        Ok(())
    }

    /// SM3 of a file that another package had too.
    fn shared(&self, file: FileId) -> Option<[u8; 32]> {
        self.package.shared(file)?.sm3()
    }

    fn compute<D: Digest>(&self, file: FileId) -> Result<Vec<u8>, Refusal> {
        let mut state = D::new();
        self.package
            .stream(file, &mut |chunk| state.update(chunk))?;
        Ok(state.finalize().to_vec())
    }
}
