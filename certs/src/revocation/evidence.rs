//! Revocation data that came with a file.

use schemas::seal::{OcspResponse, RevocationData};

use crate::crl::Crl;

/// Lists and OCSP responses that a file carries along, read once. Nothing is believed because it
/// stands there: who signed it is asked where it is used.
#[derive(Default)]
pub struct Evidence<'a> {
    lists: Vec<Crl>,
    responses: Vec<OcspResponse<'a>>,
    unreadable: usize,
}

impl<'a> Evidence<'a> {
    /// Nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            lists: Vec::new(),
            responses: Vec::new(),
            unreadable: 0,
        }
    }

    /// Reads lists and responses in DER. What cannot be read says nothing, and is counted.
    #[must_use]
    pub fn read(
        lists: impl IntoIterator<Item = &'a [u8]>,
        responses: impl IntoIterator<Item = &'a [u8]>,
    ) -> Self {
        let mut evidence = Self::none();
        for der in lists {
            match Crl::parse(der) {
                Ok(list) => evidence.lists.push(list),
                Err(_) => evidence.unreadable += 1,
            }
        }
        for der in responses {
            match OcspResponse::parse(der) {
                Ok(response) => evidence.responses.push(response),
                Err(_) => evidence.unreadable += 1,
            }
        }
        evidence
    }

    /// What a `SignedData` carries.
    #[must_use]
    pub fn of(data: &RevocationData<'a>) -> Self {
        Self::read(data.lists.iter().copied(), data.responses.iter().copied())
    }

    /// How many lists and responses could not be read.
    #[must_use]
    pub const fn unreadable(&self) -> usize {
        self.unreadable
    }

    pub(super) fn lists(&self) -> impl Iterator<Item = &Crl> {
        self.lists.iter()
    }

    pub(super) fn responses(&self) -> impl Iterator<Item = &OcspResponse<'a>> {
        self.responses.iter()
    }
}
