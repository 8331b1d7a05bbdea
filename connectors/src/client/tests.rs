//! The client against a server that answers what the test wrote down.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

/// Gives one answer per connection, in order; the task's result is what was received.
async fn server(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        let mut received = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = vec![0; 16 * 1024];
            let read = stream.read(&mut request).await.expect("a request");
            received.push(String::from_utf8_lossy(&request[..read]).into_owned());
            stream.write_all(answer.as_bytes()).await.expect("sent");
            stream.shutdown().await.expect("closed");
        }
        received
    });
    (base, task)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
    )
}

#[tokio::test]
async fn requests_carry_token_and_body() {
    let (base, task) = server(vec![answer("200 OK", "etag: \"a\"\r\n", "{\"b\":2}")]).await;
    let client = Client::new(&base, Some("secret")).expect("a client");
    let body = serde_json::json!({"a": 1});
    let (status, headers, value) = client
        .request_json(Method::POST, "/v1/permits?x=1", Some(&body))
        .await
        .expect("an answer");
    assert_eq!(
        (status, &value),
        (StatusCode::OK, &serde_json::json!({"b": 2}))
    );
    assert_eq!(headers.get("etag").expect("a header"), "\"a\"");
    let request = task.await.expect("received").remove(0);
    assert!(
        request.starts_with("POST /v1/permits?x=1 HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("authorization: Bearer secret\r\n"),
        "{request}"
    );
    assert!(request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
}

#[tokio::test]
async fn overload_is_tried_again_when_the_node_says_when() {
    let busy = answer("503 Service Unavailable", "retry-after: 0\r\n", "");
    let (base, task) = server(vec![busy.clone(), answer("200 OK", "", "bytes")]).await;
    let client = Client::new(&base, None).expect("a client");
    let (_, _, bytes) = client
        .request_bytes(Method::GET, "/healthz", None)
        .await
        .expect("an answer");
    assert_eq!(bytes, "bytes");
    assert_eq!(task.await.expect("received").len(), 2);

    let (base, task) = server(vec![busy; ATTEMPTS_MAX as usize]).await;
    let client = Client::new(&base, None).expect("a client");
    let error = client
        .request_bytes(Method::GET, "/", None)
        .await
        .expect_err("a refusal");
    assert_eq!(error.code(), "HTTP_503");
    assert_eq!(task.await.expect("received").len(), ATTEMPTS_MAX as usize);
}

#[track_caller]
fn check_refusal(error: &ClientError, code: &str) {
    assert_eq!(error.code(), code, "{error}");
}

#[tokio::test]
async fn refusals_keep_the_code_of_the_node() {
    let body = r#"{"type":"about:blank","title":"denied","status":403,"code":"PERMIT_DENIED",
        "zh":"不予许可","en":"no permit"}"#;
    let waits_long = answer("503 Service Unavailable", "retry-after: 3600\r\n", "busy");
    let (base, _task) = server(vec![
        answer(
            "403 Forbidden",
            "content-type: application/problem+json\r\n",
            body,
        ),
        waits_long,
        answer("200 OK", "", "not json"),
        answer("204 No Content", "", ""),
    ])
    .await;
    let client = Client::new(&base, None).expect("a client");
    let ask = || client.request_json(Method::GET, "/v1/licences/x", None);
    match ask().await.expect_err("a refusal") {
        ClientError::Refused(problem) => {
            assert_eq!(
                (problem.code.as_str(), problem.status),
                ("PERMIT_DENIED", 403)
            );
            assert_eq!(problem.zh, "不予许可");
        }
        other => panic!("{other}"),
    }
    check_refusal(&ask().await.expect_err("a refusal"), "HTTP_503");
    check_refusal(&ask().await.expect_err("a refusal"), "CLIENT_NOT_JSON");
    assert_eq!(ask().await.expect("an answer").2, Value::Null);
}

#[tokio::test]
async fn answers_are_bounded_in_size_and_time() {
    let too_large = ANSWER_BYTES_MAX + 1;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {too_large}\r\n\r\n");
    let (base, _task) = server(vec![format!("{head}{}", "a".repeat(too_large))]).await;
    let client = Client::new(&base, None).expect("a client");
    let error = client
        .request_bytes(Method::GET, "/", None)
        .await
        .expect_err("a refusal");
    check_refusal(&error, "CLIENT_ANSWER_TOO_LARGE");

    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", silent.local_addr().expect("an address"));
    let client = Client::new(&base, None)
        .expect("a client")
        .with_timeout(Duration::from_millis(50));
    let error = client
        .request_bytes(Method::GET, "/", None)
        .await
        .expect_err("a refusal");
    check_refusal(&error, "CLIENT_TIMEOUT");
    drop(silent);
    let error = client
        .request_bytes(Method::GET, "/", None)
        .await
        .expect_err("a refusal");
    check_refusal(&error, "CLIENT_UNREACHABLE");
}

#[tokio::test]
async fn addresses_that_cannot_be_used_are_refused() {
    for base in [
        "",
        "localhost:80",
        "https://a",
        "http://a/b",
        "http://a?b=c",
        "ftp://a",
    ] {
        assert!(Client::new(base, None).is_err(), "{base}");
    }
    assert!(Client::new("http://a", Some("line\nbreak")).is_err());
    let client = Client::new("http://a:1/", None).expect("a client");
    let error = client
        .request_bytes(Method::GET, "@b/", None)
        .await
        .expect_err("a refusal");
    check_refusal(&error, "CLIENT_MALFORMED");
}
