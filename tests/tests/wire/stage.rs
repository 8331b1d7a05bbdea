//! Three nodes that work, and what must be the same after every case.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use connectors::bus::{BusRecord, OutgoingRecord, Sharing, Subscription};
use hub::node::node_keys;
use schemas::envelope::topic;
use schemas::permit::PermitRecord;
use serde_json::Value;
use tests::{MATTER, NATIONAL, SICHUAN, TestHub, ZHEJIANG, eventually};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::http::connection::{PATIENCE, ask};
use super::message::lookup_between;
use crate::state::{digests, leaves, positions};

/// All nodes.
pub(super) const NODES: [&str; 3] = [NATIONAL, ZHEJIANG, SICHUAN];

/// State of all nodes, by node and table.
pub(super) type State = BTreeMap<&'static str, BTreeMap<String, String>>;

/// One hostile or broken message.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) record: OutgoingRecord,
    /// Node that must refuse it.
    pub(super) reader: &'static str,
    pub(super) expected: Expected,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Refused with this code: a dead letter and a leaf of the refusal.
    Refused(&'static str),
    /// Passed over without a trace: too late, or applied before, or nobody waits for it.
    PassedOver,
    /// Answered as the honest message that it also is, with a leaf of this activity and result.
    Recorded(&'static str, &'static str),
    /// Not even published: the bus refuses with this code.
    NotPublished(&'static str),
}

impl Expected {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Refused(code) => Some(code),
            _ => None,
        }
    }
}

/// Three nodes that work.
pub(super) struct Stage {
    pub(super) hub: TestHub,
    before: State,
    ports: BTreeMap<&'static str, SocketAddr>,
}

impl Stage {
    /// Two licences of Zhejiang, the first with a file, are registered.
    pub(super) async fn start() -> Self {
        let hub = TestHub::start(2, 1).await;
        hub.sync().await;
        Self::with(hub).await
    }

    /// The same, and a permit for the licence with the file.
    pub(super) async fn permitted() -> (Self, PermitRecord) {
        let hub = TestHub::start(2, 1).await;
        hub.sync().await;
        let permit = hub.permit(&hub.identifier(0), MATTER).await;
        let permit = permit.expect("decided").record;
        (Self::with(hub).await, permit)
    }

    /// The nodes as they are now.
    pub(super) async fn with(hub: TestHub) -> Self {
        let mut ports = BTreeMap::new();
        for node in NODES {
            ports.insert(node, serve(&hub, node).await);
        }
        let before = state(&hub).await;
        Self { hub, before, ports }
    }

    /// Stops a node and starts it again.
    pub(super) async fn restart(&mut self, node: &'static str) {
        self.hub.stop_node(node).await;
        self.hub.start_node(node).await;
        self.ports.insert(node, serve(&self.hub, node).await);
    }

    /// Publishes every case in turn and checks what became of it.
    pub(super) async fn check(&self, cases: Vec<Case>) {
        let mut letters: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
        let mut names = BTreeSet::new();
        for case in &cases {
            assert!(names.insert(case.name.clone()), "{} twice", case.name);
            self.check_one(case).await;
            if matches!(case.expected, Expected::Refused(_)) {
                letters.entry(case.reader).or_default().push(case);
            }
        }
        for (reader, cases) in letters {
            self.check_letters(reader, &cases).await;
        }
    }

    /// Nothing that counts as state is different from the beginning.
    pub(super) async fn check_unchanged(&self, what: &str) {
        for (node, now) in state(&self.hub).await {
            assert_eq!(Some(&now), self.before.get(node), "{what} changed {node}");
        }
    }

    /// A node says that it is ready and answers an honest message.
    pub(super) async fn check_alive(&self, node: &'static str, what: &str) {
        let request = b"GET /readyz HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n";
        let answer = ask(self.ports[node], request).await;
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{node} after {what}");
        let from = if node == SICHUAN { ZHEJIANG } else { SICHUAN };
        // From its file: the one who asks may be stopped.
        let keys = node_keys(&self.hub.folder.path().join(from)).expect("keys");
        let honest = lookup_between(&self.hub, from, node).signed(&keys);
        let before = self.hub.leaves(node, "answer_lookup", "*").await;
        self.hub.bus.publish(vec![honest]).await.expect("publishes");
        eventually(&format!("{node} answers after {what}"), async || {
            self.hub.leaves(node, "answer_lookup", "*").await > before
        })
        .await;
        self.hub.settle().await;
    }

    async fn check_one(&self, case: &Case) {
        let (name, topic) = (&case.name, &case.record.topic);
        let known = leaves(&self.hub, case.reader).await.len();
        let mut read = BTreeMap::new();
        for node in readers(topic) {
            read.insert(node, positions(&self.hub, node, topic).await);
        }
        let published = self.hub.bus.publish(vec![case.record.clone()]).await;
        if let Expected::NotPublished(code) = case.expected {
            let refused = published.expect_err("the bus refuses");
            assert_eq!(refused.code(), code, "{name}");
        } else {
            published.unwrap_or_else(|cause| panic!("{name}: {cause}"));
            for (node, position) in read {
                eventually(&format!("{node} reads: {name}"), async || {
                    positions(&self.hub, node, topic).await > position
                })
                .await;
            }
        }
        self.hub.settle().await;
        let expected = match case.expected {
            Expected::Refused(code) => vec![("refuse", code)],
            Expected::Recorded(activity, result) => vec![(activity, result)],
            Expected::PassedOver | Expected::NotPublished(_) => vec![],
        };
        let new = leaves(&self.hub, case.reader).await.split_off(known);
        let said: Vec<(&str, &str)> = new
            .iter()
            .map(|leaf| (text(leaf, "activity"), text(leaf, "result")))
            .collect();
        assert_eq!(said, expected, "{name}");
        if let Expected::Refused(_) = case.expected {
            assert_eq!(new[0]["message"]["topic"], topic.as_str(), "{name}");
        }
        self.check_unchanged(name).await;
        self.check_alive(case.reader, name).await;
    }

    /// The dead letters of a node hold what it refused, as it came, each with its reason.
    async fn check_letters(&self, reader: &str, cases: &[&Case]) {
        let letters = self.hub.records(&topic::dead_letters(reader)).await;
        assert_eq!(letters.len(), cases.len(), "dead letters of {reader}");
        for (letter, case) in letters.iter().zip(cases) {
            let code = header(&letter.headers, "hub_deadletter_code").expect("a code");
            let name = &case.name;
            assert_eq!(case.expected.code(), Some(code), "{name}");
            // Whoever reads the dead letters can look it up.
            assert!(schemas::catalogue::text(code).is_some(), "{code}");
            let topic = header(&letter.headers, "hub_deadletter_topic").expect("a topic");
            assert_eq!(topic, case.record.topic, "{name}");
            assert_eq!(letter.body, case.record.body, "{name}");
        }
    }
}

/// Requests to a node, which a test answers in its place.
pub(super) struct Requests(Mutex<Box<dyn Subscription>>);

impl Requests {
    /// Those to this node.
    pub(super) async fn to(hub: &TestHub, node: &str) -> Self {
        let topic = topic::requests(node);
        let requests = hub.bus.subscribe(&topic, Sharing::Whole, Arc::new(None));
        Self(Mutex::new(requests.await.expect("subscribes")))
    }

    /// The correlation of the next one that is meant.
    pub(super) async fn next(&self, is_meant: impl Fn(&BusRecord) -> bool) -> String {
        let mut requests = self.0.lock().await;
        loop {
            let batch = tokio::time::timeout(PATIENCE, requests.next()).await;
            let batch = batch.expect("a request in time").expect("reads");
            let last = batch.last().expect("a record");
            if is_meant(last) {
                return header(&last.headers, "ce_correlation")
                    .unwrap_or_default()
                    .to_owned();
            }
        }
    }
}

/// The value of a header, if there is one of this name.
pub(super) fn header<'r>(headers: &'r [(String, String)], wanted: &str) -> Option<&'r str> {
    let found = headers.iter().find(|(name, _)| name == wanted);
    found.map(|(_, value)| value.as_str())
}

async fn serve(hub: &TestHub, node: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let served = Arc::clone(hub.node(node));
    tokio::spawn(hub::http::serve(listener, served, std::future::pending()));
    address
}

/// State of all nodes.
pub(super) async fn state(hub: &TestHub) -> State {
    let mut state = BTreeMap::new();
    // What does not run changes nothing.
    for node in NODES.into_iter().filter(|node| hub.is_running(node)) {
        state.insert(node, digests(hub, node).await);
    }
    state
}

/// Who reads a topic.
fn readers(topic: &str) -> Vec<&'static str> {
    let is_for = |node: &&str| topic.ends_with(&format!(".{node}"));
    match topic {
        topic::DIRECTORY_CHANGES => NODES.to_vec(),
        topic::DIRECTORY_RECEIPTS => vec![ZHEJIANG, SICHUAN],
        _ => NODES.into_iter().filter(is_for).collect(),
    }
}

fn text<'a>(leaf: &'a Value, name: &str) -> &'a str {
    leaf[name].as_str().expect("text")
}
