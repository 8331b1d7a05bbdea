//! Bodies that are no batch, or break off: what came before is answered, what is wrong has a code,
//! and the node goes on.

use serde_json::Value;
use tests::TOKEN;
use tokio::io::AsyncWriteExt as _;

use super::client::{self, Answering, BOUNDARY, NDJSON, last, multipart, part};
use super::scene::{Scene, outcome};

/// Of an OFD.
const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_off_says_so_after_what_was_good() {
    let scene = Scene::start(1, |_| ()).await;
    let good = part("good.ofd", &scene.file(0));
    let cases: [(&str, Vec<u8>); 10] = [
        (
            "the end is missing",
            format!("--{BOUNDARY}\r\n").into_bytes(),
        ),
        (
            "a file is cut short",
            part("cut.ofd", b"PK\x03\x04")[..90].to_vec(),
        ),
        ("another boundary", b"--another\r\n\r\n\r\n".to_vec()),
        (
            "a boundary and more",
            format!("--{BOUNDARY}x\r\n\r\n").into_bytes(),
        ),
        ("a head without end", head_of(&[b'a'; 100_000])),
        ("a head of blanks", head_of(&[b' '; 100_000])),
        ("a head of lines", head_of(&b"a: b\r\n".repeat(20_000))),
        ("a head of bytes", head_of(b"\xff\xfe: \x00\r\n\r\n")),
        (
            "a head of forty headers",
            head_of(&[&b"a: b\r\n".repeat(40)[..], b"\r\n"].concat()),
        ),
        (
            "padding without end",
            format!("--{BOUNDARY}{}", " ".repeat(100_000)).into_bytes(),
        ),
    ];
    for (name, bad) in cases {
        let body = [good.clone(), good.clone(), bad].concat();
        let (lines, end) = scene.batch(&multipart(), body).await;
        // What is no boundary belongs to the file before it.
        let whole = if name.contains("boundary") { 1 } else { 2 };
        assert!(lines.len() >= whole, "{name}");
        for line in &lines[..whole] {
            assert_eq!(outcome(line), "valid", "{name}: {line}");
        }
        assert_eq!(end["complete"], false, "{name}");
        assert_eq!(outcome(&end), "MULTIPART_MALFORMED", "{name}: {end}");
        scene.check_alive(name).await;
    }
    let endless = [vec![b'x'; 200_000], good].concat();
    let (lines, end) = scene.batch(&multipart(), endless).await;
    assert_eq!((lines.len(), outcome(&end)), (0, "MULTIPART_MALFORMED"));
    let long = [b"{}\n".to_vec(), vec![b' '; 10_000]].concat();
    let (lines, end) = scene.batch(NDJSON, long).await;
    assert_eq!((lines.len(), outcome(&end)), (1, "BATCH_LINE_MALFORMED"));
    scene.check_alive("a line without end").await;
    scene.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_giant_file_is_refused_by_name_and_the_next_one_verified() {
    let scene = Scene::start(1, |_| ()).await;
    let giant = [b"PK\x03\x04".as_slice(), &vec![0; FILE_BYTES_MAX]].concat();
    let body = [
        part("giant.ofd", &giant),
        part("good.ofd", &scene.file(0)),
        last(),
    ];
    let (lines, end) = scene.batch(&multipart(), body.concat()).await;
    let problem = &lines[0]["problem"];
    assert_eq!(problem["code"], "TOO_LARGE", "{problem}");
    assert_eq!(problem["kind"], "ofd");
    assert_eq!(problem["bytes_max"], FILE_BYTES_MAX);
    assert_eq!(lines[0]["name"], "giant.ofd");
    assert_eq!(outcome(&lines[1]), "valid");
    assert_eq!(end["complete"], true);
    scene.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tiny_parts_are_as_many_files() {
    let scene = Scene::start(1, |_| ()).await;
    let mut body: Vec<u8> = (0..300).flat_map(|_| part("", b"x")).collect();
    body.extend(part(&"长".repeat(300), b"y"));
    body.extend(last());
    let (lines, end) = scene.batch(&multipart(), body).await;
    assert_eq!((lines.len(), &end["invalid"]), (301, &Value::from(301)));
    let name = lines[300]["name"].as_str().expect("a name");
    assert_eq!(
        name.chars().count(),
        255,
        "no longer than file systems take"
    );
    scene.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_no_batch_are_problems() {
    let scene = Scene::start(1, |_| ()).await;
    for (media_type, token, status, code) in [
        ("multipart/form-data", TOKEN, 400, "BAD_REQUEST"),
        ("multipart/form-data; boundary=", TOKEN, 400, "BAD_REQUEST"),
        (NDJSON, "nobody", 401, "UNAUTHENTICATED"),
    ] {
        let (found, lines) = client::ask(scene.address, token, media_type, last()).await;
        assert_eq!(found, status, "{media_type}");
        assert_eq!(lines[0]["code"], code, "{media_type}");
    }
    scene.hub.stop().await;
}

/// Clients that go away: in the middle of a file, of a head, of a chunk, before they read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_go_away_leave_their_places() {
    let scene = Scene::start(1, |config| config.limits.batches_per_caller = 1).await;
    let good = part("good.ofd", &scene.file(0));
    let half = &good[..good.len() / 2];
    for (name, sent) in [
        ("before the first file", &b""[..]),
        ("in a head", &good[..30]),
        ("in a file", half),
        ("after a file", &good),
    ] {
        let (mut sending, read) = client::begin(scene.address, TOKEN, &multipart()).await;
        sending.send(sent).await.expect("sends");
        // A chunk of which half comes.
        sending.0.write_all(b"ff\r\nhalf").await.expect("sends");
        let answering = Answering::begin(read).await.expect("a batch");
        assert_eq!(answering.status, 200);
        let (status, refused) = client::ask(scene.address, TOKEN, NDJSON, Vec::new()).await;
        assert_eq!(
            (status, outcome_of(&refused)),
            (429, "TOO_MANY_BATCHES"),
            "{name}"
        );
        scene.check_alive(name).await;
        drop((sending, answering));
        tests::eventually("the place is given back", async || {
            client::ask(scene.address, TOKEN, NDJSON, b"{}".to_vec())
                .await
                .0
                == 200
        })
        .await;
    }
    scene.hub.stop().await;
}

fn outcome_of(lines: &[Value]) -> &str {
    lines[0]["code"].as_str().unwrap_or_default()
}

/// A part that begins with this instead of a head.
fn head_of(bytes: &[u8]) -> Vec<u8> {
    [format!("--{BOUNDARY}\r\n").as_bytes(), bytes].concat()
}
