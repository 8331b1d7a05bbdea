//! Questions to other nodes: signed, with a deadline, answered over the bus.
//!
//! A question changes nothing anywhere by itself, so it goes straight onto the bus and not
//! through the outbox: after a restart nobody waits for its answer.

use std::time::Duration;

use schemas::envelope::{MessageType, topic};
use schemas::message::{
    CHUNK_BYTES, FileRequest, LookupReply, LookupRequest, SnapshotPage, SnapshotRequest,
};
use schemas::seal_status::{SealReply, SealRequest};
use tokio::time::Instant;

use super::busy::BUSY;
use super::outbox;
use super::outgoing::Draft;
use super::waiting::{PeerAnswer, Ticket};
use crate::measure;
use crate::node::{Node, RETRY_AFTER_S};
use crate::permits::event_id;
use crate::refusal::Refusal;

/// How long a lookup waits for the other node: a caller's user sits before a screen, and a node
/// that needs longer than this is overloaded or gone.
pub(super) const LOOKUP_DEADLINE: Duration = Duration::from_secs(5);

/// How long the question about a seal waits: a verification goes on without the answer, so its
/// caller should not wait for a node that is away.
pub(super) const SEAL_DEADLINE: Duration = Duration::from_secs(2);

/// How long the question for a page of entries waits: nobody sits before it, but a home node that
/// is busy with its callers needs its time.
const SNAPSHOT_DEADLINE: Duration = Duration::from_secs(10);

/// How long the fetch of one file may take: 64 MiB at 4 MiB/s, and below the time after which a
/// caller's request is given up.
pub(super) const FILE_DEADLINE: Duration = Duration::from_secs(20);

/// Asks node `to` and waits for its reply.
pub(crate) async fn lookup(
    node: &Node,
    to: &str,
    request: &LookupRequest,
    subject: Option<&str>,
) -> Result<LookupReply, Refusal> {
    let deadline = Instant::now() + LOOKUP_DEADLINE;
    let question = Question {
        to,
        message_type: MessageType::LookupRequest,
        subject,
        thread: None,
    };
    let mut ticket = question.send(node, request, LOOKUP_DEADLINE, 1).await?;
    let asked = Instant::now();
    let answer = ticket.next(deadline).await?;
    metrics::histogram!(measure::PEER_SECONDS, "node" => to.to_owned()).record(asked.elapsed());
    match answer {
        PeerAnswer::Lookup(reply) => Ok(reply),
        _ => Err(unasked(to)),
    }
}

/// Asks node `to` for the status of a seal whose home it is.
pub(crate) async fn seal(
    node: &Node,
    to: &str,
    request: &SealRequest,
) -> Result<SealReply, Refusal> {
    let deadline = Instant::now() + SEAL_DEADLINE;
    let question = Question {
        to,
        message_type: MessageType::SealRequest,
        subject: None,
        thread: None,
    };
    let mut ticket = question.send(node, request, SEAL_DEADLINE, 1).await?;
    match ticket.next(deadline).await? {
        PeerAnswer::Seal(reply) if reply.seal_sm3 == request.seal_sm3 => Ok(reply),
        _ => Err(unasked(to)),
    }
}

/// Asks home node `to` for the page of its entries behind an identifier.
pub(crate) async fn snapshot(
    node: &Node,
    to: &str,
    after: Option<&str>,
) -> Result<SnapshotPage, Refusal> {
    let deadline = Instant::now() + SNAPSHOT_DEADLINE;
    let question = Question {
        to,
        message_type: MessageType::SnapshotRequest,
        subject: None,
        thread: None,
    };
    let request = SnapshotRequest {
        after: after.map(str::to_owned),
    };
    let mut ticket = question.send(node, &request, SNAPSHOT_DEADLINE, 1).await?;
    match ticket.next(deadline).await? {
        PeerAnswer::Snapshot(page) => Ok(page),
        _ => Err(unasked(to)),
    }
}

/// Asks node `to` for a file of `size_bytes`; its parts come through the ticket. With the name of
/// a fetch that was begun earlier, also the parts that were asked for then.
pub(crate) async fn file<'a>(
    node: &'a Node,
    to: &str,
    request: &FileRequest,
    size_bytes: u64,
    fetch_id: Option<&str>,
) -> Result<(Ticket<'a>, Instant), Refusal> {
    let deadline = Instant::now() + FILE_DEADLINE;
    let subject = Some(request.identifier.as_str());
    let question = Question {
        to,
        message_type: MessageType::FileRequest,
        subject,
        thread: fetch_id,
    };
    let chunks = usize::try_from(size_bytes)
        .unwrap_or(usize::MAX)
        .div_ceil(CHUNK_BYTES);
    // Twice as many places: a relay that was interrupted sends some parts again.
    let places = chunks.saturating_mul(2);
    let ticket = question.send(node, request, FILE_DEADLINE, places).await?;
    Ok((ticket, deadline))
}

/// The refusal of an answer that is not one to what was asked.
pub(crate) fn unasked(from: &str) -> Refusal {
    Refusal::PeerRefused {
        node: from.to_owned(),
        code: "BODY_MALFORMED".to_owned(),
    }
}

/// The refusal of another node, as this node's callers are told of it.
pub(crate) fn refused(from: &str, code: &str) -> Refusal {
    if code == BUSY {
        return Refusal::Overloaded {
            retry_after_s: RETRY_AFTER_S,
        };
    }
    Refusal::PeerRefused {
        node: from.to_owned(),
        code: known_code(code),
    }
}

/// A code of another node is shown and recorded only when the catalogue knows it: it is foreign
/// text.
pub(crate) fn known_code(code: &str) -> String {
    match schemas::catalogue::text(code) {
        Some(_) => code.to_owned(),
        None => "PEER_REFUSED".to_owned(),
    }
}

struct Question<'a> {
    to: &'a str,
    message_type: MessageType,
    subject: Option<&'a str>,
    thread: Option<&'a str>,
}

impl Question<'_> {
    async fn send<'n>(
        &self,
        node: &'n Node,
        body: &impl serde::Serialize,
        wait: Duration,
        answers_max: usize,
    ) -> Result<Ticket<'n>, Refusal> {
        if node.peers().find(self.to).is_none() {
            return Err(Refusal::UnknownPeer {
                node: self.to.to_owned(),
            });
        }
        let now = node.clock.now();
        let name = event_id(now);
        let correlation = match self.thread {
            Some(thread) => format!("{thread}.{name}"),
            None => name,
        };
        let ticket = node.waiting.open(&correlation, self.to, answers_max)?;
        let draft = Draft {
            topic: topic::requests(self.to),
            // Questions of one node share a partition: readers take partitions in turn, so that
            // the others need not wait behind a flood.
            key: node.name.clone(),
            message_type: self.message_type,
            recipient: Some(self.to),
            subject: self.subject,
            correlation: Some(&correlation),
            deadline: Some(now + wait),
        };
        let message = draft.sign(node, body).map_err(Refusal::internal)?;
        let publish = node.bus.publish(vec![outbox::record(message)]);
        // A bus that is away must not take longer than an answer would.
        match tokio::time::timeout(wait, publish).await {
            Ok(Ok(())) => Ok(ticket),
            Ok(Err(cause)) => {
                tracing::warn!(code = cause.code(), cause = %cause, "a question was not sent");
                Err(Refusal::BusUnavailable)
            }
            Err(_) => Err(Refusal::BusUnavailable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_code_is_not_repeated_unless_known() {
        assert_eq!(known_code("NO_FILE"), "NO_FILE");
        assert_eq!(known_code("<script>"), "PEER_REFUSED");
    }
}
