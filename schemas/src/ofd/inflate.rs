//! Unpacks one entry of a package: stored or deflated, of the announced size and checksum.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::Refusal;
use super::container::{bomb, broken};
use super::shared::PackedForm;

/// Most bytes that are inflated at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// An entry as the central directory describes it.
pub(super) struct Packed<'a> {
    pub(super) name: &'a str,
    /// The packed bytes.
    pub(super) data: &'a [u8],
    /// Whether they are deflated (RFC 1951), else they are stored.
    pub(super) is_deflated: bool,
    /// Announced size when unpacked.
    pub(super) size_bytes: u64,
    /// Announced CRC-32 of what is unpacked.
    pub(super) checksum: u32,
}

impl Packed<'_> {
    /// Passes what is packed to `sink`, in chunks; `state` is any inflater, used for this alone.
    ///
    /// # Errors
    /// `ZIP_BOMB` when it is more than announced, `ZIP_STRUCT` when it is less or another.
    pub(super) fn unpack(
        &self,
        state: &mut Decompress,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Refusal> {
        let mut seen = Seen::default();
        if self.is_deflated {
            self.inflate(state, &mut |chunk| {
                seen.add(self, chunk)?;
                sink(chunk);
                Ok(())
            })?;
        } else {
            seen.add(self, self.data)?;
            sink(self.data);
        }
        seen.finish(self)
    }

    /// What it is known by in a memory of shared parts.
    pub(super) fn form(&self) -> PackedForm {
        PackedForm {
            packed_bytes: self.data.len(),
            size_bytes: self.size_bytes,
            checksum: self.checksum,
            is_deflated: self.is_deflated,
        }
    }

    /// What stands behind the end of the stream is left alone.
    fn inflate(
        &self,
        state: &mut Decompress,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        state.reset(false);
        let announced = usize::try_from(self.size_bytes).unwrap_or(usize::MAX);
        let mut chunk = Vec::with_capacity(announced.clamp(1, CHUNK_BYTES));
        loop {
            let (taken, made) = (state.total_in(), state.total_out());
            let rest = usize::try_from(taken).ok();
            let rest = rest.and_then(|taken| self.data.get(taken..));
            chunk.clear();
            let status = state
                .decompress_vec(rest.unwrap_or_default(), &mut chunk, FlushDecompress::None)
                .map_err(|error| broken(format!("{}: {error}", self.name)))?;
            sink(&chunk)?;
            if status == Status::StreamEnd {
                return Ok(());
            }
            if (taken, made) == (state.total_in(), state.total_out()) {
                return Err(broken(format!(
                    "{}: the deflated data end early",
                    self.name
                )));
            }
        }
    }
}

/// What came out of an entry so far.
#[derive(Default)]
struct Seen {
    bytes: u64,
    checksum: Crc,
}

impl Seen {
    fn add(&mut self, packed: &Packed<'_>, chunk: &[u8]) -> Result<(), Refusal> {
        self.bytes += chunk.len() as u64;
        if self.bytes > packed.size_bytes {
            return Err(bomb(packed.name, "inflates to more than announced"));
        }
        self.checksum.update(chunk);
        Ok(())
    }

    fn finish(&self, packed: &Packed<'_>) -> Result<(), Refusal> {
        if self.bytes != packed.size_bytes {
            let detail = format!("{}: inflates to less than announced", packed.name);
            return Err(broken(detail));
        }
        if self.checksum.sum() != packed.checksum {
            return Err(broken(format!("{}: wrong checksum", packed.name)));
        }
        Ok(())
    }
}
