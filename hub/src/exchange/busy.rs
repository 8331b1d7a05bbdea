//! Nodes that ask too often: told so at once, without the work of an answer, so that one province
//! that floods this node does not starve another.

use std::sync::Arc;

use governor::{DefaultKeyedRateLimiter, RateLimiter};
use schemas::envelope::{Envelope, MessageType};
use schemas::leaf::{Activity, EntityReference};
use schemas::message::{FileRefusal, LookupReply, SnapshotPage};

use super::failure::Failure;
use super::national::reply_draft;
use super::prepared::{Answer, Step};
use crate::config::Limits;
use crate::measure;
use crate::node::Node;

/// Code of the refusal.
pub(crate) const BUSY: &str = "OVERLOADED";

/// How often each other node may ask. One bucket per node that signed a question: as many as are
/// registered.
pub(crate) struct Questions {
    asked: DefaultKeyedRateLimiter<String>,
    /// Apart: who fetches many files still hears about their seals.
    about_seals: DefaultKeyedRateLimiter<String>,
}

impl Questions {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            asked: RateLimiter::keyed(limits.peer_quota()),
            about_seals: RateLimiter::keyed(limits.peer_quota()),
        }
    }

    /// Whether this question is one too many. Other messages never are: they carry changes.
    pub(super) fn is_one_too_many(&self, envelope: &Envelope) -> bool {
        let bucket = match envelope.message_type {
            MessageType::LookupRequest
            | MessageType::FileRequest
            | MessageType::SnapshotRequest => &self.asked,
            MessageType::SealRequest => &self.about_seals,
            _ => return false,
        };
        bucket.check_key(&envelope.origin).is_err()
    }
}

/// The answer that says so.
pub(super) async fn answer(node: &Arc<Node>, envelope: &Envelope) -> Result<Step, Failure> {
    metrics::counter!(measure::OVERLOADS, "bound" => "peer").increment(1);
    let mut leaf = node.leaf(Activity::Refuse);
    leaf.identifier = envelope.subject.clone();
    leaf.entity = Some(EntityReference {
        peer: Some(envelope.origin.clone()),
        ..EntityReference::default()
    });
    leaf.result = BUSY.to_owned();
    let asked = envelope.clone();
    let message = node
        .blocking(move |node| {
            let code = BUSY.to_owned();
            let (to, correlation) = (asked.origin.as_str(), asked.correlation.as_deref());
            let message = match asked.message_type {
                // No answer about a seal says nothing about it: who asks goes on without one, as
                // if this node were away.
                MessageType::SealRequest => return Ok(None),
                MessageType::FileRequest => {
                    let identifier = asked.subject.clone().unwrap_or_default();
                    let body = FileRefusal { identifier, code };
                    reply_draft(to, correlation, MessageType::FileRefusal).sign(node, &body)
                }
                MessageType::SnapshotRequest => {
                    let body = SnapshotPage::Refused { code };
                    reply_draft(to, correlation, MessageType::SnapshotPage).sign(node, &body)
                }
                _ => {
                    let body = LookupReply::Refused { code };
                    reply_draft(to, correlation, MessageType::LookupReply).sign(node, &body)
                }
            };
            message.map(Some)
        })
        .await??;
    Ok(Step::Answer(Box::new(Answer {
        outgoing: message.into_iter().collect(),
        leaf,
        private: None,
    })))
}
