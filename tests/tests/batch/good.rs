//! Honest batches.

use hub::mint::Spoil;
use serde_json::json;
use tests::{MATTER, SICHUAN, TOKEN};

use super::client::{self, NDJSON, last, multipart, part};
use super::scene::{OTHER_TOKEN, Scene, outcome};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_file_is_answered_recorded_and_counted() {
    let scene = Scene::start(3, |_| ()).await;
    let spoilt = scene.hub.spoiled_file(0, Spoil::Tampered);
    let before = scene.verified().await;
    let files: [(&str, &[u8], &str); 7] = [
        ("第一.ofd", &scene.file(0), "valid"),
        ("second.ofd", &scene.file(1), "valid"),
        ("spoilt.ofd", &spoilt, "invalid"),
        ("nothing.ofd", b"", "invalid"),
        ("no.pdf", b"%PDF-1.7\r\n--between-the-pages", "invalid"),
        ("again.ofd", &scene.file(0), "valid"),
        ("third.ofd", &scene.file(2), "valid"),
    ];
    let mut body = Vec::new();
    for (name, file, _) in &files {
        body.extend(part(name, file));
    }
    body.extend(last());
    let (lines, end) = scene.batch(&multipart(), body).await;
    for (line, (name, file, expected)) in lines.iter().zip(&files) {
        assert_eq!(line["name"], *name);
        assert_eq!(outcome(line), *expected, "{line}");
        let sm3 = hex::encode(certs::digest::sm3(file));
        assert_eq!(line["verdict"]["sm3"], sm3, "the bytes as they were sent");
    }
    let expected = json!({
        "line": "end", "done": 7, "valid": 4, "invalid": 3, "indeterminate": 0, "refused": 0,
        "complete": true,
    });
    assert_eq!(end, expected);
    assert_eq!(scene.verified().await - before, 7, "each is on record");
    scene.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn licences_are_verified_under_their_permits() {
    let scene = Scene::start(2, |_| ()).await;
    let mut permits = Vec::new();
    for number in 0..2 {
        let decision = scene
            .hub
            .permit(&scene.hub.identifier(number), MATTER)
            .await;
        permits.push(decision.expect("decided").record.id);
    }
    let before = scene.verified().await;
    let wanted = |licence: usize, permit: &str| {
        let identifier = scene.hub.identifier(licence);
        json!({ "identifier": identifier.as_str(), "permit": permit }).to_string()
    };
    let body = [
        wanted(0, &permits[0]),
        String::new(),
        wanted(1, &permits[1]),
        wanted(1, &permits[0]),
        wanted(0, "no-such-permit"),
        "{\"identifier\": 7}".to_owned(),
        json!({ "identifier": "1.2.3", "permit": "p" }).to_string(),
        wanted(0, &permits[0]),
    ]
    .join("\n");
    let (lines, end) = scene.batch(NDJSON, body.into_bytes()).await;
    let found: Vec<&str> = lines.iter().map(outcome).collect();
    let expected = [
        "valid",
        "valid",
        "PERMIT_UNKNOWN",
        "PERMIT_UNKNOWN",
        "BATCH_LINE_MALFORMED",
        "ID_ROOT",
        "valid",
    ];
    assert_eq!(found, expected);
    assert_eq!(lines[1]["identifier"], scene.hub.identifier(1).as_str());
    assert_eq!((&end["valid"], &end["refused"]), (&json!(3), &json!(4)));
    assert_eq!(end["complete"], true);
    assert_eq!(scene.verified().await - before, 3, "each is on record");
    let delivered = scene.hub.leaves(SICHUAN, "deliver", "*").await;
    assert_eq!(delivered, 0, "no file was handed out");
    scene.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_profile_is_the_callers_choice() {
    let scene = Scene::start(1, |_| ()).await;
    for (query, expected) in [
        ("", "licence"),
        ("?profile=licence", "licence"),
        ("?profile=general", "general"),
    ] {
        let path = format!("/v1/verifications{query}");
        for media_type in ["application/ofd", &multipart()] {
            let is_one = media_type == "application/ofd";
            let file = scene.file(0);
            let body = if is_one {
                file
            } else {
                [part("a", &file), last()].concat()
            };
            let (mut sending, read) =
                client::begin_at(scene.address, &path, TOKEN, media_type).await;
            sending.send(&body).await.expect("sends");
            sending.end().await.expect("sends");
            let mut answering = client::Answering::begin(read).await.expect("an answer");
            let line = answering.line().await.expect("a line");
            let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            let verdict = if is_one { &line } else { &line["verdict"] };
            assert_eq!(verdict["profile"], expected, "{path} {media_type}: {line}");
        }
    }
    for query in ["?profile=strict", "?profile=", "?profiles=licence"] {
        let path = format!("/v1/verifications{query}");
        let (mut sending, read) = client::begin_at(scene.address, &path, TOKEN, NDJSON).await;
        sending.end().await.expect("sends");
        let mut answering = client::Answering::begin(read).await.expect("an answer");
        let line = answering.line().await.expect("a problem");
        assert_eq!(answering.status, 400, "{path}");
        assert!(line.contains("\"code\":\"BAD_REQUEST\""), "{line}");
    }
    scene.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_files_are_spooled_and_leave_nothing_behind() {
    let scene = Scene::start(1, |config| config.limits.spool_above_bytes = 4_096).await;
    let large = |seed| tests::padded(&scene.file(0), 3 * 1024 * 1024, seed);
    let files = [
        part("a", &large(1)),
        part("b", &scene.file(0)),
        part("c", &large(2)),
        last(),
    ];
    let (lines, end) = scene.batch(&multipart(), files.concat()).await;
    for line in &lines {
        assert_eq!(outcome(line), "valid", "{line}");
    }
    assert_eq!(end["complete"], true);
    let spool = scene.hub.folder.path().join(SICHUAN).join("spool");
    assert_eq!(std::fs::read_dir(spool).expect("a folder").count(), 0);
    let one = client::ask(scene.address, OTHER_TOKEN, "application/ofd", large(3)).await;
    assert_eq!(one.1[0]["verdict"], "valid");
    scene.hub.stop().await;
}
