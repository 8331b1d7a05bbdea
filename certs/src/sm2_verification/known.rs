//! Keys that were met before, and the tables of those that come again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use moka::sync::Cache;

use super::Sm2PublicKey;
use super::table::Table;

/// Most bytes of all tables together: a thousand busy signers, or two thousand others.
const TABLES_MAX_BYTES: u64 = 128 * 1_024 * 1_024;
/// A key that is met this often gets a narrow table: it has paid for itself five uses later.
const NARROW_AFTER: u32 = 3;
const NARROW_WIDTH: u32 = 4;
/// A key that is met this often gets a wide one, which is a third faster.
const WIDE_AFTER: u32 = 200;
const WIDE_WIDTH: u32 = 7;
/// What a key takes in the cache without its table.
const KEY_BYTES: usize = 256;

static KNOWN: LazyLock<Cache<[u8; 64], Arc<Known>>> = LazyLock::new(|| {
    Cache::builder()
        .max_capacity(TABLES_MAX_BYTES)
        .weigher(|_, known: &Arc<Known>| u32::try_from(known.size_bytes()).unwrap_or(u32::MAX))
        .build()
});

/// A key that was met.
#[derive(Debug)]
pub(super) struct Known {
    times: AtomicU32,
    table: Option<Table>,
}

/// Counts that `key` was met, and makes its table when that is worth it.
pub(super) fn met(key: &Sm2PublicKey) -> Arc<Known> {
    let Some(known) = KNOWN.get(key.coordinates()) else {
        return remember(key, 1, None);
    };
    // Each count is seen by one thread alone, so that a table is made once.
    let times = known
        .times
        .fetch_add(1, Ordering::Relaxed)
        .saturating_add(1);
    let width = match times {
        NARROW_AFTER => NARROW_WIDTH,
        WIDE_AFTER => WIDE_WIDTH,
        _ => return known,
    };
    remember(key, times, Some(Table::new(&key.point, width)))
}

fn remember(key: &Sm2PublicKey, times: u32, table: Option<Table>) -> Arc<Known> {
    let times = AtomicU32::new(times);
    let known = Arc::new(Known { times, table });
    KNOWN.insert(*key.coordinates(), Arc::clone(&known));
    known
}

impl Known {
    /// Multiples of the key, once it was met often enough.
    pub(super) fn table(&self) -> Option<&Table> {
        self.table.as_ref()
    }

    fn size_bytes(&self) -> usize {
        KEY_BYTES + self.table.as_ref().map_or(0, Table::size_bytes)
    }
}
