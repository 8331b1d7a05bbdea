//! Batches by the client for callers written in Rust.

use connectors::client::{Batch, ClientError, Upload};
use futures_util::stream;
use schemas::verdict::Profile;
use schemas::verification::{BatchLine, EndLine, FileLine, Wanted};
use tests::{MATTER, TOKEN};

use super::scene::Scene;

/// Reads an answer to its end: the files in order of their places, and the end.
async fn all(mut batch: Batch) -> (Vec<FileLine<'static>>, EndLine) {
    let mut files = Vec::new();
    while let Some(line) = batch.next().await {
        match line.expect("a line") {
            BatchLine::File(line) => files.push(line),
            BatchLine::Progress(_) => {}
            BatchLine::End(end) => {
                files.sort_by_key(|line| line.index);
                return (files, end);
            }
        }
    }
    panic!("no end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_memory_and_disk_are_answered_with_typed_lines() {
    let scene = Scene::start(1, |_| ()).await;
    let path = scene.hub.folder.path().join("大.ofd");
    std::fs::write(&path, tests::padded(&scene.file(0), 3 << 20, 1)).expect("a file");
    let files = [
        Upload::from_memory("one \"and\\ only.ofd", scene.file(0)),
        Upload::from_disk(path),
        Upload::from_memory("empty", ""),
    ];
    let client = scene.client(TOKEN);
    let batch = client.verify_files(Profile::General, stream::iter(files));
    let (lines, end) = all(batch.await.expect("an answer")).await;
    let names: Vec<_> = lines
        .iter()
        .filter_map(|line| line.name.as_deref())
        .collect();
    assert_eq!(names, ["one %22and%5C only.ofd", "大.ofd", "empty"]);
    let verdicts = lines.iter().filter_map(|line| line.verdict.as_deref());
    let found: Vec<_> = verdicts.map(|one| (one.is_valid(), one.profile)).collect();
    assert_eq!(
        found,
        [true, true, false].map(|valid| (valid, Profile::General))
    );
    assert_eq!((end.done, end.valid, end.complete), (3, 2, true));
    let none = client.verify_files(Profile::Licence, stream::empty());
    let (lines, end) = all(none.await.expect("an answer")).await;
    assert_eq!((lines.len(), end.complete), (0, false));
    assert_eq!(end.problem.expect("a problem")["field"], "body");
    scene.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn licences_are_answered_with_verdict_or_problem() {
    let scene = Scene::start(1, |_| ()).await;
    let identifier = scene.hub.identifier(0);
    let permit = scene.hub.permit(&identifier, MATTER).await;
    let permits = [permit.expect("decided").record.id, "none".to_owned()];
    let wanted = permits.map(|permit| Wanted {
        identifier: identifier.to_string(),
        permit,
    });
    let client = scene.client(TOKEN);
    let batch = client.verify_licences(Profile::Licence, stream::iter(wanted));
    let (lines, end) = all(batch.await.expect("an answer")).await;
    let verdict = lines[0].verdict.as_deref().expect("a verdict");
    assert!(verdict.is_valid());
    assert_eq!(verdict.gb36906_information.map(u8::from), Some(0));
    let problem = lines[1].problem.as_ref().expect("a problem");
    assert_eq!(problem["code"], "PERMIT_UNKNOWN");
    assert_eq!((end.valid, end.refused), (1, 1));
    scene.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_sends_nothing_and_who_leaves_gives_the_place_back() {
    let scene = Scene::start(1, |config| config.limits.batches_per_caller = 1).await;
    let large = || stream::repeat_with(|| Upload::from_memory("a", vec![0; 1 << 20]));
    let code = |answer: Result<Batch, ClientError>| answer.expect_err("refused").code().to_owned();
    let stranger = scene.client("nobody");
    let refused = stranger.verify_files(Profile::Licence, large()).await;
    assert_eq!(code(refused), "UNAUTHENTICATED");
    let client = scene.client(TOKEN);
    let first = client.verify_files(Profile::Licence, large()).await;
    let mut first = first.expect("an answer");
    let refused = client.verify_files(Profile::Licence, large()).await;
    assert_eq!(code(refused), "TOO_MANY_BATCHES");
    first.next().await.expect("a line").expect("a good one");
    drop(first);
    tests::eventually("the place is given back", async || {
        let next = client.verify_files(Profile::Licence, stream::empty()).await;
        next.is_ok()
    })
    .await;
    scene.hub.stop().await;
}
