//! Parts that many packages share, and what follows from their bytes alone.
//!
//! The licences of a type have one template page, often the largest part of all, and the same
//! fonts. Whoever verifies many of them need not unpack, read and digest these again and again:
//! packed bytes that are equal unpack to equal bytes. What a package shows for the first time, its
//! pages, its pictures and its metadata, is never looked for here.

use std::sync::{Arc, OnceLock};

use super::links::Scan;

/// Most locations, templates and composite units of a template page that is remembered; one that
/// names more is read each time.
const NAMED_MAX: usize = 32;

/// Longest of those names that is remembered, in bytes.
const NAME_MAX_BYTES: usize = 128;

/// A memory of shared parts.
pub trait SharedParts: Sync {
    /// What is known of a part with this form and these packed bytes, all of which must be equal.
    /// None for a part that is not worth remembering.
    fn recall(&self, form: PackedForm, packed: &[u8]) -> Option<Arc<SharedPart>>;
}

/// What the central directory says about a part beside its name, and the length of its packed
/// bytes: parts that differ in it differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PackedForm {
    /// Length of the packed bytes.
    pub packed_bytes: usize,
    /// Announced length of the unpacked bytes.
    pub size_bytes: u64,
    /// Announced CRC-32 of the unpacked bytes.
    pub checksum: u32,
    /// Whether the part is deflated, else it is stored.
    pub is_deflated: bool,
}

/// What was found out about a part that unpacks as announced.
#[derive(Debug)]
pub struct SharedPart {
    packed: Box<[u8]>,
    sm3: OnceLock<[u8; 32]>,
    page: OnceLock<Scan>,
}

impl SharedPart {
    /// A part of these packed bytes, of which nothing is known yet.
    #[must_use]
    pub fn new(packed: &[u8]) -> Self {
        Self {
            packed: packed.into(),
            sm3: OnceLock::new(),
            page: OnceLock::new(),
        }
    }

    /// Its packed bytes.
    #[must_use]
    pub fn packed(&self) -> &[u8] {
        &self.packed
    }

    /// SM3 of the unpacked bytes, if somebody has computed it.
    #[must_use]
    pub fn sm3(&self) -> Option<[u8; 32]> {
        self.sm3.get().copied()
    }

    /// Keeps the SM3 of the unpacked bytes.
    pub fn keep_sm3(&self, sm3: [u8; 32]) {
        self.sm3.get_or_init(|| sm3);
    }

    /// What it names and contains, if somebody has read it as a page.
    pub(super) fn page(&self) -> Option<&Scan> {
        self.page.get()
    }

    /// Keeps what it names and contains as a page, unless that is much.
    pub(super) fn keep_page(&self, page: &Scan) {
        let named = page.names();
        let fits = |name: &str| name.len() <= NAME_MAX_BYTES;
        if named.clone().count() <= NAMED_MAX && named.into_iter().all(fits) {
            self.page.get_or_init(|| page.clone());
        }
    }
}
