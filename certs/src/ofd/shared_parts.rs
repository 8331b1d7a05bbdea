//! Template pages and fonts that were met before, in other packages of the same type.
//!
//! What is kept follows from a part's bytes alone, and these are compared in full: no verdict can
//! depend on whether a part was met before. Who signs it, and what for, is judged each time.

use std::sync::{Arc, LazyLock};

use moka::sync::Cache;
use schemas::ofd::shared::{PackedForm, SharedPart, SharedParts};

/// What all known parts may take together: a thousand templates, or some fonts.
const KNOWN_MAX_BYTES: u64 = 32 << 20;
/// Smaller parts are read as fast as they are remembered.
const PART_MIN_BYTES: usize = 1 << 10;
/// Largest part that is kept, in bytes: a font with all characters is larger than most packages,
/// and a few of them would leave no room for anything else.
const PART_MAX_BYTES: usize = 4 << 20;
/// Weight of a part beside its packed bytes: its digest and the names in it.
const BESIDE_BYTES: usize = 6 << 10;
/// Parts that were met once: only one that is met again is kept.
const MET_ONCE_MAX: u64 = 16_384;

static KNOWN: LazyLock<Cache<PackedForm, Arc<SharedPart>>> = LazyLock::new(|| {
    let weigh = |_: &PackedForm, part: &Arc<SharedPart>| {
        u32::try_from(part.packed().len() + BESIDE_BYTES).unwrap_or(u32::MAX)
    };
    let cache = Cache::builder().max_capacity(KNOWN_MAX_BYTES);
    cache.weigher(weigh).build()
});
static MET_ONCE: LazyLock<Cache<PackedForm, ()>> = LazyLock::new(|| Cache::new(MET_ONCE_MAX));

/// The memory of this process.
pub(super) struct KnownParts;

impl SharedParts for KnownParts {
    fn recall(&self, form: PackedForm, packed: &[u8]) -> Option<Arc<SharedPart>> {
        if !(PART_MIN_BYTES..=PART_MAX_BYTES).contains(&packed.len()) {
            return None;
        }
        if let Some(known) = KNOWN.get(&form) {
            return Some(known).filter(|known| known.packed() == packed);
        }
        if MET_ONCE.get(&form).is_none() {
            MET_ONCE.insert(form, ());
            return None;
        }
        let part = Arc::new(SharedPart::new(packed));
        KNOWN.insert(form, Arc::clone(&part));
        Some(part)
    }
}
