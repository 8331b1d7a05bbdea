//! X.509 certificates: what is read keeps its bytes, and what chains to the seeds' authorities is
//! one of the certificates that they issued.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use certs::certificate::{Certificate, MAX_CERTIFICATE_BYTES};
use certs::effort::Effort;
use certs::path;

use super::{TRUST, at, files};

/// What a certificate says that a decision depends on: subject, serial number, digest of the key,
/// end, whether it is an authority's.
type Said = (Vec<u8>, Vec<u8>, [u8; 32], i64, bool);

static ISSUED: LazyLock<BTreeSet<Said>> = LazyLock::new(|| {
    let seeds = files("seeds/certificate").into_iter();
    let parse = |(_, der): (_, Vec<u8>)| Certificate::parse(&der).expect("a seed");
    seeds
        .map(parse)
        .map(|certificate| said(&certificate))
        .collect()
});

/// Checks one certificate.
pub fn check(data: &[u8]) {
    let Ok(certificate) = Certificate::parse(data) else {
        return;
    };
    assert!(data.len() <= MAX_CERTIFICATE_BYTES);
    assert_eq!(certificate.der(), data);
    let again = Certificate::parse(certificate.der()).expect("it was read before");
    assert_eq!(said(&certificate), said(&again));
    assert_eq!(certificate.subject_text(), again.subject_text());
    if is_genuine(data) {
        assert!(ISSUED.contains(&said(&certificate)), "a forged certificate");
    }
}

/// Whether a path leads from it to the authorities of the seeds.
#[must_use]
pub fn is_genuine(data: &[u8]) -> bool {
    let Ok(certificate) = Certificate::parse(data) else {
        return false;
    };
    let chain = path::build(
        &Arc::new(certificate),
        &[],
        &TRUST,
        at(),
        &Effort::of_a_file(),
    );
    chain.is_ok_and(|chain| chain.len() <= path::MAX_PATH_CERTIFICATES)
}

fn said(certificate: &Certificate) -> Said {
    (
        certificate.subject().to_vec(),
        certificate.serial().to_vec(),
        *certificate.key_digest(),
        certificate.not_after().timestamp(),
        certificate.is_ca(),
    )
}
