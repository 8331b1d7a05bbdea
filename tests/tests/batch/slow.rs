//! Clients that do not read, and one who has only a few files beside one who has many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use connectors::client::Upload;
use futures_util::{StreamExt as _, stream};
use schemas::verdict::Profile;
use schemas::verification::BatchLine;
use tests::{SICHUAN, TOKEN};

use super::client::{self, Answering, last, multipart, part};
use super::scene::{OTHER_TOKEN, Scene, outcome};

/// Files of a large batch.
const MANY: u64 = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_holds_up_nobody_else() {
    let scene = Scene::start(1, |config| config.limits.verifications_concurrent = 1).await;
    let file = scene.file(0);
    // More than the connection holds by itself, so that the node has to wait.
    let (mut sending, read) = client::begin(scene.address, TOKEN, &multipart()).await;
    let sent = Arc::new(AtomicU64::new(0));
    let (counted, brought) = (Arc::clone(&sent), file.clone());
    let filling = tokio::spawn(async move {
        for seed in 0.. {
            let file = tests::padded(&brought, 64, seed);
            if sending.send(&part("a.ofd", &file)).await.is_err() {
                return;
            }
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut last_seen = (0, 0);
    tests::eventually("the node takes no more", async || {
        // Others are answered all the time.
        scene.check_alive("a client that does not read").await;
        let seen = (sent.load(Ordering::Relaxed), scene.verified().await);
        let stands = seen.0 > 0 && seen.0 == last_seen.0;
        last_seen = seen;
        stands
    })
    .await;
    scene.check_alive("a client that does not read").await;
    drop(read);
    filling.await.expect("no panic");
    let (lines, end) = scene
        .batch(&multipart(), [part("b.ofd", &file), last()].concat())
        .await;
    assert_eq!(
        (outcome(&lines[0]), &end["complete"]),
        ("valid", &true.into())
    );
    scene.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_batch_does_not_hold_up_single_files() {
    let scene = Scene::start(1, |config| config.limits.verifications_concurrent = 1).await;
    let file = scene.file(0);
    let brought = file.clone();
    let uploads = stream::iter(0..MANY)
        .map(move |seed| Upload::from_memory("a.ofd", tests::padded(&brought, 64, seed)));
    let client = scene.client(TOKEN);
    let batch = client.verify_files(Profile::Licence, uploads).await;
    let mut batch = batch.expect("an answer");
    let is_valid = |line: &BatchLine<'_>| match line {
        BatchLine::File(line) => line.verdict.as_ref().is_some_and(|found| found.is_valid()),
        BatchLine::Progress(_) | BatchLine::End(_) => false,
    };
    let mut answered = 0;
    for seed in 0..5 {
        // Between two lines of the batch a single file is answered, never seen before.
        let line = batch.next().await.expect("a line").expect("a good one");
        answered += u64::from(is_valid(&line));
        let single = tests::padded(&file, 64, MANY + seed);
        let asked = client::ask(scene.address, OTHER_TOKEN, "application/ofd", single);
        let (status, verdict) = asked.await;
        assert_eq!(status, 200, "{verdict:?}");
        assert_eq!(verdict[0]["verdict"], "valid");
    }
    assert!(answered < MANY);
    while let Some(line) = batch.next().await {
        answered += u64::from(is_valid(&line.expect("a good one")));
    }
    assert_eq!(answered, MANY, "every file of the batch too");
    scene.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_far_a_batch_is_stands_between_its_files() {
    let scene = Scene::start(1, |_| ()).await;
    let file = scene.file(0);
    let (mut sending, read) = client::begin(scene.address, TOKEN, &multipart()).await;
    let (first, second) = (part("a.ofd", &file), part("b.ofd", &file));
    // The second file is held back in its midst until the node has said how far it is.
    let (begun, rest) = second.split_at(second.len() / 2);
    let sent = sending.send(&[&first[..], begun].concat()).await;
    sent.expect("sent");
    let mut answering = Answering::begin(read).await.expect("an answer");
    let mut files = 0;
    loop {
        let line = answering.line().await.expect("a line");
        match serde_json::from_str(&line).expect("a line of a batch") {
            BatchLine::File(_) => files += 1,
            BatchLine::Progress(progress) if files == 1 => {
                assert_eq!((progress.done, progress.total), (1, None));
                break;
            }
            BatchLine::Progress(progress) => assert_eq!(progress.done, 0),
            BatchLine::End(_) => panic!("ended before it was sent: {line}"),
        }
    }
    let sent = sending.send(&[rest, &last()].concat()).await;
    sent.expect("sent");
    sending.end().await.expect("sent");
    let mut seen = String::new();
    while let Some(line) = answering.line().await {
        seen = line;
    }
    let BatchLine::End(end) = serde_json::from_str(&seen).expect("a line of a batch") else {
        panic!("no end: {seen}");
    };
    assert_eq!((end.done, end.complete), (2, true));
    scene.hub.stop().await;
}

/// Invariant 2: what is not on record is not answered, in a batch as elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_recorded_is_not_answered() {
    let scene = Scene::start(1, |_| ()).await;
    let before = scene.verified().await;
    let held = scene.hub.database(SICHUAN).hold().await.expect("locks");
    let files: Vec<u8> = (0..3).flat_map(|_| part("a.ofd", b"no OFD")).collect();
    let (lines, end) = scene.batch(&multipart(), [files, last()].concat()).await;
    for line in &lines {
        assert_eq!(outcome(line), "OVERLOADED", "{line}");
    }
    assert_eq!(
        (&end["refused"], &end["complete"]),
        (&3.into(), &true.into())
    );
    held.release().await.expect("unlocks");
    assert_eq!(scene.verified().await, before);
    scene.hub.stop().await;
}
