//! Revocation lists: bounded, and believed only when they say what one of the seeds says.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use certs::crl::{Crl, MAX_CRL_BYTES, MAX_CRL_ENTRIES};

use super::{TRUST, files};

/// Issuer, dates, number of entries, whether it is partial.
type Said = (Vec<u8>, i64, Option<i64>, usize, bool);

static MADE: LazyLock<BTreeSet<Said>> = LazyLock::new(|| {
    let seeds = files("seeds/crl").into_iter();
    seeds
        .map(|(_, der)| said(&Crl::parse(&der).expect("a seed")))
        .collect()
});

/// Checks one list.
pub fn check(data: &[u8]) {
    let Ok(list) = Crl::parse(data) else {
        return;
    };
    assert!(data.len() <= MAX_CRL_BYTES && list.entries() <= MAX_CRL_ENTRIES);
    let again = Crl::parse(data).expect("it was read before");
    assert_eq!((said(&list), list.digest()), (said(&again), again.digest()));
    if is_genuine(data) {
        assert!(MADE.contains(&said(&list)), "a forged list");
    }
}

/// Whether an authority of the seeds made it.
#[must_use]
pub fn is_genuine(data: &[u8]) -> bool {
    let made_by = |list: Crl| {
        let mut authorities = TRUST.certificates();
        authorities.any(|(authority, _)| list.verify_signed_by(authority).is_ok())
    };
    Crl::parse(data).is_ok_and(made_by)
}

fn said(list: &Crl) -> Said {
    (
        list.issuer().to_vec(),
        list.this_update().timestamp(),
        list.next_update().map(|next| next.timestamp()),
        list.entries(),
        list.is_partial(),
    )
}
