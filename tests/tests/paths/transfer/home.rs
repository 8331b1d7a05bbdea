//! A home node that is played by the test: it sends the parts that the test names.

use bytes::Bytes;
use certs::digest::sm3;
use certs::envelope_security::sign_envelope;
use certs::node_key::NodeKeys;
use certs::sealing;
use connectors::bus::OutgoingRecord;
use hub::files;
use hub::permits;
use hub::refusal::Refusal;
use hub::store::file_fetches;
use schemas::envelope::{Envelope, MessageType, topic};
use schemas::identifier::Identifier;
use schemas::message::{CHUNK_BYTES, FileChunk, FileRefusal, FileRequest};
use schemas::permit::PermitRecord;
use serde::Serialize;
use tests::{MATTER, NATIONAL, SICHUAN, TestHub, ZHEJIANG, caller, eventually};
use tokio::task::JoinHandle;

use super::large;

/// Nodes whose home node has files of `parts` parts, registered.
pub(super) async fn start(licences: usize, parts: u32) -> TestHub {
    let mut hub = TestHub::start(licences, licences).await;
    for (seed, item) in (1..).zip(&mut hub.items) {
        let file = item.file.take().expect("a file");
        item.file = Some(large(&file, parts, seed));
    }
    hub.write_library();
    hub.sync().await;
    hub
}

/// Every request for a file, in order.
pub(super) async fn asked(hub: &TestHub) -> Vec<FileRequest> {
    let records = hub.records(&topic::requests(ZHEJIANG)).await;
    let requests = records
        .iter()
        .filter(|record| header(record, "ce_type") == MessageType::FileRequest.as_str());
    requests
        .map(|record| serde_json::from_slice(&record.body).expect("JSON"))
        .collect()
}

/// How many parts were sent.
pub(super) async fn chunks_sent(hub: &TestHub) -> usize {
    let records = hub.records(&topic::files(SICHUAN)).await;
    let is_chunk =
        |record: &&OutgoingRecord| header(record, "ce_type") == MessageType::FileChunk.as_str();
    records.iter().filter(is_chunk).count()
}

/// Numbers of the parts that Sichuan keeps of a file.
pub(super) async fn kept(hub: &TestHub, number: usize) -> Vec<u32> {
    let reader = hub.node(SICHUAN).store.reader();
    let digest = file_sm3(hub.items[number].file.as_deref().expect("a file"));
    match file_fetches::find(reader, &digest).await.expect("reads") {
        Some(fetch) => file_fetches::numbers(reader, &fetch.id)
            .await
            .expect("reads"),
        None => Vec::new(),
    }
}

/// The home node of one file.
pub(super) struct Home {
    keys: NodeKeys,
    national: NodeKeys,
    identifier: Identifier,
    file: Vec<u8>,
    correlation: std::sync::OnceLock<String>,
}

impl Home {
    pub(super) fn of(hub: &TestHub, number: usize) -> Self {
        let keys = |name: &str| hub::node::node_keys(&hub.folder.path().join(name)).expect("keys");
        Self {
            keys: keys(ZHEJIANG),
            national: keys(NATIONAL),
            identifier: hub.identifier(number),
            file: hub.items[number].file.clone().expect("a file"),
            correlation: std::sync::OnceLock::new(),
        }
    }

    /// A caller of Sichuan asks for the file, and the question is on the bus.
    pub(super) async fn ask(&self, hub: &TestHub) -> JoinHandle<Result<Vec<u8>, Refusal>> {
        let asking = self.ask_again(hub).await;
        let records = hub.records(&topic::requests(ZHEJIANG)).await;
        let last = records.last().expect("a question");
        let correlation = header(last, "ce_correlation").to_owned();
        self.correlation.set(correlation).expect("asked once");
        asking
    }

    /// The same without taking notice of the question.
    pub(super) async fn ask_again(&self, hub: &TestHub) -> JoinHandle<Result<Vec<u8>, Refusal>> {
        let before = asked(hub).await.len();
        let decision = hub.permit(&self.identifier, MATTER).await.expect("decided");
        let permit_id = decision.record.id;
        let (node, identifier) = (hub.node(SICHUAN).clone(), self.identifier.clone());
        let asking = tokio::spawn(async move {
            let permit = permits::resume(&node, &caller(), &permit_id, &identifier).await?;
            let delivery = files::deliver(&node, &caller(), permit, &identifier).await?;
            Ok(delivery.bytes().to_vec())
        });
        eventually("the question is asked", async || {
            asked(hub).await.len() > before
        })
        .await;
        asking
    }

    /// Sends parts as they are.
    pub(super) async fn send(&self, hub: &TestHub, numbers: &[u32]) {
        let records = numbers.iter().map(|number| self.chunk(hub, *number));
        hub.bus.publish(records.collect()).await.expect("publishes");
    }

    /// Sends a part whose sealed bytes were changed.
    pub(super) async fn send_changed(&self, hub: &TestHub, number: u32) {
        let mut chunk = self.body(hub, number, |_| {});
        let middle = chunk.data.sealed.len() / 2;
        let changed = if chunk.data.sealed.as_bytes()[middle] == b'A' {
            "B"
        } else {
            "A"
        };
        chunk.data.sealed.replace_range(middle..=middle, changed);
        self.publish(hub, MessageType::FileChunk, &chunk, None)
            .await;
    }

    /// Sends a part with other bytes, which says so of itself: only the whole tells.
    pub(super) async fn send_other(&self, hub: &TestHub, number: u32) {
        let chunk = self.body(hub, number, |part| part[0] ^= 1);
        self.publish(hub, MessageType::FileChunk, &chunk, None)
            .await;
    }

    /// Sends parts that are none of this fetch: of another file, of another size, in no place, and
    /// a right one from another node.
    pub(super) async fn send_strange(&self, hub: &TestHub) {
        let part = || self.body(hub, 0, |_| {});
        let strange = [
            FileChunk {
                file_sm3: "00".repeat(32),
                ..part()
            },
            FileChunk {
                size_bytes: 1,
                ..part()
            },
            FileChunk {
                number: 4,
                ..part()
            },
            FileChunk {
                identifier: "1.2.156.3005.2".to_owned(),
                ..part()
            },
        ];
        // Somebody waits, and is told that this is not the file; what follows is still kept.
        for chunk in &strange {
            self.publish(hub, MessageType::FileChunk, chunk, None).await;
        }
        self.publish(
            hub,
            MessageType::FileChunk,
            &part(),
            Some((NATIONAL, &self.national)),
        )
        .await;
    }

    /// Says that the file is not handed out.
    pub(super) async fn refuse(&self, hub: &TestHub) {
        let refusal = FileRefusal {
            identifier: self.identifier.as_str().to_owned(),
            code: "PERMIT_EXPIRED".to_owned(),
        };
        self.publish(hub, MessageType::FileRefusal, &refusal, None)
            .await;
    }

    /// Waits until Sichuan has read everything that was sent.
    pub(super) async fn send_read(&self, hub: &TestHub) {
        let topic = topic::files(SICHUAN);
        let sent = i64::try_from(hub.records(&topic).await.len()).expect("fits");
        super::super::exchange::consumed(hub, SICHUAN, &topic, sent).await;
    }

    /// Sends a request of Sichuan for some parts.
    pub(super) async fn request(&self, hub: &TestHub, permit: &PermitRecord, chunks: &[u32]) {
        let file_sm3 = file_sm3(&self.file);
        let binding = format!("hub.permit.v1\n{}\n{file_sm3}", self.identifier);
        let permit = serde_json::to_vec(permit).expect("JSON");
        let body = FileRequest {
            identifier: self.identifier.as_str().to_owned(),
            permit: sealing::seal(&self.keys.public(), binding.as_bytes(), &permit).expect("seals"),
            chunks: chunks.to_vec(),
            file_sm3,
        };
        let node = hub.node(SICHUAN);
        let envelope = envelope(hub, MessageType::FileRequest, [SICHUAN, ZHEJIANG], None);
        let record = signed(&envelope, topic::requests(ZHEJIANG), &body, &node.keys);
        hub.bus.publish(vec![record]).await.expect("publishes");
    }

    fn chunk(&self, hub: &TestHub, number: u32) -> OutgoingRecord {
        let body = self.body(hub, number, |_| {});
        self.record(hub, MessageType::FileChunk, &body, None)
    }

    fn body(&self, hub: &TestHub, number: u32, change: impl FnOnce(&mut Vec<u8>)) -> FileChunk {
        let count = self.file.len().div_ceil(CHUNK_BYTES);
        let place = usize::try_from(number).expect("fits");
        let part = self.file.chunks(CHUNK_BYTES).nth(place).expect("a part");
        let mut part = part.to_vec();
        change(&mut part);
        let (identifier, file_sm3) = (self.identifier.as_str().to_owned(), file_sm3(&self.file));
        let binding = format!("hub.chunk.v1\n{identifier}\n{file_sm3}\n{number}\n{count}");
        let reader = hub::node::node_keys(&hub.folder.path().join(SICHUAN)).expect("keys");
        FileChunk {
            data: sealing::seal(&reader.public(), binding.as_bytes(), &part).expect("seals"),
            chunk_sm3: hex::encode(sm3(&part)),
            size_bytes: u64::try_from(self.file.len()).expect("fits"),
            count: u32::try_from(count).expect("fits"),
            number,
            identifier,
            file_sm3,
        }
    }

    async fn publish(
        &self,
        hub: &TestHub,
        kind: MessageType,
        body: &impl Serialize,
        other: Option<(&str, &NodeKeys)>,
    ) {
        let record = self.record(hub, kind, body, other);
        hub.bus.publish(vec![record]).await.expect("publishes");
    }

    fn record(
        &self,
        hub: &TestHub,
        kind: MessageType,
        body: &impl Serialize,
        other: Option<(&str, &NodeKeys)>,
    ) -> OutgoingRecord {
        let (origin, keys) = other.unwrap_or((ZHEJIANG, &self.keys));
        let correlation = self.correlation.get().expect("was asked").clone();
        let envelope = envelope(hub, kind, [origin, SICHUAN], Some(correlation));
        signed(&envelope, topic::files(SICHUAN), body, keys)
    }
}

fn envelope(
    hub: &TestHub,
    message_type: MessageType,
    [origin, to]: [&str; 2],
    correlation: Option<String>,
) -> Envelope {
    let id = uuid::Uuid::new_v4().to_string();
    Envelope {
        origin: origin.to_owned(),
        message_type,
        subject: None,
        time: hub::clock::Clock::now(&*hub.clock),
        recipient: Some(to.to_owned()),
        correlation: Some(correlation.unwrap_or_else(|| id.clone())),
        deadline: None,
        id,
    }
}

fn signed(
    envelope: &Envelope,
    topic: String,
    body: &impl Serialize,
    keys: &NodeKeys,
) -> OutgoingRecord {
    let body = Bytes::from(serde_json::to_vec(body).expect("JSON"));
    OutgoingRecord {
        headers: sign_envelope(envelope, &topic, &body, keys).expect("signs"),
        key: envelope.id.clone(),
        topic,
        body,
    }
}

fn file_sm3(file: &[u8]) -> String {
    hex::encode(sm3(file))
}

fn header<'r>(record: &'r OutgoingRecord, name: &str) -> &'r str {
    let found = record.headers.iter().find(|(found, _)| found == name);
    found.map_or("", |(_, value)| value)
}
