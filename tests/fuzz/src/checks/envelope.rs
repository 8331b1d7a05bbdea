//! Bus messages: headers survive a round trip, and a signature holds for what was signed alone.
//!
//! An input is text: the topic, then a line `name:value` for each header, an empty line, the body.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use certs::digest::sm3;
use certs::envelope_security::{HEADERS_MAX, check_envelope};
use certs::node_key::NodePublicKeys;
use schemas::envelope::{BODY_BYTES_MAX, Envelope, HEADER_BYTES_MAX};
use schemas::message::{
    DirectoryChange, DirectoryReceipt, FileChunk, FileRefusal, FileRequest, LookupReply,
    LookupRequest, SealedBytes, SnapshotPage, SnapshotRequest,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{files, folder};

/// The node that signed the seeds.
pub const NODE: &str = "zhejiang";
/// File with its public keys.
pub const KEYS: &str = "seeds/node-keys.json";

static PEER: LazyLock<NodePublicKeys> = LazyLock::new(|| {
    let text = std::fs::read(folder(KEYS)).expect("the seeds' keys");
    serde_json::from_slice(&text).expect("public keys")
});

/// What is signed of each seed.
static SIGNED: LazyLock<BTreeSet<Vec<u8>>> = LazyLock::new(|| {
    let read = |(_, data): (_, Vec<u8>)| {
        let message = Message::read(&data);
        let envelope = Envelope::from_headers(&message.headers).ok()?;
        Some(envelope.signing_input(&message.topic, &hex::encode(sm3(message.body))))
    };
    files("seeds/envelope")
        .into_iter()
        .filter_map(read)
        .collect()
});

/// A message as an input says it.
struct Message<'a> {
    topic: String,
    headers: Vec<(String, String)>,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    fn read(data: &'a [u8]) -> Self {
        let border = data.windows(2).position(|two| two == b"\n\n");
        let (head, body) = match border {
            Some(at) => (&data[..at], &data[at + 2..]),
            None => (data, &data[data.len()..]),
        };
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split('\n');
        let topic = lines.next().unwrap_or_default().to_owned();
        let split = |line: &str| {
            line.split_once(':')
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
        };
        Self {
            topic,
            headers: lines.filter_map(split).collect(),
            body,
        }
    }
}

/// Checks one message.
pub fn check(data: &[u8]) {
    let message = Message::read(data);
    check_body(message.body);
    let Ok(envelope) = Envelope::from_headers(&message.headers) else {
        return;
    };
    let headers = envelope.to_headers();
    assert_eq!(Envelope::from_headers(&headers).as_ref(), Ok(&envelope));
    for (_, value) in &headers {
        assert!(value.len() <= HEADER_BYTES_MAX && !value.chars().any(char::is_control));
    }
    if let Some(checked) = checked(&message) {
        assert!(message.body.len() <= BODY_BYTES_MAX && message.headers.len() <= HEADERS_MAX);
        assert_eq!(checked, envelope);
        let digest = hex::encode(sm3(message.body));
        let signed = envelope.signing_input(&message.topic, &digest);
        assert!(SIGNED.contains(&signed), "a forged message");
    }
}

/// Whether the node of the seeds signed it.
#[must_use]
pub fn is_genuine(data: &[u8]) -> bool {
    checked(&Message::read(data)).is_some()
}

fn checked(message: &Message<'_>) -> Option<Envelope> {
    let known = |node: &str, _: &str| (node == NODE).then(|| PEER.clone());
    check_envelope(&message.headers, &message.topic, message.body, &known).ok()
}

/// A body that is read as any message says the same when it is written and read again.
fn check_body(body: &[u8]) {
    if body.len() > BODY_BYTES_MAX || !body.starts_with(b"{") {
        return;
    }
    round_trip::<SealedBytes>(body);
    round_trip::<DirectoryChange>(body);
    round_trip::<DirectoryReceipt>(body);
    round_trip::<LookupRequest>(body);
    round_trip::<LookupReply>(body);
    round_trip::<FileRequest>(body);
    round_trip::<FileChunk>(body);
    round_trip::<FileRefusal>(body);
    round_trip::<SnapshotRequest>(body);
    round_trip::<SnapshotPage>(body);
}

fn round_trip<T: DeserializeOwned + Serialize + PartialEq>(body: &[u8]) {
    if let Ok(message) = serde_json::from_slice::<T>(body) {
        let written = serde_json::to_vec(&message).expect("JSON");
        let again: T = serde_json::from_slice(&written).expect("what was written");
        assert!(
            message == again,
            "a body says something else when it is read again"
        );
    }
}
