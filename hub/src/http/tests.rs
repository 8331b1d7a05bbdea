mod delivery;
mod seals;
mod status;

use std::path::Path;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Request, Response, StatusCode};
use connectors::bus::EmbeddedBus;
use http_body_util::BodyExt;
use schemas::uscc::Uscc;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::clock::{Clock, SystemClock};
use crate::config::{CallerConfig, CallerRole, NodeConfig, Role};
use crate::node::Running;

const ORGANISATION: &str = "11330105002500287C";
const TYPE: &str = "11990000MB999999XE001";

/// A token that may do everything, and one that may do nothing.
const ALL: &str = "token-of-all-roles";
const NONE: &str = "token-of-no-role";

struct TestNode {
    running: Running,
    _folder: tempfile::TempDir,
}

impl TestNode {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path());
        Self::start_with(folder, config).await
    }

    async fn start_with(folder: tempfile::TempDir, config: NodeConfig) -> Self {
        let bus = EmbeddedBus::open(&folder.path().join("bus.sqlite"))
            .await
            .expect("a bus");
        let running = Node::start(config, Arc::new(bus), Arc::new(SystemClock))
            .await
            .expect("a node");
        Self {
            running,
            _folder: folder,
        }
    }

    fn shared(&self) -> Shared {
        Shared::new(Arc::clone(&self.running.node))
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        answer(
            routes(self.shared())
                .oneshot(request)
                .await
                .expect("infallible"),
        )
        .await
    }
}

struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }
}

async fn answer(response: Response<Body>) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.expect("a whole body").to_bytes();
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    Answer {
        status: parts.status,
        headers: parts.headers,
        text,
    }
}

fn config(folder: &Path) -> NodeConfig {
    let trust = folder.join("trust");
    std::fs::create_dir_all(&trust).expect("a trust folder");
    let data = folder.join("national");
    let mut config = NodeConfig::new("national", Role::National, "national", &data, &trust);
    config.callers = callers();
    config
}

fn callers() -> Vec<CallerConfig> {
    let all = [
        CallerRole::Lookup,
        CallerRole::Use,
        CallerRole::Verify,
        CallerRole::Auditor,
        CallerRole::Registrar,
    ];
    vec![caller("desk", ALL, &all), caller("guest", NONE, &[])]
}

fn caller(system: &str, token: &str, roles: &[CallerRole]) -> CallerConfig {
    CallerConfig {
        system: system.to_owned(),
        organisation: Uscc::parse(ORGANISATION).expect("valid"),
        token_sm3: hex::encode(certs::digest::sm3(token.as_bytes())),
        roles: roles.to_vec(),
    }
}

fn identifier() -> String {
    schemas::identifier::Identifier::build(TYPE, ORGANISATION, "A1", 1)
        .expect("valid")
        .as_str()
        .to_owned()
}

fn request(method: &str, uri: &str, token: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(uri)
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .header(CONTENT_TYPE, "application/json")
        .body(body.into())
        .expect("a request")
}

fn purpose() -> Value {
    json!({
        "matter_code": "330100-001", "matter_name": "事项", "system_name": "系统",
        "call_category": "0", "cause": "办理",
    })
}

#[track_caller]
fn check_problem(answer: &Answer, status: u16, code: &str) {
    let problem = answer.json();
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(answer.status.as_u16(), status, "{code}");
    assert_eq!(answer.headers[CONTENT_TYPE], "application/problem+json");
    let name = answer.headers["x-request-id"].to_str().expect("text");
    assert_eq!(
        problem["instance"],
        format!("urn:license-hub:request:{name}")
    );
    for member in ["zh", "en", "next_zh", "next_en", "side"] {
        assert!(problem[member].is_string(), "{code} without {member}");
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_a_coded_problem() {
    let node = TestNode::start().await;
    let licence = format!("/v1/licences/{}", identifier());
    let plain = Request::get(&licence)
        .body(Body::empty())
        .expect("a request");
    let refused = node.ask(plain).await;
    check_problem(&refused, 401, "UNAUTHENTICATED");
    assert!(refused.headers.contains_key(WWW_AUTHENTICATE));

    let empty = Body::empty;
    let unknown_token = request("GET", &licence, "someone-else", empty());
    check_problem(&node.ask(unknown_token).await, 401, "UNAUTHENTICATED");
    check_problem(
        &node.ask(request("GET", "/v2", ALL, empty())).await,
        404,
        "NO_ROUTE",
    );
    let wrong_method = node.ask(request("DELETE", &licence, ALL, empty())).await;
    check_problem(&wrong_method, 405, "METHOD_NOT_ALLOWED");
    assert!(
        wrong_method.headers.contains_key("allow"),
        "RFC 9110 §15.5.6 demands Allow"
    );
    check_problem(
        &node.ask(request("GET", &licence, ALL, empty())).await,
        404,
        "NOT_FOUND",
    );
    let no_identifier = request("GET", "/v1/licences/1.2.3", ALL, empty());
    let refused = node.ask(no_identifier).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(
        refused.json()["code"]
            .as_str()
            .is_some_and(|code| code.starts_with("ID_"))
    );
    let no_permit = request("GET", &format!("{licence}/file"), ALL, empty());
    let refused = node.ask(no_permit).await;
    check_problem(&refused, 400, "BAD_REQUEST");
    assert_eq!(refused.json()["field"], "permit");
    assert_eq!(refused.json()["detail"], "permit is missing");
    let unknown_permit = request("GET", &format!("{licence}/file?permit=none"), ALL, empty());
    check_problem(&node.ask(unknown_permit).await, 403, "PERMIT_UNKNOWN");
}

#[tokio::test]
async fn bodies_that_do_not_parse_are_refused_without_repeating_them() {
    let node = TestNode::start().await;
    let post = |body: String| request("POST", "/v1/licences/search", ALL, body);
    let malformed = node
        .ask(post("{\"holder_code\": 330102199001010000}".to_owned()))
        .await;
    check_problem(&malformed, 400, "BAD_REQUEST");
    assert!(
        !malformed.text.contains("3301021990"),
        "a holder's code is repeated"
    );
    let long = format!("{{\"holder_code\": \"{}\"}}", "x".repeat(JSON_BYTES_MAX));
    check_problem(&node.ask(post(long)).await, 413, "TOO_LARGE");
    let mut typed = post("{}".to_owned());
    typed
        .headers_mut()
        .insert(CONTENT_TYPE, "text/xml".parse().expect("valid"));
    check_problem(&node.ask(typed).await, 415, "UNSUPPORTED_MEDIA_TYPE");
    let wanted = json!({ "identifier": identifier(), "purpose": {} }).to_string();
    let refused = node.ask(request("POST", "/v1/permits", ALL, wanted)).await;
    check_problem(&refused, 400, "BAD_REQUEST");
    assert_eq!(refused.json()["field"], "purpose.matter_code");
    let mut purpose = purpose();
    purpose["cause"] = json!("  ");
    let wanted = json!({ "identifier": identifier(), "purpose": purpose }).to_string();
    let refused = node.ask(request("POST", "/v1/permits", ALL, wanted)).await;
    check_problem(&refused, 400, "BAD_REQUEST");
    assert_eq!(refused.json()["field"], "purpose.cause");
}

#[tokio::test]
async fn a_caller_without_the_role_is_refused() {
    let node = TestNode::start().await;
    let licence = format!("/v1/licences/{}", identifier());
    let wanted = json!({ "identifier": identifier(), "purpose": purpose() }).to_string();
    let search = json!({ "holder_code": "x" }).to_string();
    let status = json!({ "status": "02" }).to_string();
    let asked = [
        ("POST", "/v1/permits".to_owned(), wanted),
        ("POST", "/v1/licences/search".to_owned(), search),
        ("GET", format!("{licence}/file?permit=p"), String::new()),
        ("GET", format!("{licence}/trail"), String::new()),
        ("POST", format!("{licence}/status"), status),
        ("POST", "/v1/verifications".to_owned(), "file".to_owned()),
        ("GET", "/v1/receipts".to_owned(), String::new()),
        ("GET", "/v1/rejections".to_owned(), String::new()),
        ("GET", "/v1/log/proofs/0".to_owned(), String::new()),
    ];
    for (method, uri, body) in asked {
        let mut refused = request(method, &uri, NONE, body);
        refused
            .headers_mut()
            .insert("idempotency-key", "k-1".parse().expect("valid"));
        check_problem(&node.ask(refused).await, 403, "FORBIDDEN");
    }
}

#[tokio::test]
async fn a_brought_file_is_verified_and_the_verification_is_on_record() {
    let node = TestNode::start().await;
    let before = log_size(&node).await;
    let request = request("POST", "/v1/verifications", ALL, "no OFD at all");
    let answer = node.ask(request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.json()["verdict"], "invalid");
    assert_eq!(answer.json()["gb36906"], 2);
    assert_eq!(
        log_size(&node).await,
        before + 1,
        "one leaf for one verification"
    );
}

#[tokio::test]
async fn what_brings_no_file_is_refused_with_what_is_missing() {
    let node = TestNode::start().await;
    let before = log_size(&node).await;
    let none = node.ask(request("POST", "/v1/verifications", ALL, ""));
    let none = none.await;
    check_problem(&none, 400, "BAD_REQUEST");
    assert_eq!(none.json()["field"], "body");
    for media_type in ["application/x-ndjson", "multipart/form-data; boundary=b"] {
        for (body, status) in [("", 400), (" \n--b--\r\n", 200)] {
            // Blank lines alone, or boundaries.
            let body = if media_type.contains("ndjson") {
                body.split('-').next().unwrap_or_default()
            } else {
                body.trim_start()
            };
            let mut asked = request("POST", "/v1/verifications", ALL, body);
            asked
                .headers_mut()
                .insert(CONTENT_TYPE, media_type.parse().expect("valid"));
            let answer = node.ask(asked).await;
            assert_eq!(answer.status.as_u16(), status, "{media_type} {body:?}");
            let answer = answer.json();
            let problem = answer.get("problem").unwrap_or(&answer);
            assert_eq!(problem["field"], "body", "{answer}");
            assert_ne!(answer["complete"], true, "{answer}");
        }
    }
    let strict = "/v1/verifications?profile=strict";
    let strict = node.ask(request("POST", strict, ALL, "file")).await;
    check_problem(&strict, 400, "BAD_REQUEST");
    let says = "profile must be one of: licence, general";
    assert_eq!(strict.json()["detail"], says);
    assert_eq!(log_size(&node).await, before, "nothing was verified");
}

#[tokio::test]
async fn a_full_node_says_when_to_come_back_and_stays_healthy() {
    let node = TestNode::start().await;
    let shared = node.shared();
    let every_turn = u32::try_from(node.running.node.config.limits.requests_concurrent);
    let every_turn = every_turn.expect("small");
    let _turns = shared
        .in_progress
        .try_acquire_many(every_turn)
        .expect("free");
    let ask = |uri: &str| routes(shared.clone()).oneshot(request("GET", uri, ALL, ""));
    let refused = answer(ask("/v1/log/head").await.expect("infallible")).await;
    check_problem(&refused, 503, "OVERLOADED");
    assert!(refused.headers.contains_key(RETRY_AFTER));
    for health in ["/healthz", "/readyz"] {
        let alive = ask(health).await.expect("infallible");
        assert_eq!(alive.status(), StatusCode::OK, "{health}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_without_its_cause() {
    #[expect(clippy::panic, reason = "the panic is what is tested")]
    async fn panics() -> &'static str {
        panic!("a secret cause")
    }
    let routes = Router::<()>::new()
        .route("/", get(panics))
        .layer(CatchPanicLayer::custom(fault::panicked))
        .layer(from_fn(guard::observed));
    let asked = Request::get("/").body(Body::empty()).expect("a request");
    let refused = answer(routes.oneshot(asked).await.expect("infallible")).await;
    check_problem(&refused, 500, "INTERNAL");
    assert!(!refused.text.contains("secret"));
}

/// Size of the log: the second line of its signed head (C2SP tlog-checkpoint).
async fn log_size(node: &TestNode) -> u64 {
    let head = node.ask(request("GET", "/v1/log/head", ALL, "")).await;
    assert_eq!(head.status, StatusCode::OK, "{}", head.text);
    head.text
        .lines()
        .nth(1)
        .and_then(|line| line.parse().ok())
        .expect("a size")
}
