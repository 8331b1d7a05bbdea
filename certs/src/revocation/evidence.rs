//! Revocation data that came with a file.

use std::cell::RefCell;

use schemas::seal::{OcspResponse, RevocationData};

use crate::certificate::Certificate;
use crate::crl::Crl;

/// Lists and OCSP responses that a file carries along, read once. Nothing is believed because it
/// stands there: who signed it is asked where it is used.
#[derive(Default)]
pub struct Evidence<'a> {
    lists: Vec<Crl>,
    responses: Vec<Carried<'a>>,
    unreadable: usize,
}

/// A response, and the digests of the issuers' keys for which it is known whether it counts: one
/// file may have hundreds of signatures that ask the same.
pub(super) struct Carried<'a> {
    pub(super) response: OcspResponse<'a>,
    asked: RefCell<Vec<([u8; 32], bool)>>,
}

impl Carried<'_> {
    /// Whether it counts for certificates of `issuer`, which `find_out` tells once.
    pub(super) fn counts_for(&self, issuer: &Certificate, find_out: impl Fn() -> bool) -> bool {
        let key = *issuer.digest();
        let mut asked = self.asked.borrow_mut();
        let known = asked.iter().find(|(known, _)| *known == key);
        known.map(|(_, counts)| *counts).unwrap_or_else(|| {
            let counts = find_out();
            asked.push((key, counts));
            counts
        })
    }
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
                Ok(response) => evidence.responses.push(Carried {
                    response,
                    asked: RefCell::default(),
                }),
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

    pub(super) fn responses(&self) -> impl Iterator<Item = &Carried<'a>> {
        self.responses.iter()
    }
}
