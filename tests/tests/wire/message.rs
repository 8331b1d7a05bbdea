//! Honest messages, as their senders would make them, to be broken before they are signed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use certs::digest::sm3;
use certs::node_key::NodeKeys;
use certs::sealing;
use chrono::{DateTime, SecondsFormat, Utc};
use connectors::bus::OutgoingRecord;
use schemas::entry::{Entry, FileReference};
use schemas::envelope::{MessageType, topic};
use schemas::leaf::Activity;
use schemas::message::{
    Asker, DirectoryChange, DirectoryReceipt, FileRequest, LookupRequest, ReceiptOutcome,
    SealedBytes,
};
use schemas::permit::PermitRecord;
use schemas::status::LicenceStatus;
use schemas::verdict::FileKind;
use serde::Serialize;
use serde_json::Value;
use tests::{NATIONAL, SICHUAN, TestHub, ZHEJIANG, caller, noon};

/// Headers that are signed, in the order in which they are signed.
const SIGNED: [&str; 9] = [
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_subject",
    "ce_recipient",
    "ce_correlation",
    "ce_deadline",
];

/// A message before it is signed.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) key: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// A message of `from` to `to` with a new name.
    pub(super) fn new(
        hub: &TestHub,
        from: &str,
        to: &str,
        (message_type, topic): (MessageType, String),
        body: &impl Serialize,
    ) -> Self {
        let leaf = hub.node(to).leaf(Activity::Audit);
        let headers = [
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", leaf.id.clone()),
            ("ce_source", format!("/nodes/{from}")),
            ("ce_type", message_type.as_str().to_owned()),
            ("ce_time", instant(leaf.at)),
            ("ce_recipient", to.to_owned()),
            ("ce_correlation", leaf.id.clone()),
        ];
        Self {
            topic,
            key: leaf.id,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            body: serde_json::to_vec(body).expect("JSON"),
        }
    }

    /// With another value of a header, or a header more.
    pub(super) fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        match self.headers.iter_mut().find(|(found, _)| found == name) {
            Some((_, found)) => *found = value,
            None => self.headers.push((name.to_owned(), value)),
        }
        self
    }

    /// Without a header.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(found, _)| found != name);
        self
    }

    /// With a header twice, the second time with this value.
    pub(super) fn twice(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With these bytes as its body.
    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With one place of its body changed.
    pub(super) fn at(self, pointer: &str, value: Value) -> Self {
        let mut body: Value = serde_json::from_slice(&self.body).expect("JSON");
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        let parent = body.pointer_mut(parent).and_then(Value::as_object_mut);
        parent.expect("an object").insert(name.to_owned(), value);
        let body = body.to_string();
        self.body(body)
    }

    /// Without one member of its body.
    pub(super) fn missing(self, pointer: &str) -> Self {
        let mut body: Value = serde_json::from_slice(&self.body).expect("JSON");
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        let parent = body.pointer_mut(parent).and_then(Value::as_object_mut);
        let removed = parent.expect("an object").remove(name);
        assert!(removed.is_some(), "{pointer} was not there");
        let body = body.to_string();
        self.body(body)
    }

    /// Signed over what it now is, however malformed.
    pub(super) fn signed(&self, keys: &NodeKeys) -> OutgoingRecord {
        let signature = keys.sign(&self.signing_input()).expect("signs");
        self.with_signature(keys.public().key_id(), &signature)
    }

    /// With this signature, which may be none.
    pub(super) fn with_signature(&self, key_id: &str, signature: &[u8]) -> OutgoingRecord {
        let value = format!("keyid={key_id};sig={}", STANDARD.encode(signature));
        let mut record = self.unsigned();
        record.headers.push(("hubsig".to_owned(), value));
        record
    }

    /// Without a signature.
    pub(super) fn unsigned(&self) -> OutgoingRecord {
        OutgoingRecord {
            topic: self.topic.clone(),
            key: self.key.clone(),
            headers: self.headers.clone(),
            body: Bytes::from(self.body.clone()),
        }
    }

    /// The bytes that a node signs: written here once more, so that an honest message shows that
    /// a broken one is refused for its fault and not for its signature.
    pub(super) fn signing_input(&self) -> Vec<u8> {
        let mut lines = String::from("hub-envelope-v1\n");
        for name in SIGNED {
            let value = self.headers.iter().find(|(found, _)| found == name);
            if let Some((_, value)) = value {
                lines.push_str(&format!("{name}:{value}\n"));
            }
        }
        let digest = hex::encode(sm3(&self.body));
        lines.push_str(&format!("topic:{}\nbody-sm3:{digest}\n", self.topic));
        lines.into_bytes()
    }
}

/// A lookup of Zhejiang's first licence, of Sichuan to the national node.
pub(super) fn lookup(hub: &TestHub) -> Message {
    lookup_between(hub, SICHUAN, NATIONAL)
}

/// A lookup of Zhejiang's first licence.
pub(super) fn lookup_between(hub: &TestHub, from: &str, to: &str) -> Message {
    let request = LookupRequest::Identifier {
        identifier: hub.identifier(0).as_str().to_owned(),
        asker: asker(),
    };
    let place = (MessageType::LookupRequest, topic::requests(to));
    Message::new(hub, from, to, place, &request)
}

/// A lookup by holder, of Sichuan to the national node; the query is sealed to `reader`.
pub(super) fn holder_lookup(hub: &TestHub, reader: &str, binding: &str, query: &[u8]) -> Message {
    let request = LookupRequest::Holder {
        query: seal(hub, reader, binding, query),
        asker: asker(),
    };
    let place = (MessageType::LookupRequest, topic::requests(NATIONAL));
    Message::new(hub, SICHUAN, NATIONAL, place, &request)
}

/// The revocation of Zhejiang's licence `number`, as Zhejiang would say it.
pub(super) fn change(hub: &TestHub, number: usize, revision: u64) -> Message {
    let entry = revoked(hub, number, revision);
    let key = hub.identifier(number).licence_key();
    let mut message = change_of(hub, ZHEJIANG, entry);
    message.key = key;
    message.without("ce_recipient").without("ce_correlation")
}

/// A change of an entry as `origin` would say it, to the national node.
pub(super) fn change_of(hub: &TestHub, origin: &str, entry: Entry) -> Message {
    let private = serde_json::to_vec(&entry.private).expect("JSON");
    let (identifier, revision) = (&entry.public.identifier, entry.public.revision);
    let binding = format!("hub.private.v1\n{identifier}\n{revision}");
    let body = DirectoryChange {
        private: seal(hub, NATIONAL, &binding, &private),
        entry: entry.public,
    };
    let place = (
        MessageType::DirectoryChange,
        topic::DIRECTORY_CHANGES.to_owned(),
    );
    Message::new(hub, origin, NATIONAL, place, &body)
}

/// A rejection of Zhejiang's first licence, as the national node would say it.
pub(super) fn receipt(hub: &TestHub) -> Message {
    let body = DirectoryReceipt {
        message_id: hub.node(NATIONAL).leaf(Activity::Audit).id,
        home_node: ZHEJIANG.to_owned(),
        identifier: hub.identifier(0).as_str().to_owned(),
        revision: 1,
        outcome: ReceiptOutcome::Rejected,
        reasons: Vec::new(),
        applied_at: noon(),
    };
    let place = (
        MessageType::DirectoryReceipt,
        topic::DIRECTORY_RECEIPTS.to_owned(),
    );
    Message::new(hub, NATIONAL, ZHEJIANG, place, &body)
}

/// A request of Sichuan for the file of Zhejiang's first licence, under this permit.
pub(super) fn file_request(hub: &TestHub, permit: &PermitRecord) -> Message {
    let identifier = hub.identifier(0).as_str().to_owned();
    let file_sm3 = file_sm3(hub);
    let binding = format!("hub.permit.v1\n{identifier}\n{file_sm3}");
    let permit = serde_json::to_vec(permit).expect("JSON");
    let body = FileRequest {
        permit: seal(hub, ZHEJIANG, &binding, &permit),
        identifier,
        file_sm3,
        chunks: Vec::new(),
    };
    let place = (MessageType::FileRequest, topic::requests(ZHEJIANG));
    Message::new(hub, SICHUAN, ZHEJIANG, place, &body)
}

/// SM3 of the file of Zhejiang's first licence.
pub(super) fn file_sm3(hub: &TestHub) -> String {
    hex::encode(sm3(hub.items[0].file.as_deref().expect("a file")))
}

/// Sealed to node `reader` for one use.
pub(super) fn seal(hub: &TestHub, reader: &str, binding: &str, plain: &[u8]) -> SealedBytes {
    let keys = hub.node(reader).keys.public();
    sealing::seal(&keys, binding.as_bytes(), plain).expect("seals")
}

/// The entry of a licence of Zhejiang, revoked.
pub(super) fn revoked(hub: &TestHub, number: usize, revision: u64) -> Entry {
    let item = &hub.items[number];
    let file = item.file.as_deref().map(|bytes| {
        let size = u64::try_from(bytes.len()).expect("fits");
        FileReference::new(hex::encode(sm3(bytes)), size, FileKind::Ofd).expect("a digest")
    });
    let mut source = item.entry.clone();
    source.status = LicenceStatus::Revoked;
    let entry = source.into_entry(ZHEJIANG, revision.max(1), file);
    let mut entry = entry.expect("an entry");
    entry.public.revision = revision;
    entry
}

/// An instant as an envelope writes it.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn asker() -> Asker {
    caller().asker()
}
