//! A writer of ZIP files that says whatever it is told.

use super::scene::Parts;

pub(super) const LOCAL: &[u8] = b"PK\x03\x04";
pub(super) const CENTRAL: &[u8] = b"PK\x01\x02";
pub(super) const END: &[u8] = b"PK\x05\x06";
pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;
/// Sizes and checksum follow the data.
pub(super) const DESCRIPTOR: u16 = 8;

/// One entry with everything that its two headers may say.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) data: Vec<u8>,
    pub(super) crc: u32,
    pub(super) size: usize,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) local_method: u16,
    pub(super) local_packed: Option<usize>,
    pub(super) local_extra: Vec<u8>,
    pub(super) central_extra: Vec<u8>,
    pub(super) comment: Vec<u8>,
}

impl Entry {
    pub(super) fn stored(name: &str, content: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            data: content.to_vec(),
            crc: crc32(content),
            size: content.len(),
            method: STORED,
            flags: 0,
            local_method: STORED,
            local_packed: None,
            local_extra: Vec::new(),
            central_extra: Vec::new(),
            comment: Vec::new(),
        }
    }

    /// Deflated into one stored block, so that the content stands there as it is.
    pub(super) fn deflated(name: &str, content: &[u8]) -> Self {
        let length = u16::try_from(content.len()).unwrap();
        let head = [&[1], &length.to_le_bytes()[..], &(!length).to_le_bytes()].concat();
        Self {
            data: [&head, content].concat(),
            method: DEFLATED,
            local_method: DEFLATED,
            ..Self::stored(name, content)
        }
    }

    pub(super) fn fields(&self, method: u16, packed: usize, lengths: [usize; 2]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in [20, self.flags, method, 0, 0x21] {
            bytes.extend_from_slice(&u16::to_le_bytes(field));
        }
        for field in [self.crc, long(packed), long(self.size)] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        for length in lengths {
            bytes.extend_from_slice(&short(length));
        }
        bytes
    }

    pub(super) fn local(&self) -> Vec<u8> {
        let packed = self.local_packed.unwrap_or(self.data.len());
        let lengths = [self.name.len(), self.local_extra.len()];
        let fields = self.fields(self.local_method, packed, lengths);
        [
            LOCAL,
            &fields,
            self.name.as_bytes(),
            &self.local_extra,
            &self.data,
        ]
        .concat()
    }

    pub(super) fn central(&self, offset: usize) -> Vec<u8> {
        let lengths = [self.name.len(), self.central_extra.len()];
        let fields = self.fields(self.method, self.data.len(), lengths);
        let rest = [
            &short(self.comment.len())[..],
            &[0; 8],
            &long(offset).to_le_bytes(),
        ]
        .concat();
        let name = self.name.as_bytes();
        [
            CENTRAL,
            &[20, 3],
            &fields,
            &rest,
            name,
            &self.central_extra,
            &self.comment,
        ]
        .concat()
    }
}

/// A container put together piece by piece.
#[derive(Default)]
pub(super) struct Container {
    pub(super) bytes: Vec<u8>,
    pub(super) central: Vec<u8>,
    pub(super) count: usize,
}

impl Container {
    /// The sealed file, its entries stored.
    pub(super) fn sealed() -> Self {
        let mut container = Self::default();
        for (name, content) in &Parts::sealed().0 {
            container.add(&Entry::stored(name, content));
        }
        container
    }

    pub(super) fn add(&mut self, entry: &Entry) {
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(&entry.local());
        self.list(entry, offset);
    }

    pub(super) fn list(&mut self, entry: &Entry, offset: usize) {
        self.central.extend_from_slice(&entry.central(offset));
        self.count += 1;
    }

    pub(super) fn end(&self, start: usize, comment: usize) -> Vec<u8> {
        let count = short(self.count);
        let (size, start) = (long(self.central.len()), long(start));
        let places = [size.to_le_bytes(), start.to_le_bytes()].concat();
        [END, &[0; 4], &count, &count, &places, &short(comment)].concat()
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let end = self.end(self.bytes.len(), 0);
        [self.bytes, self.central, end].concat()
    }
}

pub(super) fn short(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap().to_le_bytes()
}

pub(super) fn long(value: usize) -> u32 {
    u32::try_from(value).unwrap()
}

pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let shift = |crc: u32| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
    let step = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shift(crc));
    !bytes.iter().fold(!0, step)
}

/// A Unicode Path field with another name for `name`.
pub(super) fn unicode_path(name: &str, other: &str) -> Vec<u8> {
    let crc = crc32(name.as_bytes()).to_le_bytes();
    let field = [&[1][..], &crc, other.as_bytes()].concat();
    [&0x7075_u16.to_le_bytes()[..], &short(field.len()), &field].concat()
}
