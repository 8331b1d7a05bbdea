//! Batches against a server that says what the test wrote down, and behaves as badly.

use std::time::Duration;

use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const BEGUN: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const PROGRESS: &str = "{\"line\":\"progress\",\"done\":0,\"received\":1,\"total\":null}\n";
const END: &str = "{\"line\":\"end\",\"done\":0,\"valid\":0,\"invalid\":0,\"indeterminate\":0,\
                   \"refused\":0,\"complete\":true}\n";

/// A client and a server for one connection.
async fn scene() -> (Client, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    (
        Client::new(&base, Some("secret")).expect("a client"),
        listener,
    )
}

/// Reads until what was received ends like this.
async fn received(stream: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        let read = stream.read_buf(&mut all).await.expect("a request");
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&all));
    }
    String::from_utf8(all).expect("text")
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// Answers one request with this after its head, then with this after its body.
fn serve(listener: TcpListener, first: String, then: String) -> JoinHandle<(String, String)> {
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let head = received(&mut stream, "\r\n\r\n").await;
        stream.write_all(first.as_bytes()).await.expect("sent");
        let body = received(&mut stream, "\r\n0\r\n\r\n").await;
        stream.write_all(then.as_bytes()).await.expect("sent");
        (head, body)
    })
}

/// The data of a chunked body.
fn unchunked(mut body: &str) -> String {
    let mut all = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a size");
        let (data, rest) = rest.split_at(size);
        all.push_str(data);
        body = rest.strip_prefix("\r\n").expect("the end of a chunk");
    }
    all
}

#[tokio::test]
async fn files_are_sent_as_parts_from_memory_and_from_disk() {
    let (client, listener) = scene().await;
    let answer = format!("{BEGUN}{}0\r\n\r\n", chunk(&[PROGRESS, END].concat()));
    let server = serve(listener, CONTINUE.to_owned(), answer);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("二.ofd");
    let large = "b".repeat(200_000);
    std::fs::write(&path, &large).expect("a file");
    let files = [
        Upload::from_memory("a\"\\\r\n.ofd", "content"),
        Upload::from_disk(&path),
        Upload::from_memory("", ""),
    ];
    let batch = client.verify_files(Profile::General, stream::iter(files));
    let mut batch = batch.await.expect("an answer");
    let first = batch.next().await.expect("a line").expect("a good one");
    assert!(matches!(first, BatchLine::Progress(line) if line.received == 1));
    let last = batch.next().await.expect("a line").expect("a good one");
    assert!(matches!(last, BatchLine::End(end) if end.complete));
    assert!(batch.next().await.is_none());

    let (head, body) = server.await.expect("no panic");
    let asked = "POST /v1/verifications?profile=general HTTP/1.1\r\n";
    assert!(head.starts_with(asked), "{head}");
    assert!(head.contains("authorization: Bearer secret\r\n"), "{head}");
    let (_, boundary) = head.split_once("boundary=").expect("a boundary");
    let boundary = boundary.lines().next().expect("a boundary");
    let part = |name: &str, content: &str| {
        format!(
            "\r\n--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; \
             filename=\"{name}\"\r\n\r\n{content}"
        )
    };
    let expected = [
        part("a%22%5C%0D%0A.ofd", "content"),
        part("二.ofd", &large),
        part("", ""),
        format!("\r\n--{boundary}--\r\n"),
    ];
    assert!(unchunked(&body) == expected.concat(), "{}", body.len());
}

#[tokio::test]
async fn licences_are_sent_as_lines() {
    let (client, listener) = scene().await;
    let answer = format!("{BEGUN}{}0\r\n\r\n", chunk(END));
    let server = serve(listener, CONTINUE.to_owned(), answer);
    let wanted = |identifier: &str| Wanted {
        identifier: identifier.to_owned(),
        permit: "p".to_owned(),
    };
    let licences = stream::iter([wanted("1"), wanted("2")]);
    let batch = client.verify_licences(Profile::Licence, licences).await;
    let end = batch.expect("an answer").next().await.expect("a line");
    assert!(matches!(end, Ok(BatchLine::End(_))));
    let (head, body) = server.await.expect("no panic");
    assert!(head.contains("content-type: application/x-ndjson\r\n"));
    let expected =
        "{\"identifier\":\"1\",\"permit\":\"p\"}\n{\"identifier\":\"2\",\"permit\":\"p\"}\n";
    assert_eq!(unchunked(&body), expected);
}

/// Sends a file to a server that answers at once, whatever it is sent.
async fn asked(answer: &str) -> Result<Batch, ClientError> {
    let (client, listener) = scene().await;
    let answer = answer.to_owned();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        received(&mut stream, "\r\n\r\n").await;
        stream.write_all(answer.as_bytes()).await.expect("sent");
    });
    let files = stream::iter([Upload::from_memory("a", "b")]);
    let client = client.with_timeout(Duration::from_secs(20));
    client.verify_files(Profile::Licence, files).await
}

#[tokio::test]
async fn a_refusal_comes_before_a_byte_was_sent() {
    for (status, code) in [
        ("401 Unauthorized", "UNAUTHENTICATED"),
        ("429 Too Many Requests", "TOO_MANY_BATCHES"),
    ] {
        let number: u16 = status[..3].parse().expect("a number");
        let problem = format!("{{\"code\":\"{code}\",\"status\":{number},\"zh\":\"拒绝\"}}");
        let length = problem.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nretry-after: 1\r\n\r\n{problem}"
        );
        let (client, listener) = scene().await;
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            received(&mut stream, "\r\n\r\n").await;
            stream.write_all(answer.as_bytes()).await.expect("sent");
            let mut more = Vec::new();
            // Until the client goes away.
            let _ = stream.read_to_end(&mut more).await;
            more
        });
        let files = stream::repeat_with(|| Upload::from_memory("a", vec![0; 1 << 20]));
        let refused = client.verify_files(Profile::Licence, files).await;
        let Err(ClientError::Refused(problem)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!((problem.code.as_str(), problem.status), (code, number));
        assert_eq!(problem.zh, "拒绝");
        drop(client);
        assert!(server.await.expect("no panic").is_empty(), "{code}");
    }
}

/// Reads an answer to its end; how many lines were good, and what came then.
async fn check(body: &str, lines: u64, code: &str) {
    let mut batch = asked(&format!("{BEGUN}{body}")).await.expect("an answer");
    for _ in 0..lines {
        batch.next().await.expect("a line").expect("a good one");
    }
    let error = batch.next().await.expect("a fault").expect_err("a fault");
    assert_eq!((error.lines, error.code()), (lines, code), "{error:?}");
    assert!(batch.next().await.is_none(), "nothing after a fault");
}

#[tokio::test]
async fn what_breaks_off_says_how_many_lines_came() {
    let two = chunk(&PROGRESS.repeat(2));
    // In the middle of a line, between two lines, in a chunk, and in good order without an end.
    check(
        &[&two, &chunk("{\"line\"")[..]].concat(),
        2,
        "CLIENT_ANSWER_BROKEN_OFF",
    )
    .await;
    check(&two, 2, "CLIENT_ANSWER_BROKEN_OFF").await;
    check(&[&two, "ff\r\n{"].concat(), 2, "CLIENT_ANSWER_BROKEN_OFF").await;
    check(&[&two, "0\r\n\r\n"].concat(), 2, "CLIENT_ANSWER_BROKEN_OFF").await;
    check("", 0, "CLIENT_ANSWER_BROKEN_OFF").await;
}

#[tokio::test]
async fn lines_that_are_none_are_refused() {
    for line in [
        "\n",
        "{}\n",
        "{\"line\":\"other\"}\n",
        "{\"line\":\"file\",\"index\":0}\n",
        "\u{feff}{}\n",
    ] {
        let body = [chunk(PROGRESS), chunk(line)].concat();
        check(&body, 1, "CLIENT_LINE_MALFORMED").await;
    }
    let endless = chunk(&"x".repeat(LINE_BYTES_MAX + (1 << 20)));
    check(&endless, 0, "CLIENT_LINE_TOO_LONG").await;
    let long = chunk(&(" ".repeat(LINE_BYTES_MAX) + "\n"));
    check(&long, 0, "CLIENT_LINE_TOO_LONG").await;
}

#[tokio::test]
async fn lines_are_put_together_from_pieces() {
    let text = [PROGRESS, PROGRESS, END].concat();
    let pieces = text.as_bytes().chunks(7);
    let pieces = pieces.map(|piece| chunk(std::str::from_utf8(piece).expect("text")));
    let body: String = pieces.collect();
    let mut batch = asked(&format!("{BEGUN}{body}0\r\n\r\n"))
        .await
        .expect("an answer");
    for _ in 0..3 {
        batch.next().await.expect("a line").expect("a good one");
    }
    assert!(batch.next().await.is_none());
}

#[tokio::test]
async fn a_node_that_says_nothing_is_given_up() {
    let (client, listener) = scene().await;
    let client = client.with_timeout(Duration::from_millis(50));
    let files = || stream::iter([Upload::from_memory("a", "b")]);
    let silent = client.verify_files(Profile::Licence, files()).await;
    assert_eq!(silent.expect_err("silent").code(), "CLIENT_TIMEOUT");
    let server = tokio::spawn(async move {
        // The one that was given up, then another.
        let _first = listener.accept().await.expect("a connection");
        let (mut stream, _) = listener.accept().await.expect("a connection");
        received(&mut stream, "\r\n\r\n").await;
        let begun = [BEGUN, &chunk(PROGRESS)].concat();
        stream.write_all(begun.as_bytes()).await.expect("sent");
        stream
    });
    let client = client.with_timeout(Duration::from_millis(500));
    let batch = client.verify_files(Profile::Licence, files()).await;
    let mut batch = batch.expect("an answer");
    batch.next().await.expect("a line").expect("a good one");
    let error = batch.next().await.expect("a fault").expect_err("silence");
    assert_eq!((error.lines, error.code()), (1, "CLIENT_TIMEOUT"));
    drop(server.await.expect("no panic"));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_ends_the_batch_by_name() {
    let (client, listener) = scene().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        received(&mut stream, "\r\n\r\n").await;
        let begun = [CONTINUE, BEGUN, &chunk(PROGRESS)].concat();
        stream.write_all(begun.as_bytes()).await.expect("sent");
        let mut body = Vec::new();
        let _ = stream.read_to_end(&mut body).await;
        String::from_utf8(body).expect("text")
    });
    let files = stream::iter([
        Upload::from_memory("good", "content"),
        Upload::from_disk("/there/is/no/such.ofd"),
    ]);
    let mut batch = client
        .verify_files(Profile::Licence, files)
        .await
        .expect("an answer");
    batch.next().await.expect("a line").expect("a good one");
    let error = batch.next().await.expect("a fault").expect_err("no file");
    assert_eq!((error.lines, error.code()), (1, "CLIENT_FILE_UNREADABLE"));
    assert!(error.to_string().contains("such.ofd"), "{error}");
    let body = server.await.expect("no panic");
    assert!(body.contains("content"), "what came before was sent");
    assert!(!body.ends_with("0\r\n\r\n"), "and the body has no end");
}

/// What stands between keeps `100 Continue` to itself.
#[tokio::test]
async fn the_body_is_sent_in_the_end_to_who_does_not_ask_for_it() {
    let (client, listener) = scene().await;
    let answer = format!("{BEGUN}{}0\r\n\r\n", chunk(END));
    let server = serve(listener, String::new(), answer);
    let files = stream::iter([Upload::from_memory("a", "content")]);
    let batch = client.verify_files(Profile::Licence, files).await;
    let end = batch.expect("an answer").next().await.expect("a line");
    assert!(matches!(end, Ok(BatchLine::End(_))));
    assert!(server.await.expect("no panic").1.contains("content"));
}
