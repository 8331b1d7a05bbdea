//! Messages of other nodes: nothing in a record is believed before this.

use std::cell::RefCell;
use std::sync::Arc;

use certs::envelope_security::{EnvelopeRefusal, check_envelope_knowing};
use chrono::Duration;
use connectors::bus::BusRecord;
use schemas::envelope::{Envelope, MessageType, OPERATOR};
use serde::de::DeserializeOwned;

use crate::node::Node;
use crate::refusal::Refusal;

/// Why a message cannot be used; the code goes into the dead letter and the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unusable(pub(super) &'static str);

pub(super) const BODY_MALFORMED: Unusable = Unusable("BODY_MALFORMED");
pub(super) const ENVELOPE_MALFORMED: Unusable = Unusable("ENVELOPE_MALFORMED");
pub(super) const WRONG_RECIPIENT: Unusable = Unusable("WRONG_RECIPIENT");
pub(super) const WRONG_ORIGIN: Unusable = Unusable("WRONG_ORIGIN");
pub(super) const RECORD_MALFORMED: Unusable = Unusable("RECORD_MALFORMED");
pub(super) const INTERNAL: Unusable = Unusable("INTERNAL");

/// Who else may stand as the recipient of a message that this node reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recipient {
    /// The message must be for this node.
    ThisNode,
    /// Everyone may read it.
    Anyone,
}

/// Longest name of a message or question, in bytes: a UUID has 36. Answers repeat it as their key,
/// and a key that the bus refuses would hold the outbox up.
pub(super) const NAME_BYTES_MAX: usize = 128;

/// How old a message may be whose replay is recognised by its mark alone: longer than a node
/// stands still over the longest public holidays. An older one is looked at for what it says.
const REPLAY_WINDOW: Duration = Duration::days(7);

/// How far the clock of another node may be ahead.
const CLOCK_AHEAD: Duration = Duration::days(1);

/// How long the mark of an applied message is kept: until the message is outside the window,
/// also when its origin's clock was ahead.
pub(crate) const MARK_KEPT: Duration = Duration::days(7 + 1 + 1);

/// Whether the mark of this message may be gone, so that a missing mark says nothing.
pub(super) fn is_outside_window(node: &Node, envelope: &Envelope) -> bool {
    let now = node.clock.now();
    envelope.time < now - REPLAY_WINDOW || envelope.time > now + CLOCK_AHEAD
}

/// Whether this is a question for whose answer nobody waits any more. One without a deadline is
/// too late when it is so old that it could have been answered before without a trace.
pub(super) fn is_too_late(node: &Node, envelope: &Envelope) -> bool {
    let is_question = matches!(
        envelope.message_type,
        MessageType::LookupRequest
            | MessageType::FileRequest
            | MessageType::SealRequest
            | MessageType::SnapshotRequest
    );
    let is_over = |deadline| deadline < node.clock.now();
    is_question && (envelope.deadline.is_some_and(is_over) || is_outside_window(node, envelope))
}

/// Checks a record's envelope: well-formed, signed by a known node over these very bytes, of a
/// type that belongs here, meant for this node.
pub(super) fn check(
    node: &Node,
    record: &BusRecord,
    types: &[MessageType],
    recipient: Recipient,
) -> Result<Envelope, Unusable> {
    // Only what somebody writes who is no node: what is left of it was not signed by anyone.
    if let Some(what) = record.malformed {
        tracing::warn!(bus.topic = record.topic, what, "a record is not of a node");
        return Err(RECORD_MALFORMED);
    }
    let peers = node.peers();
    let used = RefCell::new(String::new());
    let keys = |origin: &str, key_id: &str| {
        key_id.clone_into(&mut used.borrow_mut());
        // The operator signs trust and nothing else.
        let may_sign = origin != OPERATOR || types == [MessageType::TrustItem];
        may_sign.then(|| peers.signing_keys(origin, key_id))?
    };
    let (known, headers) = (&node.checked_batches, &record.headers);
    let envelope = check_envelope_knowing(known, headers, &record.topic, &record.body, &keys)
        .map_err(|refusal| Unusable(refusal.code()))?;
    let now = node.clock.now();
    if let Some(doubt) = peers.doubt(&envelope.origin, &used.borrow(), envelope.time, now) {
        return Err(Unusable(doubt.code()));
    }
    let correlation = envelope.correlation.as_deref().unwrap_or_default();
    if !types.contains(&envelope.message_type)
        || envelope.id.len() > NAME_BYTES_MAX
        || correlation.len() > NAME_BYTES_MAX
    {
        return Err(ENVELOPE_MALFORMED);
    }
    let is_for_this_node = envelope.recipient.as_deref() == Some(node.name.as_str());
    if recipient == Recipient::ThisNode && !is_for_this_node {
        return Err(WRONG_RECIPIENT);
    }
    Ok(envelope)
}

/// [`check`] off the threads that serve requests; once more when news of trust came meanwhile for
/// a message whose key was not known.
pub(super) async fn check_with_news(
    node: &Arc<Node>,
    record: &BusRecord,
    types: &[MessageType],
    recipient: Recipient,
) -> Result<Result<Envelope, Unusable>, Refusal> {
    let checked = async || {
        let (copy, types) = (record.clone(), types.to_vec());
        node.blocking(move |node| check(node, &copy, &types, recipient))
            .await
    };
    let unknown = Err(Unusable(EnvelopeRefusal::UnknownNode.code()));
    // Before the check: what comes while it runs is news too.
    let mut seen = node.trust.state().epoch;
    let mut found = checked().await?;
    if found != unknown {
        return Ok(found);
    }
    let Some(until) = node.trust.patience_with(unverified_origin(record)) else {
        return Ok(found);
    };
    while found == unknown && node.trust.is_news_after(seen, until).await {
        seen = node.trust.state().epoch;
        found = checked().await?;
    }
    Ok(found)
}

/// Reads the body of a checked message. The bus bounds its size.
pub(super) fn body<T: DeserializeOwned>(record: &BusRecord) -> Result<T, Unusable> {
    serde_json::from_slice(&record.body).map_err(|_| BODY_MALFORMED)
}

/// The origin that a record claims.
pub(super) fn unverified_origin(record: &BusRecord) -> &str {
    unverified_header(record, "ce_source")
        .and_then(|source| source.strip_prefix("/nodes/"))
        .unwrap_or_default()
}

/// Value of a header that was not checked yet: good only for passing a record over.
pub(super) fn unverified_header<'a>(record: &'a BusRecord, name: &str) -> Option<&'a str> {
    record
        .headers
        .iter()
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.as_str())
}
