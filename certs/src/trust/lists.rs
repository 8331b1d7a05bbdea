//! Revocation lists of a store, and what those said that newer ones took the place of.
//!
//! A newer complete list takes the place of the older ones of the same issuer and key. It need not
//! say all that they said: authorities take expired certificates off their lists (RFC 5280 §3.3).
//! So of every older list it is remembered whom it named and the newer one does not name. What is
//! remembered follows from which lists came, not from the order in which they came.
//!
//! Nothing that was known is let go of: an older list that does not fit into what may be remembered
//! stays whole beside the newer one, and a store that has no room for lists either refuses the next
//! with an error. (`\[P\]` profile)

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{MAX_CRLS, TrustError};
use crate::certificate::Certificate;
use crate::crl::Crl;

/// Bytes that may be remembered of older lists: more than a million certificates that expired.
/// (`\[P\]` profile)
pub(super) const MAX_EARLIER_BYTES: usize = 128 * 1024 * 1024;
/// Claimed for a remembered certificate beside its serial number.
const NAMED_BYTES: usize = 96;
/// Claimed for a remembered list beside what it named.
const EARLIER_BYTES: usize = 128;

type Digest = [u8; 32];

/// Lists of a store.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    /// By SM3 of the list.
    kept: BTreeMap<Digest, TrustedCrl>,
    /// What older lists said, by who made them.
    earlier: BTreeMap<Maker, Arc<Earlier>>,
}

/// What a list of the store says about one certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListWord {
    pub(crate) this_update: DateTime<Utc>,
    pub(crate) next_update: Option<DateTime<Utc>>,
    /// None when the list does not name it.
    pub(crate) revoked_since: Option<DateTime<Utc>>,
    /// Whether not to be named says nothing.
    pub(crate) is_partial: bool,
}

/// Who made a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Maker {
    /// DER of the issuer's name.
    issuer: Vec<u8>,
    /// Keys of the CAs that were found to have signed it; empty while none is known.
    keys: BTreeSet<Digest>,
}

#[derive(Clone, Debug)]
struct TrustedCrl {
    list: Arc<Crl>,
    maker: Maker,
}

/// What is remembered of the older complete lists of one maker.
#[derive(Clone, Debug, Default)]
struct Earlier {
    digests: BTreeSet<Digest>,
    /// When they were made: whom a later one of them did not name was let go, unless expired.
    dates: BTreeSet<DateTime<Utc>>,
    /// By serial number.
    named: HashMap<Box<[u8]>, Named>,
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Named {
    /// When the newest of the older lists that name it was made.
    listed: DateTime<Utc>,
    /// Since when that one says that it is revoked.
    since: DateTime<Utc>,
}

impl Lists {
    /// Whether exactly this list came before.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        let mut earlier = self.earlier.values();
        self.kept.contains_key(digest) || earlier.any(|one| one.digests.contains(digest))
    }

    /// Takes in a list that may have been made by one of `issuers`; `room` are the bytes that may
    /// be remembered of older lists.
    ///
    /// # Errors
    /// When there is no room for one more.
    pub(super) fn take<'a>(
        &mut self,
        list: Crl,
        issuers: impl Iterator<Item = &'a Arc<Certificate>>,
        room: usize,
    ) -> Result<(), TrustError> {
        let digest = *list.digest();
        let issuer = list.issuer().to_vec();
        let mut trusted = TrustedCrl {
            maker: Maker {
                issuer: issuer.clone(),
                keys: BTreeSet::new(),
            },
            list: Arc::new(list),
        };
        issuers.for_each(|issuer| trusted.ask(issuer));
        self.kept.insert(digest, trusted);
        self.settle(&issuer, room);
        if self.kept.len() > MAX_CRLS {
            self.kept.remove(&digest);
            return Err(TrustError::Full { limit: MAX_CRLS });
        }
        Ok(())
    }

    /// Finds out which lists a CA made that is new in the store.
    pub(super) fn ask(&mut self, issuer: &Certificate, room: usize) {
        for trusted in self.kept.values_mut() {
            trusted.ask(issuer);
        }
        self.settle(issuer.subject(), room);
    }

    /// Every list that is kept whole.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Crl> {
        self.kept.values().map(|trusted| &*trusted.list)
    }

    /// SM3 of every list that came, kept or remembered, in order.
    pub(super) fn digests(&self) -> BTreeSet<&Digest> {
        let earlier = self.earlier.values().flat_map(|one| &one.digests);
        self.kept.keys().chain(earlier).collect()
    }

    /// What lists say about a certificate that `issuer` made: its own, and those of `fellows`, keys
    /// of other CAs that may speak for it. Those add revocations alone: authorities that changed
    /// their key may go on with a list for each, which is silent about the others' certificates.
    /// The signatures of an issuer that the store holds were checked when the lists came.
    pub(super) fn words(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        is_held: bool,
        fellows: &[Digest],
    ) -> Vec<ListWord> {
        let (serial, key) = (certificate.serial(), issuer.key_digest());
        let is_of_fellow = |maker: &Maker| fellows.iter().any(|key| maker.keys.contains(key));
        let kept = self.kept.values();
        let kept = kept.filter(|trusted| trusted.maker.issuer == issuer.subject());
        let kept = kept.filter_map(|trusted| {
            let (list, maker) = (&trusted.list, &trusted.maker);
            let is_found_out = is_held || !maker.keys.is_empty();
            let is_own = maker.keys.contains(key)
                || (!is_found_out && list.verify_signed_by(issuer).is_ok());
            (is_own || is_of_fellow(maker)).then(|| ListWord {
                this_update: list.this_update(),
                next_update: list.next_update(),
                revoked_since: list.revoked_at(serial),
                is_partial: !is_own || list.is_partial(),
            })
        });
        let makers = self.earlier.iter();
        let makers = makers.filter(|(maker, _)| maker.issuer == issuer.subject());
        let earlier = makers.filter_map(|(maker, earlier)| {
            let is_own = maker.keys.contains(key);
            let counts = is_own || is_of_fellow(maker);
            let named = earlier.named.get(serial).filter(|_| counts)?;
            let was_let_go = self.is_made_between(maker, named.listed, certificate.not_after());
            (!was_let_go).then_some(ListWord {
                this_update: named.listed,
                next_update: None,
                revoked_since: Some(named.since),
                is_partial: !is_own,
            })
        });
        kept.chain(earlier).collect()
    }

    /// Whether the maker made a complete list after `start`, and until `end`: it speaks of every
    /// certificate that had not expired by then.
    fn is_made_between(&self, maker: &Maker, start: DateTime<Utc>, end: DateTime<Utc>) -> bool {
        let earlier = self.earlier.get(maker).and_then(|earlier| {
            let after = (Bound::Excluded(start), Bound::Unbounded);
            earlier.dates.range(after).next().copied()
        });
        let kept = self.kept.values();
        let kept = kept.filter(|trusted| trusted.maker == *maker && !trusted.list.is_partial());
        let mut dates = kept
            .map(|trusted| trusted.list.this_update())
            .chain(earlier);
        dates.any(|date| start < date && date <= end)
    }

    /// Remembers what complete lists of the issuer say that a newer one took the place of. Only a
    /// list whose signature was checked may take another one's place.
    fn settle(&mut self, issuer: &[u8], room: usize) {
        let is_settled = |trusted: &&TrustedCrl| {
            trusted.maker.issuer == issuer
                && !trusted.maker.keys.is_empty()
                && !trusted.list.is_partial()
        };
        let mut newest: BTreeMap<Maker, Arc<Crl>> = BTreeMap::new();
        for trusted in self.kept.values().filter(is_settled) {
            let known = newest.entry(trusted.maker.clone());
            let known = known.or_insert_with(|| Arc::clone(&trusted.list));
            if known.this_update() < trusted.list.this_update() {
                *known = Arc::clone(&trusted.list);
            }
        }
        let mut left = room.saturating_sub(self.earlier.values().map(|one| one.bytes).sum());
        let earlier = &mut self.earlier;
        self.kept.retain(|_, trusted| {
            let newer = newest.get(&trusted.maker).filter(|newer| {
                !trusted.list.is_partial() && trusted.list.this_update() < newer.this_update()
            });
            let Some(newer) = newer else {
                return true;
            };
            let known = earlier.get(&trusted.maker);
            let bytes = bytes_of(&trusted.list, newer, known.map(|known| &**known));
            if bytes > left {
                return true;
            }
            left -= bytes;
            let earlier = earlier.entry(trusted.maker.clone()).or_default();
            Arc::make_mut(earlier).remember(&trusted.list, newer, bytes);
            false
        });
    }
}

impl Earlier {
    fn remember(&mut self, list: &Crl, newer: &Crl, bytes: usize) {
        self.bytes += bytes;
        self.digests.insert(*list.digest());
        self.dates.insert(list.this_update());
        for (serial, since) in only_in(list, newer) {
            let listed = list.this_update();
            let named = Named { listed, since };
            let known = self.named.entry(serial.into()).or_insert(named);
            if known.listed < listed {
                *known = named;
            } else if known.listed == listed {
                known.since = known.since.min(since);
            }
        }
    }
}

impl TrustedCrl {
    fn ask(&mut self, issuer: &Certificate) {
        if self.maker.issuer == issuer.subject() && self.list.verify_signed_by(issuer).is_ok() {
            self.maker.keys.insert(*issuer.key_digest());
        }
    }
}

/// What remembering a list claims beyond what is remembered already.
fn bytes_of(list: &Crl, newer: &Crl, known: Option<&Earlier>) -> usize {
    let is_known = |serial| known.is_some_and(|known| known.named.contains_key(serial));
    let named = only_in(list, newer).filter(|(serial, _)| !is_known(*serial));
    let named = named.map(|(serial, _)| serial.len() + NAMED_BYTES);
    EARLIER_BYTES + named.sum::<usize>()
}

/// Whom the newer list names says it itself, and later than any older one.
fn only_in<'a>(
    list: &'a Crl,
    newer: &'a Crl,
) -> impl Iterator<Item = (&'a [u8], DateTime<Utc>)> + 'a {
    let named = list.named();
    named.filter(|(serial, _)| newer.revoked_at(serial).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Authority, CertificateSpec, CrlSpec, instant};

    #[test]
    fn what_does_not_fit_into_memory_stays_whole_and_says_the_same() {
        let root = Authority::root("Root CA", 1);
        let spec = CertificateSpec {
            serial: 7,
            not_after: "20260301000000Z",
            ..CertificateSpec::signer("Office")
        };
        let leaf = root.issue(&spec, 2);
        let naming = root.crl(&CrlSpec {
            revoked: vec![(7, "20250601000000Z")],
            ..CrlSpec::default()
        });
        let silent = root.crl(&CrlSpec {
            this_update: "20260401000000Z",
            ..CrlSpec::default()
        });
        let certificate = root.shared();
        let with = |room| {
            let mut lists = Lists::default();
            for der in [&naming, &silent] {
                let list = Crl::parse(der).unwrap();
                lists.take(list, [&certificate].into_iter(), room).unwrap();
            }
            let words = lists.words(leaf.certificate(), root.certificate(), true, &[]);
            let since: Vec<_> = words.iter().filter_map(|word| word.revoked_since).collect();
            let digests: Vec<_> = lists.digests().into_iter().copied().collect();
            (lists.kept().count(), since, digests)
        };
        let (kept, since, digests) = with(EARLIER_BYTES + NAMED_BYTES + 1);
        assert_eq!(kept, 1);
        assert_eq!(since, [instant("20250601000000Z")]);
        assert_eq!(with(EARLIER_BYTES + NAMED_BYTES), (2, since, digests));
    }
}
