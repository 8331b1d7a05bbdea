//! Records with what is to be done about them.

use connectors::bus::BusRecord;
use schemas::envelope::{Envelope, topic};
use schemas::leaf::{Activity, Leaf, MessageReference, PrivateDetail};

use super::incoming::Unusable;
use super::{changes, home, letter};
use crate::node::Node;
use crate::permits::event_id;
use crate::store::outbox::Outgoing;

/// A place in a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) position: i64,
}

/// One record with what is to be done about it.
pub(super) struct Prepared {
    pub(super) record: BusRecord,
    pub(super) envelope: Option<Envelope>,
    pub(super) step: Step,
}

/// What is done about one record, inside the transaction.
pub(super) enum Step {
    /// Not for this node, too late, or known to be applied before: only the position moves.
    Skip,
    /// Cannot be used: into the dead letters.
    Refuse(Unusable),
    /// The national node decides about a change.
    Change(Box<changes::Change>),
    /// The home node takes a receipt.
    Receipt(Box<home::Receipt>),
    /// Another node is answered.
    Answer(Box<Answer>),
}

/// What a message brings about beside its rows: what goes out and what is recorded about it.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) outgoing: Vec<Outgoing>,
    pub(super) leaf: Leaf,
    pub(super) private: Option<PrivateDetail>,
}

impl Prepared {
    pub(super) fn refused(record: BusRecord, envelope: Option<Envelope>, reason: Unusable) -> Self {
        Self {
            record,
            envelope,
            step: Step::Refuse(reason),
        }
    }

    /// What is done about the message, in what is measured.
    pub(super) fn outcome(&self) -> &'static str {
        match &self.step {
            Step::Skip => "skipped",
            Step::Refuse(reason) => reason.0,
            Step::Change(_) | Step::Receipt(_) | Step::Answer(_) => "used",
        }
    }

    /// Bytes that this step puts into the outbox.
    pub(super) fn outgoing_bytes(&self) -> usize {
        match &self.step {
            Step::Answer(answer) => answer
                .outgoing
                .iter()
                .map(|message| message.body.len())
                .sum(),
            Step::Refuse(_) => self.record.body.len(),
            Step::Skip | Step::Change(_) | Step::Receipt(_) => 0,
        }
    }

    /// Origin and id of a message that may have its effect once.
    pub(super) fn to_be_marked(&self) -> Option<(&str, &str)> {
        let envelope = self.envelope.as_ref()?;
        let has_effect = matches!(
            self.step,
            Step::Change(_) | Step::Receipt(_) | Step::Answer(_)
        );
        has_effect.then_some((envelope.origin.as_str(), envelope.id.as_str()))
    }

    /// The record, as it came, for the dead letters.
    pub(super) fn bury(&self, node: &Node, reason: Unusable) -> Answer {
        let record = &self.record;
        let letter = Outgoing {
            message_id: event_id(node.clock.now()),
            topic: topic::dead_letters(&node.name),
            key: record.key.clone(),
            headers: letter::headers(record, reason.0),
            body: record.body.to_vec(),
        };
        let mut leaf = node.leaf(Activity::Refuse);
        leaf.result = reason.0.to_owned();
        tracing::warn!(
            bus.topic = record.topic,
            bus.position = record.position,
            code = reason.0,
            "a message cannot be used, kept in the dead letters"
        );
        Answer {
            outgoing: vec![letter],
            leaf,
            private: None,
        }
    }

    pub(super) fn reference(&self) -> MessageReference {
        let id = self.envelope.as_ref().map(|envelope| envelope.id.clone());
        MessageReference {
            id: id.unwrap_or_default(),
            topic: Some(self.record.topic.clone()),
            partition: Some(self.record.partition).filter(|partition| *partition != 0),
            position: Some(self.record.position),
        }
    }
}

impl Place {
    pub(super) fn of(record: &BusRecord) -> Self {
        Self {
            topic: record.topic.clone(),
            partition: record.partition,
            position: record.position,
        }
    }
}
