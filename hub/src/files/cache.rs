//! Files in memory by their digest.

use moka::future::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Digested;
use crate::node::RETRY_AFTER_S;
use crate::refusal::Refusal;

/// Bytes of files kept in memory: at 50 KB a licence some 5,000 of them.
pub(super) const FILES_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Files fetched at the same time: more would only share the same bus and disk.
pub(super) const FETCHES_MAX: usize = 64;

/// Bytes of files that are being put together at the same time: four of the largest size.
pub(super) const ASSEMBLING_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Unit in which the bytes being put together are counted.
const ASSEMBLING_UNIT_BYTES: u64 = 64 * 1024;

/// Files by digest, with single flight and the bounds on fetching.
pub(crate) struct FileCache {
    files: Cache<String, Digested>,
    fetches: Semaphore,
    assembling: Semaphore,
}

/// Room for one fetch; given back when dropped.
pub(super) struct Room<'a> {
    _fetch: SemaphorePermit<'a>,
    _bytes: SemaphorePermit<'a>,
}

impl FileCache {
    pub(crate) fn new() -> Self {
        let units = usize::try_from(ASSEMBLING_BYTES_MAX / ASSEMBLING_UNIT_BYTES);
        Self {
            files: Cache::builder()
                .max_capacity(FILES_BYTES_MAX)
                .weigher(|_, file: &Digested| u32::try_from(file.bytes().len()).unwrap_or(u32::MAX))
                .build(),
            fetches: Semaphore::new(FETCHES_MAX),
            assembling: Semaphore::new(units.unwrap_or(Semaphore::MAX_PERMITS)),
        }
    }

    /// The file with this digest; `fetch` gets it, once for all who want it at the same time.
    /// The second value says whether it was fetched now.
    pub(super) async fn file<F>(&self, sm3: &str, fetch: F) -> Result<(Digested, bool), Refusal>
    where
        F: Future<Output = Result<Digested, Refusal>>,
    {
        let entry = self
            .files
            .entry_by_ref(sm3)
            .or_try_insert_with(fetch)
            .await
            .map_err(|refusal| (*refusal).clone())?;
        let is_fresh = entry.is_fresh();
        Ok((entry.into_value(), is_fresh))
    }

    /// Room for fetching a file of this size, or the advice to come back.
    pub(super) fn room(&self, size_bytes: u64) -> Result<Room<'_>, Refusal> {
        let busy = |_| Refusal::Overloaded {
            retry_after_s: RETRY_AFTER_S,
        };
        let units = u32::try_from(size_bytes.div_ceil(ASSEMBLING_UNIT_BYTES)).unwrap_or(u32::MAX);
        Ok(Room {
            _fetch: self.fetches.try_acquire().map_err(busy)?,
            _bytes: self.assembling.try_acquire_many(units).map_err(busy)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetching_is_bounded_in_number_and_in_bytes() {
        let cache = FileCache::new();
        let large = super::super::FILE_BYTES_MAX;
        let rooms: Vec<_> = (0..4).map(|_| cache.room(large)).collect();
        assert!(rooms.iter().all(Result::is_ok), "four of the largest");
        assert!(
            matches!(cache.room(1), Err(Refusal::Overloaded { .. })),
            "no byte more"
        );
        drop(rooms);
        let rooms: Vec<_> = (0..FETCHES_MAX).map(|_| cache.room(1)).collect();
        assert!(rooms.iter().all(Result::is_ok));
        assert!(
            matches!(cache.room(1), Err(Refusal::Overloaded { .. })),
            "no fetch more"
        );
    }

    #[tokio::test]
    async fn many_who_want_one_file_fetch_it_once() {
        let (cache, fetched) = (FileCache::new(), std::sync::atomic::AtomicU32::new(0));
        let want = || async {
            let fetch = async {
                fetched.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok(Digested::new(bytes::Bytes::from_static(b"file")))
            };
            cache.file("sm3", fetch).await.expect("fetched").1
        };
        let fresh = futures_util::future::join_all((0..20).map(|_| want())).await;
        assert_eq!(fresh.iter().filter(|fresh| **fresh).count(), 1);
        assert_eq!(fetched.into_inner(), 1);
    }
}
