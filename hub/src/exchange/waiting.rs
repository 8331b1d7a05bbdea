//! Questions of this node that wait for an answer from another node.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use schemas::message::{FileChunk, FileRefusal, LookupReply, SnapshotPage};
use schemas::seal_status::SealReply;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::node::RETRY_AFTER_S;
use crate::refusal::Refusal;

/// Questions that may wait at the same time: each holds one request of a caller open, and a node
/// serves some hundred of those at a time; more means that a peer has stopped answering.
pub(crate) const WAITING_MAX: usize = 1024;

/// What another node answered.
#[derive(Debug)]
pub(crate) enum PeerAnswer {
    /// To a lookup.
    Lookup(LookupReply),
    /// One part of a file.
    Chunk(FileChunk),
    /// The file is not handed out.
    FileRefused(FileRefusal),
    /// To a question about a seal.
    Seal(SealReply),
    /// To a question for a home node's entries.
    Snapshot(SnapshotPage),
}

/// The questions that wait, by the thread of their correlation id: a file that is asked for again
/// takes the parts that the earlier request still brings.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<HashMap<String, Slot>>);

struct Slot {
    correlation: String,
    asked: String,
    answers: mpsc::Sender<PeerAnswer>,
}

/// One question that waits; forgotten when dropped.
pub(crate) struct Ticket<'a> {
    waiting: &'a Waiting,
    thread: String,
    asked: String,
    answers: mpsc::Receiver<PeerAnswer>,
}

impl Waiting {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Opens a place for up to `answers_max` answers of node `asked`.
    pub(crate) fn open(
        &self,
        correlation: &str,
        asked: &str,
        answers_max: usize,
    ) -> Result<Ticket<'_>, Refusal> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= WAITING_MAX {
            return Err(Refusal::Overloaded {
                retry_after_s: RETRY_AFTER_S,
            });
        }
        let (sender, answers) = mpsc::channel(answers_max.max(1));
        let slot = Slot {
            correlation: correlation.to_owned(),
            asked: asked.to_owned(),
            answers: sender,
        };
        let thread = thread_of(correlation).to_owned();
        slots.insert(thread.clone(), slot);
        Ok(Ticket {
            waiting: self,
            thread,
            asked: asked.to_owned(),
            answers,
        })
    }

    /// Whether somebody waits for an answer of `origin` to this question.
    pub(super) fn expects(&self, correlation: &str, origin: &str) -> bool {
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots
            .get(thread_of(correlation))
            .is_some_and(|slot| slot.asked == origin)
    }

    /// Hands an answer to whoever waits for it. An answer that nobody waits for, that comes from
    /// another node than was asked, or that is one too many, is dropped: it changes nothing. Of
    /// what answers an earlier request for the same file only the parts count.
    pub(super) fn hand_over(&self, correlation: &str, origin: &str, answer: PeerAnswer) {
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_for = |slot: &&Slot| {
            let is_part = matches!(answer, PeerAnswer::Chunk(_));
            slot.asked == origin && (is_part || slot.correlation == correlation)
        };
        if let Some(slot) = slots.get(thread_of(correlation)).filter(is_for)
            && slot.answers.try_send(answer).is_err()
        {
            tracing::debug!(peer = origin, "an answer came too late or once too often");
        }
    }
}

/// What stays the same in the correlation when something is asked for again: the part before the
/// point. Only requests for files of several parts have one.
pub(super) fn thread_of(correlation: &str) -> &str {
    correlation
        .split_once('.')
        .map_or(correlation, |(thread, _)| thread)
}

impl Ticket<'_> {
    /// The next answer.
    ///
    /// # Errors
    /// None came before the deadline.
    pub(crate) async fn next(&mut self, deadline: Instant) -> Result<PeerAnswer, Refusal> {
        match tokio::time::timeout_at(deadline, self.answers.recv()).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) | Err(_) => Err(Refusal::PeerTimeout {
                node: self.asked.clone(),
            }),
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut slots = self
            .waiting
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        slots.remove(&self.thread);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn refusal() -> PeerAnswer {
        PeerAnswer::Lookup(LookupReply::Refused {
            code: "NOT_FOUND".to_owned(),
        })
    }

    #[tokio::test]
    async fn only_the_node_that_was_asked_can_answer() {
        let waiting = Waiting::new();
        let mut ticket = waiting.open("c", "national", 1).expect("a place");
        waiting.hand_over("c", "sichuan", refusal());
        waiting.hand_over("other", "national", refusal());
        let soon = Instant::now() + Duration::from_millis(1);
        assert!(matches!(
            ticket.next(soon).await,
            Err(Refusal::PeerTimeout { .. })
        ));
        waiting.hand_over("c", "national", refusal());
        let soon = Instant::now() + Duration::from_secs(1);
        assert!(matches!(ticket.next(soon).await, Ok(PeerAnswer::Lookup(_))));
        drop(ticket);
        assert!(
            !waiting.expects("c", "national"),
            "an answered question is forgotten"
        );
    }

    #[test]
    fn questions_are_bounded() {
        let waiting = Waiting::new();
        let tickets: Vec<_> = (0..WAITING_MAX)
            .map(|n| waiting.open(&n.to_string(), "national", 1))
            .collect();
        assert!(tickets.iter().all(Result::is_ok));
        assert!(matches!(
            waiting.open("one", "national", 1),
            Err(Refusal::Overloaded { .. })
        ));
        drop(tickets);
        assert!(waiting.open("one", "national", 1).is_ok());
    }
}
