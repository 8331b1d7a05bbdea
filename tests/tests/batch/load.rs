//! A caller with very many files, one that misbehaves, one that reads slowly and one that has
//! single files, at once: everything is answered, memory stays flat, and the last one does not
//! wait. `HUB_LONG=1` makes it a hundred thousand files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use certs::mint::pki::DevelopmentPki;
use connectors::client::Upload;
use futures_util::{StreamExt as _, stream};
use hub::clock::{Clock as _, SystemClock};
use hub::mint::{Format, LibraryPlan, mint_library};
use schemas::region::ProvinceCode;
use schemas::verdict::{Profile, SealVersion};
use schemas::verification::{BatchLine, EndLine};
use tempfile::TempDir;
use tests::padded;
use tests::program::is_long_run;
use tokio::task::JoinSet;

use super::client::{self, Answering, BOUNDARY, last, multipart, part};
use super::process::Process;

const MANY: &str = "many";
const BAD: &str = "bad";
const SLOW: &str = "slow";
const FAIR: &str = "fair";

/// Files of the caller with many.
const FILES: u64 = 400;
/// The same in a long run.
const FILES_LONG: u64 = 100_000;

/// Files of the slow one.
const SLOW_FILES: u64 = 60;
/// The same in a long run.
const SLOW_FILES_LONG: u64 = 3_000;

/// Files before memory is looked at for the first time: what is kept is full then.
const WARM_FILES: u64 = 100;
/// The same in a long run: more than verdicts are kept.
const WARM_FILES_LONG: u64 = 6_000;

/// What memory may grow by from then on, in KiB: the batches in progress, and what the allocator
/// keeps between them.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

/// Single files that are answered at least while the others are at it: one for a hundred of theirs
/// in a long run, and some in a short one, which is mostly over when they begin.
const FAIR_FILES_MIN: usize = 10;
const FAIR_FILES_MIN_LONG: usize = 1_000;

/// Time between two single files, and between two pieces that the slow one reads.
const PAUSE: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_answered_with_flat_memory_and_nobody_starves() {
    let (scene, files) = (
        Scene::start().await,
        if is_long_run() { FILES_LONG } else { FILES },
    );
    let slow_files = if is_long_run() {
        SLOW_FILES_LONG
    } else {
        SLOW_FILES
    };
    let warm = if is_long_run() {
        WARM_FILES_LONG
    } else {
        WARM_FILES
    };
    scene.many(u64::MAX / 2, warm).await;
    let before = scene.process.memory_kib();
    let recorded = scene.process.recorded().await;
    let started = Instant::now();
    let done = Arc::new(AtomicBool::new(false));
    let mut others = JoinSet::new();
    let bad = tokio::spawn(Arc::clone(&scene).misbehave(Arc::clone(&done)));
    let fair = tokio::spawn(Arc::clone(&scene).ask_singly(Arc::clone(&done)));
    let watched = tokio::spawn(Arc::clone(&scene).watch(Arc::clone(&done)));
    let slow = Arc::clone(&scene);
    others.spawn(async move { slow.read_slowly(slow_files).await });
    scene.many(0, files).await;
    others
        .join_next()
        .await
        .expect("the slow one")
        .expect("no panic");
    done.store(true, Ordering::Relaxed);
    let seconds = started.elapsed().as_secs_f64();
    let (mut waits, bad) = (fair.await.expect("no panic"), bad.await.expect("no panic"));
    let highest = watched.await.expect("no panic");
    let after = scene.process.memory_kib();
    waits.sort_unstable();
    let at = |part: usize| waits[(waits.len() - 1) * part / 100].as_secs_f64() * 1_000.0;
    println!(
        "{files} files in {seconds:.1} s ({:.0}/s), {bad} broken batches, {slow_files} files read \
         slowly; memory {} MiB before, {} at most, {} after; {} single files waited \
         p50 {:.0} ms, p99 {:.0} ms, at most {:.0} ms",
        files as f64 / seconds,
        before / 1024,
        highest / 1024,
        after / 1024,
        waits.len(),
        at(50),
        at(99),
        at(100),
    );
    let least = if is_long_run() {
        FAIR_FILES_MIN_LONG
    } else {
        FAIR_FILES_MIN
    };
    assert!(waits.len() >= least, "{}", waits.len());
    assert!(bad > 0);
    assert!(
        highest.saturating_sub(before) <= GROWTH_KIB_MAX,
        "{before} {highest}"
    );
    let answered = files + slow_files + u64::try_from(waits.len()).expect("fits");
    let recorded = scene.process.recorded().await - recorded;
    assert!(
        recorded >= answered,
        "{recorded} of {answered} are on record"
    );
    assert_eq!(scene.process.spooled(), 0);
    assert_eq!(scene.process.errors(), Vec::<String>::new());
}

struct Scene {
    process: Process,
    file: Vec<u8>,
    /// Numbers files that nobody has brought before.
    fresh: AtomicU64,
}

impl Scene {
    async fn start() -> Arc<Self> {
        let (folder, now) = (TempDir::new().expect("a folder"), SystemClock.now());
        let pki = DevelopmentPki::mint("test", now - chrono::Duration::days(1)).expect("a PKI");
        pki.save(folder.path(), &[], now).expect("trust folder");
        let plan = LibraryPlan {
            province: ProvinceCode::parse("33").expect("a province"),
            licences: 1,
            files: 1,
            seed: 7,
            formats: vec![Format::OfdSeal(SealVersion::V4)],
            spoil: None,
            scan_bytes: 0,
            at: now,
        };
        let (mut items, _) = mint_library(&plan, &pki).expect("a library");
        let file = items.pop().and_then(|item| item.file).expect("a file");
        Arc::new(Self {
            process: Process::start(folder, &[MANY, BAD, SLOW, FAIR]).await,
            file,
            fresh: AtomicU64::new(u64::MAX / 4),
        })
    }

    /// The licence with other bytes for each number, as good as before.
    fn file(&self, number: u64) -> Vec<u8> {
        padded(&self.file, 16, number)
    }

    fn fresh_file(&self) -> Vec<u8> {
        self.file(self.fresh.fetch_add(1, Ordering::Relaxed))
    }

    /// One batch of so many files; every one is answered once, and valid.
    async fn many(self: &Arc<Self>, from: u64, files: u64) {
        let scene = Arc::clone(self);
        let uploads = stream::iter(from..from + files)
            .map(move |number| Upload::from_memory("licence.ofd", scene.file(number)));
        let client = self.process.client(Some(MANY));
        let batch = client.verify_files(Profile::Licence, uploads).await;
        let mut batch = batch.expect("an answer");
        let mut seen = vec![false; usize::try_from(files).expect("fits")];
        let mut end = None;
        while let Some(line) = batch.next().await {
            match line.expect("a line") {
                BatchLine::File(line) => {
                    let index = usize::try_from(line.index).expect("fits");
                    assert!(!std::mem::replace(&mut seen[index], true), "{index} twice");
                    let verdict = line.verdict.as_ref();
                    assert!(verdict.is_some_and(|found| found.is_valid()), "{line:?}");
                }
                BatchLine::Progress(_) => {}
                BatchLine::End(line) => end = Some(line),
            }
        }
        assert!(seen.iter().all(|seen| *seen), "none is left out");
        let expected = EndLine {
            done: files,
            valid: files,
            complete: true,
            ..EndLine::default()
        };
        assert_eq!(end, Some(expected));
    }

    /// A batch whose answer is taken slowly; all of it comes.
    async fn read_slowly(&self, files: u64) {
        let (mut sending, read) = client::begin(self.process.address, SLOW, &multipart()).await;
        let brought: Vec<Vec<u8>> = (0..files).map(|_| self.fresh_file()).collect();
        let sent = tokio::spawn(async move {
            for file in brought {
                sending.send(&part("slow.ofd", &file)).await.expect("sends");
            }
            sending.send(&last()).await.expect("sends");
            sending.end().await.expect("sends");
            sending
        });
        let mut answering = Answering::begin(read).await.expect("an answer");
        let mut valid = 0;
        while let Some(line) = answering.line().await {
            valid += u64::from(line.contains("\"verdict\":\"valid\",\"code\":null"));
            // It is slow on purpose; nothing waits for the sleep's outcome.
            tokio::time::sleep(PAUSE).await;
        }
        drop(sent.await.expect("no panic"));
        assert_eq!(valid, files);
    }

    /// One broken batch after the other; how many.
    async fn misbehave(self: Arc<Self>, done: Arc<AtomicBool>) -> u64 {
        let mut count = 0;
        while !done.load(Ordering::Relaxed) {
            let good = part("bad.ofd", &self.fresh_file());
            let head = format!("--{BOUNDARY}\r\n");
            let body = match count % 4 {
                0 => good,
                1 => [head.as_bytes(), &[b'x'; 200_000]].concat(),
                2 => [&good[..], b"--another--\r\n"].concat(),
                _ => {
                    self.go_away(&good).await;
                    head.into_bytes()
                }
            };
            let (status, lines) = self.process.batch(BAD, body).await;
            let is_told = match status {
                200 => lines.last().is_some_and(|end| end["complete"] == false),
                status => status == 429 && lines[0]["code"] == "TOO_MANY_BATCHES",
            };
            assert!(is_told, "{status} {lines:?}");
            count += 1;
        }
        count
    }

    /// Sends some files and goes away without reading a line.
    async fn go_away(&self, part: &[u8]) {
        let address = self.process.address;
        let (mut sending, read) = client::begin(address, BAD, &multipart()).await;
        for _ in 0..50 {
            // The node may have said that there are too many.
            if sending.send(part).await.is_err() {
                break;
            }
        }
        drop(read);
    }

    /// Single files, one after the other; how long each waited.
    async fn ask_singly(self: Arc<Self>, done: Arc<AtomicBool>) -> Vec<Duration> {
        let mut waits = Vec::new();
        while !done.load(Ordering::Relaxed) {
            let (file, started) = (self.fresh_file(), Instant::now());
            let asked = client::ask(self.process.address, FAIR, "application/ofd", file);
            let (status, verdict) = asked.await;
            waits.push(started.elapsed());
            assert_eq!(status, 200, "{verdict:?}");
            assert_eq!(verdict[0]["verdict"], "valid");
            tokio::time::sleep(PAUSE).await;
        }
        waits
    }

    /// The most memory that was in use, in KiB.
    async fn watch(self: Arc<Self>, done: Arc<AtomicBool>) -> u64 {
        let mut highest = 0;
        while !done.load(Ordering::Relaxed) {
            highest = highest.max(self.process.memory_kib());
            tokio::time::sleep(10 * PAUSE).await;
        }
        highest
    }
}
