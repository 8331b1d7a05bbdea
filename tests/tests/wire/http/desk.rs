//! A home node behind a port, with callers of several rights.

use std::net::SocketAddr;
use std::sync::Arc;

use hub::config::{CallerConfig, CallerRole};
use hub::permits::Duty;
use schemas::licence_type::LicenceTypes;
use serde_json::{Value, json};
use tests::{MATTER, TestHub, ZHEJIANG, caller, purpose};
use tokio::net::TcpListener;

use super::connection::{Answer, ask, send};
use crate::contracts::Schemas;
use crate::wire::stage::{State, state};

/// Bearer of every right.
pub(super) const ALL: &str = "token-of-every-right";
/// Bearer of no right.
pub(super) const GUEST: &str = "token-of-no-right";
/// Another bearer of the right to use.
pub(super) const OTHER: &str = "token-of-another-desk";

/// Idempotency key of a change of status that was made.
pub(super) const USED_KEY: &str = "a-key-that-was-used";

/// What must come back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    /// A problem with this status and code.
    Problem(u16, &'static str),
    /// An answer of this status, as to an honest request.
    Answered(u16),
    /// This status without a body, said before any route is known: the head is no head of HTTP.
    Bare(u16),
    /// Nothing: the connection ends.
    Closed,
}

/// One hostile or broken request.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) request: Vec<u8>,
    pub(super) expected: Expected,
    /// Whether the sender ends its half of the connection after the request.
    pub(super) ends: bool,
}

/// A home node behind a port.
pub(super) struct Desk {
    pub(super) hub: TestHub,
    pub(super) address: SocketAddr,
    /// Permit for the first licence.
    pub(super) permit: String,
    /// The same from yesterday.
    pub(super) expired: String,
    schemas: Schemas,
    before: State,
}

impl Desk {
    pub(super) async fn start() -> Self {
        let mut hub = TestHub::start(2, 1).await;
        hub.sync().await;
        hub.restart_with(ZHEJIANG, |config| {
            use CallerRole::{Auditor, Lookup, Registrar, Use, Verify};
            config.callers = vec![
                known("desk", ALL, &[Lookup, Use, Verify, Auditor, Registrar]),
                known("guest", GUEST, &[]),
                known("other", OTHER, &[Use]),
            ];
            let types = LicenceTypes::builtin();
            config.duties = vec![Duty {
                organisation: caller().organisation,
                matter: MATTER.to_owned(),
                licence_types: types.iter().map(|one| one.code.clone()).collect(),
            }];
            config.limits.drain_s = 1;
        })
        .await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let node = Arc::clone(hub.node(ZHEJIANG));
        tokio::spawn(hub::http::serve(listener, node, std::future::pending()));
        let mut desk = Self {
            hub,
            address,
            permit: String::new(),
            expired: String::new(),
            schemas: Schemas::load(),
            before: State::new(),
        };
        desk.expired = desk.permitted().await;
        desk.hub.clock.advance(chrono::Duration::days(1));
        desk.permit = desk.permitted().await;
        desk.change_status().await;
        desk.hub.settle().await;
        desk.before = state(&desk.hub).await;
        desk
    }

    /// Sends every request in turn and checks what comes back, and that nothing else came of it.
    pub(super) async fn check(&self, cases: Vec<Case>) {
        let mut names = std::collections::BTreeSet::new();
        for case in &cases {
            assert!(names.insert(case.name.clone()), "{} twice", case.name);
            let bytes = send(self.address, &case.request, case.ends).await;
            self.check_answer(case, &bytes);
            assert_eq!(
                state(&self.hub).await,
                self.before,
                "{} changed state",
                case.name
            );
            self.check_alive(&case.name).await;
        }
    }

    /// The node says that it is ready and answers an honest request.
    pub(super) async fn check_alive(&self, what: &str) {
        for path in ["/readyz", &self.licence(0)] {
            let answer = ask(self.address, &get(path, ALL)).await;
            let answer = Answer::parse(&answer).expect("an answer");
            assert_eq!(answer.status, 200, "{path} after {what}: {}", answer.text);
        }
    }

    /// Address of a licence.
    pub(super) fn licence(&self, number: usize) -> String {
        format!("/v1/licences/{}", self.hub.identifier(number))
    }

    /// An honest question for a permit.
    pub(super) fn wanted(&self) -> Value {
        let identifier = self.hub.identifier(0);
        json!({ "identifier": identifier.as_str(), "purpose": purpose(MATTER) })
    }

    fn check_answer(&self, case: &Case, bytes: &[u8]) {
        let name = &case.name;
        let shown = String::from_utf8_lossy(bytes)
            .chars()
            .take(500)
            .collect::<String>();
        let answer = Answer::parse(bytes);
        if let Expected::Closed = case.expected {
            assert!(answer.is_none(), "{name}: {shown}");
            return;
        }
        let answer = answer.unwrap_or_else(|| panic!("{name}: no answer: {shown}"));
        match case.expected {
            Expected::Problem(status, code) => {
                assert_eq!(answer.status, status, "{name}: {shown}");
                let is_head = case.request.starts_with(b"HEAD ");
                if is_head {
                    assert_eq!(answer.text, "", "{name}");
                } else {
                    self.check_problem(name, &answer, code);
                }
            }
            Expected::Answered(status) => assert_eq!(answer.status, status, "{name}: {shown}"),
            Expected::Bare(status) => {
                assert_eq!(answer.status, status, "{name}: {shown}");
                assert_eq!(answer.text, "", "{name}");
            }
            Expected::Closed => {}
        }
    }

    fn check_problem(&self, name: &str, answer: &Answer, code: &str) {
        let kind = answer.header("content-type");
        assert_eq!(
            kind,
            Some("application/problem+json"),
            "{name}: {}",
            answer.text
        );
        let problem: Value = serde_json::from_str(&answer.text).expect("JSON");
        assert_eq!(problem["code"], code, "{name}: {problem}");
        assert_eq!(problem["status"], answer.status, "{name}");
        self.schemas.check("problem", &problem, name);
        let text = schemas::catalogue::text(code).expect("a code of the catalogue");
        assert_eq!(problem["zh"], text.zh, "{name}");
        let named = answer.header("x-request-id").expect("a name");
        let instance = format!("urn:license-hub:request:{named}");
        assert_eq!(problem["instance"], instance, "{name}");
        let has = |header: &str| answer.header(header).is_some();
        assert_eq!(has("www-authenticate"), answer.status == 401, "{name}");
        assert_eq!(has("allow"), answer.status == 405, "{name}");
        assert_eq!(has("retry-after"), answer.status == 503, "{name}");
    }

    async fn permitted(&self) -> String {
        let wanted = self.wanted().to_string();
        let request = post("/v1/permits", ALL, JSON, wanted.as_bytes());
        let answer = ask(self.address, &request).await;
        let answer = Answer::parse(&answer).expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text);
        let permit: Value = serde_json::from_str(&answer.text).expect("JSON");
        permit["id"].as_str().expect("a name").to_owned()
    }

    async fn change_status(&self) {
        let path = format!("{}/status", self.licence(1));
        let more = format!("{JSON}idempotency-key: {USED_KEY}\r\n");
        let request = post(&path, ALL, &more, b"{\"status\":\"02\"}");
        let answer = Answer::parse(&ask(self.address, &request).await).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

/// Header of a body in JSON.
pub(super) const JSON: &str = "content-type: application/json\r\n";

/// A case whose sender waits for the answer.
pub(super) fn case(name: &str, request: impl Into<Vec<u8>>, expected: Expected) -> Case {
    Case {
        name: name.to_owned(),
        request: request.into(),
        expected,
        ends: false,
    }
}

/// A request without a body.
pub(super) fn get(path: &str, token: &str) -> Vec<u8> {
    plain("GET", path, &format!("authorization: Bearer {token}\r\n"))
}

/// A request without a body and with these headers.
pub(super) fn plain(method: &str, path: &str, headers: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n{headers}\r\n").into()
}

/// A request with a body.
pub(super) fn post(path: &str, token: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let more = format!("authorization: Bearer {token}\r\n{headers}content-length: {length}\r\n");
    [&plain("POST", path, &more)[..], body].concat()
}

fn known(system: &str, token: &str, roles: &[CallerRole]) -> CallerConfig {
    CallerConfig {
        system: system.to_owned(),
        organisation: caller().organisation,
        token_sm3: hex::encode(certs::digest::sm3(token.as_bytes())),
        roles: roles.to_vec(),
    }
}
