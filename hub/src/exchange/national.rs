//! Lookups of other nodes, answered from the own store: at the national node from the whole
//! directory, at a home node about its own licences.

use std::sync::Arc;

use connectors::bus::BusRecord;
use schemas::entry::Entry;
use schemas::envelope::{Envelope, MessageType, topic};
use schemas::identifier::Identifier;
use schemas::leaf::{Activity, Agent, EntityReference, PrivateDetail};
use schemas::message::{
    Asker, HolderQuery, LOOKUP_ENTRIES_MAX, LookedUpEntry, LookupReply, LookupRequest,
};

use super::failure::Failure;
use super::incoming::{self, BODY_MALFORMED};
use super::outgoing::Draft;
use super::prepared::{Answer, Step};
use super::sealed;
use crate::directory;
use crate::node::Node;
use crate::store::entries;

/// Bytes of entries in one reply: leaves a quarter of the largest message for the rest of it.
const REPLY_BYTES_MAX: usize = 768 * 1024;

/// Answers a lookup from the own store; the personal parts are sealed to the node that asks.
pub(super) async fn answer_lookup(
    node: &Arc<Node>,
    envelope: &Envelope,
    record: &BusRecord,
) -> Result<Step, Failure> {
    let request: LookupRequest = incoming::body(record)?;
    let now = node.clock.now();
    let mut leaf = node.leaf(Activity::AnswerLookup);
    let mut private = None;
    let (found, asker) = match request {
        LookupRequest::Identifier { identifier, asker } => {
            let (identifier, _) =
                Identifier::parse_lenient(&identifier).map_err(|_| BODY_MALFORMED)?;
            leaf.identifier = Some(identifier.as_str().to_owned());
            let key = node.keys.column_key();
            let found = entries::find(node.store.reader(), &identifier, key).await?;
            leaf.entity = Some(EntityReference {
                revision: found.as_ref().map(|entry| entry.public.revision),
                file_sm3: None,
                peer: Some(envelope.origin.clone()),
            });
            (found.into_iter().collect(), asker)
        }
        LookupRequest::Holder { query, asker } => {
            let text = node
                .blocking(move |node| sealed::open(&node.keys, sealed::QUERY, &query))
                .await?
                .map_err(|_| BODY_MALFORMED)?;
            let query: HolderQuery = serde_json::from_slice(&text).map_err(|_| BODY_MALFORMED)?;
            let holder_token = node.keys.token_key().holder_token(&query.holder_code);
            private = Some(PrivateDetail {
                holder_token: Some(holder_token),
                ..PrivateDetail::default()
            });
            let peer = Some(envelope.origin.clone());
            leaf.entity = Some(EntityReference {
                peer,
                ..EntityReference::default()
            });
            (directory::find_own_of_holder(node, &query).await?, asker)
        }
    };
    leaf.agent = Some(agent(&asker));
    if found.is_empty() {
        leaf.result = "NOT_FOUND".to_owned();
    }
    let (to, correlation) = (envelope.origin.clone(), envelope.correlation.clone());
    let message = node
        .blocking(move |node| {
            let entries = sealed_entries(node, &to, &found)?;
            let reply = LookupReply::Found {
                entries,
                as_of: now,
            };
            reply_draft(&to, correlation.as_deref(), MessageType::LookupReply)
                .sign(node, &reply)
                .map_err(Failure::Inner)
        })
        .await??;
    Ok(Step::Answer(Box::new(Answer {
        outgoing: vec![message],
        leaf,
        private,
    })))
}

/// A message that answers `to`; lookups on the topic of replies, files on theirs.
pub(super) fn reply_draft<'a>(
    to: &'a str,
    correlation: Option<&'a str>,
    message_type: MessageType,
) -> Draft<'a> {
    let topic = match message_type {
        MessageType::FileChunk | MessageType::FileRefusal => topic::files(to),
        _ => topic::replies(to),
    };
    Draft {
        topic,
        key: correlation.unwrap_or_default().to_owned(),
        message_type,
        recipient: Some(to),
        subject: None,
        correlation,
        deadline: None,
    }
}

fn sealed_entries(node: &Node, to: &str, found: &[Entry]) -> Result<Vec<LookedUpEntry>, Failure> {
    let (mut entries, mut bytes) = (Vec::new(), 0_usize);
    if found.is_empty() {
        return Ok(entries);
    }
    let sealer = sealed::SealerFor::new(node, to)?;
    for entry in found.iter().take(LOOKUP_ENTRIES_MAX) {
        let private = sealer.seal_private(entry)?;
        let looked_up = LookedUpEntry {
            public: entry.public.clone(),
            private,
        };
        bytes += serde_json::to_vec(&looked_up)
            .map_err(|cause| Failure::Inner(cause.into()))?
            .len();
        if bytes > REPLY_BYTES_MAX {
            break;
        }
        entries.push(looked_up);
    }
    Ok(entries)
}

fn agent(asker: &Asker) -> Agent {
    Agent {
        organisation: asker.organisation.clone(),
        caller: asker.caller.clone(),
    }
}
