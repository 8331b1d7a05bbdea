//! What is signed: bytes that are hashed where they stand, in memory or in a file.

use std::ops::Range;

use schemas::pdf::PdfError;
use schemas::pdf::source::FileBytes;
use sha2::{Sha256, Sha384, Sha512};
use sm3::{Digest, Sm3};

use crate::digest::DigestAlgorithm;

/// Bytes from the beginning of a file to some end, with or without a gap.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    file: FileBytes<'a>,
    gap_start: usize,
    gap_end: usize,
    end: usize,
}

impl<'a> Message<'a> {
    /// All of these bytes.
    #[must_use]
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self::whole(FileBytes::Memory(bytes))
    }

    /// All of a file.
    #[must_use]
    pub const fn whole(file: FileBytes<'a>) -> Self {
        let end = file.length();
        Self {
            file,
            gap_start: end,
            gap_end: end,
            end,
        }
    }

    /// The first `end` bytes of a file without those of `gap`.
    #[must_use]
    pub const fn around(file: FileBytes<'a>, gap: &Range<usize>, end: usize) -> Self {
        Self {
            file,
            gap_start: gap.start,
            gap_end: gap.end,
            end,
        }
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn length(self) -> usize {
        self.gap_start + self.end.saturating_sub(self.gap_end)
    }

    /// Calls `take` with all of it in order, piece after piece.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn each(self, mut take: impl FnMut(&[u8])) -> Result<(), PdfError> {
        let mut take = |piece: &[u8]| {
            take(piece);
            true
        };
        self.file.pieces(0..self.gap_start, &mut take)?;
        self.file.pieces(self.gap_end..self.end, &mut take)
    }

    /// Its digest.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn digest(self, algorithm: DigestAlgorithm) -> Result<Vec<u8>, PdfError> {
        fn of<D: Digest>(message: Message<'_>) -> Result<Vec<u8>, PdfError> {
            let mut hasher = D::new();
            message.each(|piece| hasher.update(piece))?;
            Ok(hasher.finalize().to_vec())
        }
        match algorithm {
            DigestAlgorithm::Sm3 => of::<Sm3>(self),
            DigestAlgorithm::Sha256 => of::<Sha256>(self),
            DigestAlgorithm::Sha384 => of::<Sha384>(self),
            DigestAlgorithm::Sha512 => of::<Sha512>(self),
        }
    }

    /// Whether it has this digest. What cannot be read has none.
    #[must_use]
    pub fn has_digest(self, algorithm: DigestAlgorithm, digest: &[u8]) -> bool {
        self.digest(algorithm).is_ok_and(|own| own == digest)
    }

    /// A copy of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn copied(self) -> Result<Vec<u8>, PdfError> {
        let mut bytes = Vec::with_capacity(self.length());
        self.each(|piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }
}
