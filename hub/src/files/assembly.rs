//! The parts of one file, put together in whatever order they come.

use bytes::{Bytes, BytesMut};
use schemas::entry::FileReference;
use schemas::message::{CHUNK_BYTES, FileChunk};

use crate::refusal::Refusal;

/// One file that is put together; its room is taken at once.
pub(super) struct Assembly<'a> {
    identifier: &'a str,
    file: &'a FileReference,
    count: u32,
    taken: Vec<bool>,
    bytes: BytesMut,
}

/// How many parts a file of this size has.
pub(super) fn chunk_count(size_bytes: u64) -> Result<u32, Refusal> {
    let size_bytes = usize::try_from(size_bytes).map_err(Refusal::internal)?;
    u32::try_from(size_bytes.div_ceil(CHUNK_BYTES)).map_err(Refusal::internal)
}

impl<'a> Assembly<'a> {
    pub(super) fn new(identifier: &'a str, file: &'a FileReference) -> Result<Self, Refusal> {
        let count = chunk_count(file.size_bytes)?;
        let size_bytes = usize::try_from(file.size_bytes).map_err(Refusal::internal)?;
        Ok(Self {
            identifier,
            file,
            count,
            taken: vec![false; usize::try_from(count).map_err(Refusal::internal)?],
            bytes: BytesMut::zeroed(size_bytes),
        })
    }

    pub(super) fn is_complete(&self) -> bool {
        self.taken.iter().all(|taken| *taken)
    }

    /// Whether any part is there.
    pub(super) fn is_begun(&self) -> bool {
        self.taken.iter().any(|taken| *taken)
    }

    /// Numbers of the parts that are not there, ascending.
    pub(super) fn missing(&self) -> Vec<u32> {
        (0..)
            .zip(&self.taken)
            .filter_map(|(number, taken)| (!taken).then_some(number))
            .collect()
    }

    /// Takes a part to its place; one that is there already is passed over.
    pub(super) fn add(&mut self, chunk: &FileChunk, part: &[u8]) -> Result<(), Refusal> {
        let is_expected = chunk.identifier == self.identifier
            && chunk.file_sm3 == self.file.sm3
            && chunk.size_bytes == self.file.size_bytes
            && chunk.count == self.count
            && chunk.chunk_sm3 == hex::encode(certs::digest::sm3(part));
        let number = usize::try_from(chunk.number).map_err(Refusal::internal)?;
        // The place says how long the part must be.
        let place = self.bytes.chunks_mut(CHUNK_BYTES).nth(number);
        let taken = self.taken.get_mut(number);
        match (place, taken) {
            (Some(place), Some(taken)) if is_expected && place.len() == part.len() => {
                if !*taken {
                    place.copy_from_slice(part);
                    *taken = true;
                }
                Ok(())
            }
            _ => Err(Refusal::DigestMismatch),
        }
    }

    /// The whole file; what did not come is zero.
    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes.freeze()
    }
}

#[cfg(test)]
mod tests {
    use schemas::message::SealedBytes;
    use schemas::verdict::FileKind;

    use super::*;

    const SIZE: usize = 2 * CHUNK_BYTES + 3;

    fn chunk(number: u32, part: &[u8]) -> FileChunk {
        FileChunk {
            identifier: "id".to_owned(),
            file_sm3: "00".repeat(32),
            size_bytes: SIZE as u64,
            number,
            count: 3,
            chunk_sm3: hex::encode(certs::digest::sm3(part)),
            data: SealedBytes {
                recipient_key: String::new(),
                sealed: String::new(),
            },
        }
    }

    fn file() -> FileReference {
        FileReference {
            sm3: "00".repeat(32),
            size_bytes: SIZE as u64,
            kind: FileKind::Ofd,
        }
    }

    #[track_caller]
    fn check(name: &str, change: impl FnOnce(&mut FileChunk, &mut Vec<u8>), is_taken: bool) {
        let file = file();
        let mut assembly = Assembly::new("id", &file).expect("fits");
        for number in [1, 0] {
            let part = [7; CHUNK_BYTES];
            assembly.add(&chunk(number, &part), &part).expect("a part");
        }
        assert_eq!(assembly.missing(), [2], "{name}");
        let mut part = vec![8; 3];
        let mut last = chunk(2, &part);
        change(&mut last, &mut part);
        let is_complete = assembly.add(&last, &part).is_ok() && assembly.is_complete();
        assert_eq!(is_complete, is_taken, "{name}");
        if is_taken {
            let whole = [vec![7; 2 * CHUNK_BYTES], vec![8; 3]].concat();
            assert_eq!(assembly.into_bytes(), whole, "{name}");
        }
    }

    #[test]
    fn only_the_parts_that_were_asked_for_make_a_file() {
        check("as sent", |_, _| {}, true);
        check(
            "another licence",
            |chunk, _| chunk.identifier = "other".to_owned(),
            false,
        );
        check(
            "another file",
            |chunk, _| chunk.file_sm3 = "11".repeat(32),
            false,
        );
        check("another size", |chunk, _| chunk.size_bytes += 1, false);
        check("another count", |chunk, _| chunk.count = 4, false);
        check("in a longer place", |chunk, _| chunk.number = 1, false);
        check("in no place", |chunk, _| chunk.number = 3, false);
        check("other bytes", |_, part| *part = vec![9; 3], false);
        let longer = |chunk: &mut FileChunk, part: &mut Vec<u8>| {
            part.push(8);
            chunk.chunk_sm3 = hex::encode(certs::digest::sm3(part));
        };
        check("more bytes than the file has", longer, false);
        let shorter = |chunk: &mut FileChunk, part: &mut Vec<u8>| {
            part.pop();
            chunk.chunk_sm3 = hex::encode(certs::digest::sm3(part));
        };
        check("fewer bytes than the file has", shorter, false);
    }

    #[test]
    fn a_part_that_comes_twice_counts_once() {
        let file = file();
        let mut assembly = Assembly::new("id", &file).expect("fits");
        assert!(!assembly.is_begun());
        for value in [7, 9] {
            let part = [value; CHUNK_BYTES];
            assembly.add(&chunk(0, &part), &part).expect("passed over");
        }
        assert!(assembly.is_begun());
        assert_eq!(assembly.missing(), [1, 2]);
        assert_eq!(assembly.into_bytes().first(), Some(&7));
    }
}
