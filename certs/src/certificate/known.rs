//! Certificates that were met before: a signer's comes with each of its signatures.

use std::sync::{Arc, LazyLock};

use moka::sync::Cache;

use super::{Certificate, CertificateError};

/// What all remembered certificates may take together: some thousand.
const KNOWN_MAX_BYTES: u64 = 16 * 1_024 * 1_024;
/// A certificate is kept as it is, in parts and decoded: some four times its bytes.
const KEPT_TIMES: usize = 4;

static KNOWN: LazyLock<Cache<Arc<[u8]>, Arc<Certificate>>> = LazyLock::new(|| {
    let weigh = |der: &Arc<[u8]>, _: &Arc<Certificate>| {
        u32::try_from(der.len() * KEPT_TIMES).unwrap_or(u32::MAX)
    };
    let cache = Cache::builder().max_capacity(KNOWN_MAX_BYTES);
    cache.weigher(weigh).build()
});

impl Certificate {
    /// As [`Self::parse`], from memory where the same bytes were met before. What is remembered
    /// follows from the bytes alone; whether a certificate may be trusted is never kept.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn shared(der: &[u8]) -> Result<Arc<Self>, CertificateError> {
        if let Some(known) = KNOWN.get(der) {
            return Ok(known);
        }
        let parsed = Arc::new(Self::parse(der)?);
        KNOWN.insert(der.into(), Arc::clone(&parsed));
        Ok(parsed)
    }
}
