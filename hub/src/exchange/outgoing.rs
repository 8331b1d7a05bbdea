//! Messages of this node: signed before they go into the outbox or onto the bus.

use certs::envelope_security::{self, sign_envelope_by, sign_envelopes_by};
use chrono::{DateTime, Utc};
use schemas::envelope::{Envelope, MessageType};
use serde::Serialize;

use crate::node::Node;
use crate::permits::event_id;
use crate::store::outbox::Outgoing;
use crate::trace::{TRACEPARENT, Trace};

/// A message before it is signed.
pub(crate) struct Draft<'a> {
    /// Topic it goes to.
    pub(crate) topic: String,
    /// Key that keeps messages of one thing in order.
    pub(crate) key: String,
    /// What it is.
    pub(crate) message_type: MessageType,
    /// Node that is meant to read it.
    pub(crate) recipient: Option<&'a str>,
    /// What it is about.
    pub(crate) subject: Option<&'a str>,
    /// The question it answers; a question's own id when it asks.
    pub(crate) correlation: Option<&'a str>,
    /// When an answer is of no use any more.
    pub(crate) deadline: Option<DateTime<Utc>>,
}

/// A message whose attributes and body are known, but that nobody has signed yet.
pub(crate) struct Unsigned {
    envelope: Envelope,
    topic: String,
    key: String,
    body: Vec<u8>,
}

/// Signs messages that are made together, in their order, with one signature for many.
pub(crate) fn sign_all(node: &Node, messages: Vec<Unsigned>) -> anyhow::Result<Vec<Outgoing>> {
    let to_sign: Vec<_> = messages
        .iter()
        .map(|message| envelope_security::Unsigned {
            envelope: &message.envelope,
            topic: &message.topic,
            body: &message.body,
        })
        .collect();
    let signed = sign_envelopes_by(&to_sign, &node.keys, &key_id(node))?;
    let signed = messages.into_iter().zip(signed);
    Ok(signed
        .map(|(message, headers)| message.with(headers))
        .collect())
}

/// The newest key that the peers have been told of; at first the one of the configuration.
fn key_id(node: &Node) -> String {
    let (peers, first) = (node.peers(), node.keys.public());
    let mut told = peers.own_key_ids(node.clock.now());
    let newest = told.find(|key_id| node.keys.holds(key_id));
    newest.unwrap_or(first.key_id()).to_owned()
}

impl Unsigned {
    fn with(self, mut headers: Vec<(String, String)>) -> Outgoing {
        // Beside what is signed: a trace proves nothing.
        if let Some(trace) = Trace::current() {
            headers.push((TRACEPARENT.to_owned(), trace.next_step().header()));
        }
        Outgoing {
            message_id: self.envelope.id,
            topic: self.topic,
            key: self.key,
            headers,
            body: self.body,
        }
    }
}

impl Draft<'_> {
    /// The message with `body` as JSON, for [`sign_all`].
    pub(crate) fn unsigned(&self, node: &Node, body: &impl Serialize) -> anyhow::Result<Unsigned> {
        let now = node.clock.now();
        let envelope = Envelope {
            id: event_id(now),
            origin: node.name.clone(),
            message_type: self.message_type,
            subject: self.subject.map(str::to_owned),
            time: now,
            recipient: self.recipient.map(str::to_owned),
            correlation: self.correlation.map(str::to_owned),
            deadline: self.deadline,
        };
        Ok(Unsigned {
            envelope,
            topic: self.topic.clone(),
            key: self.key.clone(),
            body: serde_json::to_vec(body)?,
        })
    }

    /// Signs the message with `body` as JSON.
    pub(crate) fn sign(&self, node: &Node, body: &impl Serialize) -> anyhow::Result<Outgoing> {
        let unsigned = self.unsigned(node, body)?;
        let Unsigned {
            envelope,
            topic,
            body,
            ..
        } = &unsigned;
        let headers = sign_envelope_by(envelope, topic, body, &node.keys, &key_id(node))?;
        Ok(unsigned.with(headers))
    }
}
