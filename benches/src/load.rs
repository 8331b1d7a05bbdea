//! A directory of any size: sample licences, loaded in large batches as a bootstrap does.

use std::time::Instant;

use certs::node_key::NodeKeys;
use chrono::{DateTime, Utc};
use hub::mint::sample_entries;
use hub::provenance::ProvenanceLog;
use hub::store::{Store, StoreError, entries};
use schemas::entry::Entry;
use schemas::identifier::Identifier;
use schemas::leaf::{Activity, Leaf};
use schemas::region::ProvinceCode;

/// How many entries the directory is to have; the default is small enough for every run.
const ENTRIES_VARIABLE: &str = "HUB_BENCH_ENTRIES";
const ENTRIES: u64 = 100_000;

/// Entries of one transaction.
const BATCH: u64 = 5_000;

/// Sample licences by number: no two have the same identifier.
pub struct Samples {
    like: Entry,
    type_code: String,
    issuer: String,
}

/// The size that was asked for.
///
/// # Panics
/// When the variable holds no number.
#[must_use]
pub fn entries_wanted() -> u64 {
    std::env::var(ENTRIES_VARIABLE).map_or(ENTRIES, |text| text.parse().expect("a number"))
}

/// Bytes that nothing makes shorter.
#[must_use]
pub fn random_bytes(count: usize) -> Vec<u8> {
    let blocks = std::iter::repeat_with(|| uuid::Uuid::new_v4().into_bytes());
    blocks.flatten().take(count).collect()
}

impl Samples {
    /// Licences of one kind of Zhejiang.
    ///
    /// # Panics
    /// When there is no fictitious type.
    #[must_use]
    pub fn new() -> Self {
        let province = ProvinceCode::parse("33").expect("Zhejiang");
        let source = sample_entries(1, province, 7).expect("samples").remove(0);
        let (type_code, issuer) = (source.type_code.to_string(), source.issuer_code.clone());
        Self {
            like: source.into_entry("zhejiang", 1, None).expect("an entry"),
            type_code,
            issuer,
        }
    }

    /// Identifier of the licence with this number.
    ///
    /// # Panics
    /// With more than a thousand million licences.
    #[must_use]
    pub fn identifier(&self, number: u64) -> Identifier {
        let serial = format!("2024{number:09}");
        Identifier::build(&self.type_code, &self.issuer, &serial, 1).expect("an identifier")
    }

    /// Entry of the licence with this number.
    #[must_use]
    pub fn entry(&self, number: u64) -> Entry {
        let mut entry = self.like.clone();
        entry.public.identifier = self.identifier(number);
        entry
    }

    /// Loads the first `count` licences into a store.
    ///
    /// # Panics
    /// When the store fails.
    pub async fn load(
        &self,
        (store, log, keys): (&Store, &ProvenanceLog, &NodeKeys),
        count: u64,
        at: DateTime<Utc>,
    ) {
        let started = Instant::now();
        let mut first = 0;
        while first < count {
            let last = count.min(first + BATCH);
            let entries: Vec<Entry> = (first..last).map(|number| self.entry(number)).collect();
            let entries: &Vec<&Entry> = &entries.iter().collect();
            let loaded = store.run_tx::<_, StoreError, _>("bench_load", |tx| {
                Box::pin(async move {
                    let id = uuid::Uuid::new_v4().to_string();
                    let leaf = Leaf::new(id, at, "bench", Activity::Apply);
                    log.append(tx, leaf, None).await?;
                    entries::load(tx, entries, keys, at).await
                })
            });
            loaded.await.expect("loads");
            first = last;
        }
        println!(
            "{count} entries loaded in {:.1} s",
            started.elapsed().as_secs_f64()
        );
    }
}

impl Default for Samples {
    fn default() -> Self {
        Self::new()
    }
}
