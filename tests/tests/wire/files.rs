//! Chunks of files that are not those that were asked for: none reaches a caller.

use std::sync::Arc;

use certs::digest::sm3;
use certs::node_key::NodeKeys;
use connectors::bus::{BusRecord, OutgoingRecord};
use hub::{files, permits};
use schemas::envelope::{MessageType, topic};
use schemas::message::{FileChunk, FileRefusal};
use serde_json::{Value, json};
use tests::{MATTER, NATIONAL, SICHUAN, TestHub, ZHEJIANG, caller};

use super::message::{Message, file_sm3, seal};
use super::stage::{Requests, Stage, header};

/// How a message is signed, once the question that it answers is known.
type Sign = fn(&Home<'_>, Message) -> OutgoingRecord;

/// What the caller must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// That what came is not the file.
    NotTheFile,
    /// The honest refusal that comes afterwards.
    Refused,
    /// The file.
    Delivered,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_chunk_but_the_right_one_becomes_a_file() {
    let hub = TestHub::start(2, 1).await;
    hub.sync().await;
    let permit = hub.permit(&hub.identifier(0), MATTER).await;
    let permit = permit.expect("decided").record.id;
    let mut stage = Stage::with(hub).await;
    stage.hub.stop_node(ZHEJIANG).await;
    let home = Home::new(&stage.hub, permit).await;
    let mut count = 0;
    let mut wrong = home.spoilt();
    for (name, pointer, value) in values() {
        wrong.push((name, home.chunk().at(pointer, value)));
    }
    for (name, plain, number, of) in home.parts() {
        wrong.push((name, home.sealed(SICHUAN, &plain, number, of)));
    }
    for (name, chunk) in wrong {
        home.check(name, chunk, own, Told::NotTheFile).await;
        count += 1;
    }
    for (name, message, sign) in home.unusable() {
        home.check(name, message, sign, Told::Refused).await;
        count += 1;
    }
    assert!(count >= 25, "only {count}");
    stage.check_unchanged("chunks").await;
    stage.check_alive(SICHUAN, "chunks").await;
    home.check("the right one", home.chunk(), own, Told::Delivered)
        .await;
    stage.hub.start_node(ZHEJIANG).await;
    stage.hub.stop().await;
}

/// Sichuan asks, and this test answers in the place of the home node.
struct Home<'a> {
    hub: &'a TestHub,
    keys: NodeKeys,
    permit: String,
    requests: Requests,
}

impl<'a> Home<'a> {
    async fn new(hub: &'a TestHub, permit: String) -> Self {
        let keys = hub::node::node_keys(&hub.folder.path().join(ZHEJIANG));
        Self {
            hub,
            keys: keys.expect("keys"),
            permit,
            requests: Requests::to(hub, ZHEJIANG).await,
        }
    }

    fn file(&self) -> &[u8] {
        self.hub.items[0].file.as_deref().expect("a file")
    }

    /// The whole file in its one chunk.
    fn chunk(&self) -> Message {
        self.sealed(SICHUAN, self.file(), 0, 1)
    }

    /// A chunk whose digest is right, sealed for its place.
    fn sealed(&self, reader: &str, plain: &[u8], number: u32, count: u32) -> Message {
        let hub = self.hub;
        let (identifier, file_sm3) = (hub.identifier(0).as_str().to_owned(), file_sm3(hub));
        let binding = format!("hub.chunk.v1\n{identifier}\n{file_sm3}\n{number}\n{count}");
        let body = FileChunk {
            size_bytes: u64::try_from(self.file().len()).expect("fits"),
            number,
            count,
            chunk_sm3: hex::encode(sm3(plain)),
            data: seal(hub, reader, &binding, plain),
            identifier,
            file_sm3,
        };
        self.message(MessageType::FileChunk, &json!(body))
    }

    fn message(&self, kind: MessageType, body: &Value) -> Message {
        let place = (kind, topic::files(SICHUAN));
        let message = Message::new(self.hub, SICHUAN, SICHUAN, place, body);
        message.set("ce_source", "/nodes/zhejiang")
    }

    /// Chunks with other bytes or in other places.
    fn parts(&self) -> Vec<(&'static str, Vec<u8>, u32, u32)> {
        let file = self.file();
        let mut flipped = file.to_vec();
        flipped[file.len() / 2] ^= 1;
        vec![
            ("other bytes", flipped, 0, 1),
            ("a byte less", file[1..].to_vec(), 0, 1),
            ("a byte more", [file, &[0]].concat(), 0, 1),
            ("no bytes", Vec::new(), 0, 1),
            ("more than a chunk holds", vec![0; 512 * 1024 + 1], 0, 1),
            ("the second first", file.to_vec(), 1, 2),
            ("of two", file.to_vec(), 0, 2),
            ("of none", file.to_vec(), 0, 0),
            ("of as many as there can be", file.to_vec(), 0, u32::MAX),
            ("the last of all numbers", file.to_vec(), u32::MAX, u32::MAX),
        ]
    }

    /// Chunks that do not open.
    fn spoilt(&self) -> Vec<(&'static str, Message)> {
        let elsewhere = self.sealed(NATIONAL, self.file(), 0, 1);
        let place = self.sealed(SICHUAN, self.file(), 1, 2);
        let part = |message: &Message| {
            let body: Value = serde_json::from_slice(&message.body).expect("JSON");
            body["data"].clone()
        };
        let chunk = || self.chunk();
        vec![
            ("sealed to another node", elsewhere),
            (
                "sealed for another place",
                chunk().at("/data", part(&place)),
            ),
            ("sealed nothing", chunk().at("/data/sealed", json!(""))),
            (
                "sealed in no base64",
                chunk().at("/data/sealed", json!("样")),
            ),
            (
                "sealed cut short",
                chunk().at("/data/sealed", json!("AQID")),
            ),
            (
                "sealed to nobody",
                chunk().at("/data/recipient_key", json!("")),
            ),
        ]
    }

    /// Messages that are no answer; the honest refusal follows them.
    fn unusable(&self) -> Vec<(&'static str, Message, Sign)> {
        let chunk = || self.chunk();
        let from_the_nation = chunk().set("ce_source", "/nodes/national");
        let later: Sign = |home, message| {
            let mut record = own(home, message);
            record.body = b"{}".to_vec().into();
            record
        };
        let nation: Sign = |home, message| message.signed(&home.hub.node(NATIONAL).keys);
        vec![
            ("number below zero", chunk().at("/number", json!(-1)), own),
            (
                "number beyond all",
                chunk().at("/number", json!(1_u64 << 32)),
                own,
            ),
            (
                "count with a fraction",
                chunk().at("/count", json!(1.5)),
                own,
            ),
            ("no data", chunk().missing("/data"), own),
            ("data as text", chunk().at("/data", json!("c2VhbGVk")), own),
            ("a list", chunk().body("[1]"), own),
            (
                "a reply to a lookup",
                chunk().set("ce_type", "hub.lookup.reply.v1"),
                own,
            ),
            (
                "for another node",
                chunk().set("ce_recipient", NATIONAL),
                own,
            ),
            ("changed on its way", chunk(), later),
            ("from another node", from_the_nation, nation),
            ("signed by another node", chunk(), nation),
        ]
    }

    /// One request; the hostile answer, then an honest refusal.
    async fn check(&self, name: &str, hostile: Message, sign: Sign, told: Told) {
        let (node, identifier) = (Arc::clone(self.hub.node(SICHUAN)), self.hub.identifier(0));
        let permit = permits::resume(&node, &caller(), &self.permit, &identifier).await;
        let permit = permit.expect("still permitted");
        let asked =
            tokio::spawn(
                async move { files::deliver(&node, &caller(), permit, &identifier).await },
            );
        let correlation = self.question().await;
        let refusal = FileRefusal {
            identifier: self.hub.identifier(0).as_str().to_owned(),
            code: "NO_FILE".to_owned(),
        };
        let refusal = self.message(MessageType::FileRefusal, &json!(refusal));
        let answers = [(hostile, sign), (refusal, own as Sign)]
            .map(|(message, sign)| sign(self, message.set("ce_correlation", &*correlation)));
        let published = self.hub.bus.publish(answers.to_vec()).await;
        published.expect("publishes");
        let answer = asked.await.expect("no panic");
        let code = answer
            .as_ref()
            .map_or_else(hub::refusal::Refusal::leaf_result, |_| {
                "DELIVERED".to_owned()
            });
        let expected = match told {
            Told::NotTheFile => "DIGEST_MISMATCH",
            Told::Refused => "PEER_REFUSED:NO_FILE",
            Told::Delivered => "DELIVERED",
        };
        assert_eq!(code, expected, "{name}");
    }

    /// The correlation of the next request for a file.
    async fn question(&self) -> String {
        let wanted = Some(MessageType::FileRequest.as_str());
        let is_meant = |request: &BusRecord| header(&request.headers, "ce_type") == wanted;
        self.requests.next(is_meant).await
    }
}

/// Signed by the home node.
fn own(home: &Home<'_>, message: Message) -> OutgoingRecord {
    message.signed(&home.keys)
}

/// What a chunk says of itself and is not so.
fn values() -> Vec<(&'static str, &'static str, Value)> {
    let digest = || json!("00".repeat(32));
    vec![
        ("of another licence", "/identifier", json!("1.2.156.3005.2")),
        ("of another file", "/file_sm3", digest()),
        ("of a larger file", "/size_bytes", json!(u64::MAX)),
        ("of an empty file", "/size_bytes", json!(0)),
        ("with another digest", "/chunk_sm3", digest()),
        ("with no digest", "/chunk_sm3", json!("")),
        ("with another number", "/number", json!(1)),
        ("with another count", "/count", json!(2)),
    ]
}
