//! What a lookup costs. Run by hand, beside `pgbench -S -M prepared` with as many clients.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::batches::revised;
use super::*;

/// Entries in the directory; `HUB_MEASURE_ENTRIES` says otherwise.
const ENTRIES: u64 = 20_000;

/// Who ask at the same time: as many as there are connections for reading.
const ASKERS: u64 = 8;

/// How long each kind of lookup is measured.
const SPAN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn lookups_per_second() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = Scratch::with_connections(folder.path(), 8).await.unwrap();
    let store = scratch.open().await.unwrap();
    let keys = Arc::new(NodeKeys::generate().unwrap());
    let log = ProvenanceLog::open(&store, "zhejiang", &keys)
        .await
        .unwrap();
    let count = std::env::var("HUB_MEASURE_ENTRIES").ok();
    let count: u64 = count.map_or(ENTRIES, |text| text.parse().unwrap());
    let started = Instant::now();
    for first in (0..count).step_by(5_000) {
        let last = count.min(first + 5_000);
        let entries: Vec<Entry> = (first..last).map(|number| revised(number, 1)).collect();
        let entries: &Vec<&Entry> = &entries.iter().collect();
        let (log, keys) = (&log, &*keys);
        store
            .run_tx::<_, StoreError, _>("load", |tx| {
                Box::pin(async move {
                    leaf(log, tx).await?;
                    entries::load(tx, entries, keys, instant()).await
                })
            })
            .await
            .unwrap();
    }
    let rate = count as f64 / started.elapsed().as_secs_f64();
    eprintln!("load: {rate:.0} entries/s of {count}");
    for is_whole in [true, false, true, false] {
        let asked = Arc::new(AtomicU64::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for asker in 0..ASKERS {
            let (store, keys, asked) = (store.clone(), Arc::clone(&keys), Arc::clone(&asked));
            tasks.spawn(async move {
                let started = Instant::now();
                let mut number = asker * 7_919;
                while started.elapsed() < SPAN {
                    number = (number + 104_729) % count;
                    let identifier = revised(number, 1).public.identifier;
                    let reader = store.reader();
                    if is_whole {
                        let found = entries::find(reader, &identifier, keys.column_key()).await;
                        assert!(found.unwrap().is_some());
                    } else {
                        let found = entries::revision(reader, &identifier).await;
                        assert!(found.unwrap().is_some());
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let rate = asked.load(Ordering::Relaxed) as f64 / SPAN.as_secs_f64();
        let what = if is_whole {
            "entries, opened"
        } else {
            "one column"
        };
        eprintln!("lookup of {what}: {rate:.0}/s");
    }
    store.close().await;
}
