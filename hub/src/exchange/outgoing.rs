//! Messages of this node: signed before they go into the outbox or onto the bus.

use certs::envelope_security::sign_envelope_by;
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

impl Draft<'_> {
    /// Signs the message with `body` as JSON.
    pub(crate) fn sign(&self, node: &Node, body: &impl Serialize) -> anyhow::Result<Outgoing> {
        let now = node.clock.now();
        let message_id = event_id(now);
        let envelope = Envelope {
            id: message_id.clone(),
            origin: node.name.clone(),
            message_type: self.message_type,
            subject: self.subject.map(str::to_owned),
            time: now,
            recipient: self.recipient.map(str::to_owned),
            correlation: self.correlation.map(str::to_owned),
            deadline: self.deadline,
        };
        let body = serde_json::to_vec(body)?;
        // The newest key that the peers have been told of; at first the one of the configuration.
        let peers = node.peers();
        let first = node.keys.public();
        let key_id = peers
            .own_key_ids(now)
            .find(|key_id| node.keys.holds(key_id))
            .unwrap_or(first.key_id());
        let mut headers = sign_envelope_by(&envelope, &self.topic, &body, &node.keys, key_id)?;
        // Beside what is signed: a trace proves nothing.
        if let Some(trace) = Trace::current() {
            headers.push((TRACEPARENT.to_owned(), trace.next_step().header()));
        }
        Ok(Outgoing {
            message_id,
            topic: self.topic.clone(),
            key: self.key.clone(),
            headers,
            body,
        })
    }
}
