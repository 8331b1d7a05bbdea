//! Answers: from nobody who was asked, to nobody who asks, or not to the question.

use std::sync::Arc;

use certs::node_key::NodeKeys;
use certs::sealing;
use connectors::bus::{BusRecord, OutgoingRecord};
use hub::directory;
use hub::refusal::Refusal;
use schemas::envelope::{MessageType, topic};
use schemas::message::{FileRefusal, LookedUpEntry, LookupReply};
use serde_json::json;
use tests::{NATIONAL, SICHUAN, ZHEJIANG, caller, eventually, noon};

use super::envelopes::case;
use super::message::{Message, revoked};
use super::stage::{Case, Expected, Requests, Stage, header};
use crate::state::leaves;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_waits_for_are_passed_over() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    let code = "NOT_FOUND".to_owned();
    let refusal = FileRefusal {
        identifier: hub.identifier(0).as_str().to_owned(),
        code: code.clone(),
    };
    let reply = LookupReply::Refused { code };
    let to = |from: &str, kind, topic, body: &serde_json::Value| {
        let message = Message::new(hub, from, SICHUAN, (kind, topic), body);
        (message.signed(&hub.node(from).keys), message)
    };
    let replies = topic::replies(SICHUAN);
    let (late, message) = to(NATIONAL, MessageType::LookupReply, replies, &json!(reply));
    let keys = &hub.node(NATIONAL).keys;
    let files = topic::files(SICHUAN);
    let (file, _) = to(ZHEJIANG, MessageType::FileRefusal, files, &json!(refusal));
    let passed = |name: &str, record| Case {
        reader: SICHUAN,
        ..case(name, record, Expected::PassedOver)
    };
    stage
        .check(vec![
            passed("a reply to nobody", late),
            passed("a file refusal to nobody", file),
            passed(
                "a reply without a question",
                message.clone().without("ce_correlation").signed(keys),
            ),
            passed("an unsigned reply to nobody", message.unsigned()),
            passed(
                "a reply of no text",
                message.body(vec![0xff; 100]).signed(keys),
            ),
        ])
        .await;
    stage.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_node_that_was_asked_answers_and_only_the_question() {
    let mut stage = Stage::start().await;
    stage.hub.stop_node(NATIONAL).await;
    let waiting = Waiting::new(&stage).await;
    let asked = waiting.cases().await;
    assert!(asked.len() >= 15, "only {}", asked.len());
    stage.check_unchanged("answers").await;
    stage.check_alive(SICHUAN, "answers").await;
    stage.hub.start_node(NATIONAL).await;
    stage.hub.stop().await;
}

/// Sichuan asks, and this test answers in the place of the national node.
struct Waiting<'a> {
    stage: &'a Stage,
    keys: NodeKeys,
    requests: Requests,
}

/// What the asker must be told.
enum Told {
    /// The honest answer, which comes after the hostile one.
    Honest,
    /// That the node that was asked gave no usable answer.
    Unusable,
    /// That there is no such licence.
    Nothing,
}

impl<'a> Waiting<'a> {
    async fn new(stage: &'a Stage) -> Self {
        let hub = &stage.hub;
        let keys = hub::node::node_keys(&hub.folder.path().join(NATIONAL));
        Self {
            stage,
            keys: keys.expect("keys"),
            requests: Requests::to(hub, NATIONAL).await,
        }
    }

    async fn cases(&self) -> Vec<&'static str> {
        use Told::{Honest, Nothing, Unusable};
        let keys = &self.keys;
        let zhejiang = &self.stage.hub.node(ZHEJIANG).keys;
        let mut done = Vec::new();
        for (name, code, told, spoil) in spoils() {
            self.check(name, code, told, |reply| spoil(reply).signed(keys))
                .await;
            done.push(name);
        }
        let from_zhejiang = |reply: Message| reply.set("ce_source", "/nodes/zhejiang");
        self.check("from a node that was not asked", None, Honest, |reply| {
            from_zhejiang(reply).signed(zhejiang)
        })
        .await;
        let unknown = Some("UNKNOWN_NODE");
        self.check("signed by another node", unknown, Honest, |reply| {
            reply.signed(zhejiang)
        })
        .await;
        self.check(
            "changed on its way",
            Some("ENVELOPE_SIGNATURE"),
            Honest,
            |reply| {
                let mut record = reply.signed(keys);
                record.body = b"{\"outcome\":\"found\",\"entries\":[]}".to_vec().into();
                record
            },
        )
        .await;
        for (name, reader, number) in [
            ("an entry sealed to another node", ZHEJIANG, 0),
            ("an entry sealed for another", SICHUAN, 1),
        ] {
            let found = self.found(reader, number, 0);
            self.check(name, None, Unusable, |reply| {
                reply.body(json!(found).to_string()).signed(keys)
            })
            .await;
            done.push(name);
        }
        let found = self.found(SICHUAN, 1, 1);
        self.check("an entry that was not asked for", None, Nothing, |reply| {
            reply.body(json!(found).to_string()).signed(keys)
        })
        .await;
        done.extend(["not asked", "other signer", "changed", "not asked for"]);
        done
    }

    /// An entry whose private part is sealed to `reader` for licence `sealed_for`.
    fn found(&self, reader: &str, sealed_for: usize, number: usize) -> LookupReply {
        let hub = &self.stage.hub;
        let entry = revoked(hub, number, 1);
        let private = serde_json::to_vec(&entry.private).expect("JSON");
        let binding = format!("hub.private.v1\n{}\n1", hub.identifier(sealed_for));
        let keys = hub.node(reader).keys.public();
        let private = sealing::seal(&keys, binding.as_bytes(), &private).expect("seals");
        LookupReply::Found {
            entries: vec![LookedUpEntry {
                public: entry.public,
                private,
            }],
            as_of: noon(),
        }
    }

    /// One question; the hostile answer, then an honest one.
    async fn check(
        &self,
        name: &str,
        refused: Option<&str>,
        told: Told,
        hostile: impl FnOnce(Message) -> OutgoingRecord,
    ) {
        let hub = &self.stage.hub;
        let known = leaves(hub, SICHUAN).await.len();
        let (node, identifier) = (Arc::clone(hub.node(SICHUAN)), hub.identifier(0));
        let asked =
            tokio::spawn(async move { directory::lookup(&node, &caller(), &identifier).await });
        let honest = self.honest(&self.question().await);
        let hostile = hostile(honest.clone());
        let is_elsewhere = hostile.topic != honest.topic;
        hub.bus.publish(vec![hostile]).await.expect("publishes");
        if is_elsewhere {
            // Two topics have no order between them.
            eventually(&format!("{name} is refused"), async || {
                leaves(hub, SICHUAN).await.len() > known
            })
            .await;
        }
        let honest = honest.signed(&self.keys);
        hub.bus.publish(vec![honest]).await.expect("publishes");
        let answer = asked.await.expect("no panic");
        match told {
            Told::Honest => assert_refused(answer, "NOT_FOUND", name),
            Told::Unusable => assert_refused(answer, "BODY_MALFORMED", name),
            Told::Nothing => assert!(answer.expect("an answer").is_none(), "{name}"),
        }
        let expected = 1 + usize::from(refused.is_some());
        eventually(&format!("{name} is recorded"), async || {
            leaves(hub, SICHUAN).await.len() >= known + expected
        })
        .await;
        let new = leaves(hub, SICHUAN).await.split_off(known);
        assert_eq!(new.len(), expected, "{name}: {new:?}");
        let said = new.iter().find(|leaf| leaf["activity"] == "refuse");
        let said = said.map(|leaf| leaf["result"].as_str().expect("text"));
        assert_eq!(said, refused, "{name}");
    }

    /// The correlation of the next question.
    async fn question(&self) -> String {
        // Honest messages of other checks went the same way before.
        let is_meant = |request: &BusRecord| {
            header(&request.headers, "ce_source") == Some("/nodes/sichuan")
                && header(&request.headers, "ce_deadline")
                    .is_some_and(|deadline| !deadline.is_empty())
        };
        self.requests.next(is_meant).await
    }

    /// A refusal as the national node would give it.
    fn honest(&self, correlation: &str) -> Message {
        let hub = &self.stage.hub;
        let code = "NOT_FOUND".to_owned();
        let body = LookupReply::Refused { code };
        let place = (MessageType::LookupReply, topic::replies(SICHUAN));
        Message::new(hub, SICHUAN, SICHUAN, place, &body)
            .set("ce_source", "/nodes/national")
            .set("ce_correlation", correlation)
    }
}

/// Hostile answers, signed by the node that was asked.
type Spoil = fn(Message) -> Message;

fn spoils() -> Vec<(&'static str, Option<&'static str>, Told, Spoil)> {
    let (body, head) = (Some("BODY_MALFORMED"), Some("ENVELOPE_MALFORMED"));
    vec![
        ("to another question", None, Told::Honest, |m| {
            m.set("ce_correlation", "another")
        }),
        (
            "for another node",
            Some("WRONG_RECIPIENT"),
            Told::Honest,
            |m| m.set("ce_recipient", ZHEJIANG),
        ),
        ("for nobody", Some("WRONG_RECIPIENT"), Told::Honest, |m| {
            m.without("ce_recipient")
        }),
        ("a chunk among the replies", head, Told::Honest, |m| {
            m.set("ce_type", "hub.file.chunk.v1")
        }),
        ("a request among the replies", head, Told::Honest, |m| {
            m.set("ce_type", "hub.lookup.request.v1")
        }),
        ("a reply of a later version", head, Told::Honest, |m| {
            m.set("ce_type", "hub.lookup.reply.v2")
        }),
        ("a reply among the files", head, Told::Honest, |mut m| {
            m.topic = topic::files(SICHUAN);
            m
        }),
        ("an empty body", body, Told::Honest, |m| m.body("")),
        ("an empty object", body, Told::Honest, |m| m.body("{}")),
        ("an unknown outcome", body, Told::Honest, |m| {
            m.at("/outcome", json!("perhaps"))
        }),
        ("entries in a text", body, Told::Honest, |m| {
            m.body("{\"outcome\":\"found\",\"entries\":\"\",\"as_of\":\"2026-11-21T04:00:00Z\"}")
        }),
        ("a code that is a number", body, Told::Honest, |m| {
            m.at("/code", json!(1))
        }),
    ]
}

fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Refusal>, code: &str, name: &str) {
    match answer {
        Err(Refusal::PeerRefused { code: said, .. }) => assert_eq!(said, code, "{name}"),
        other => panic!("{name}: {other:?}"),
    }
}
