//! What the national node does with what others send: changes into the directory, lookups
//! answered from it. A home node answers lookups the same way, about its own licences.

use std::sync::Arc;

use connectors::bus::BusRecord;
use schemas::entry::Entry;
use schemas::envelope::{Envelope, MessageType, topic};
use schemas::identifier::Identifier;
use schemas::leaf::{Activity, Agent, EntityReference, MessageReference, PrivateDetail};
use schemas::message::{
    Asker, DirectoryChange, DirectoryReceipt, HolderQuery, LOOKUP_ENTRIES_MAX, LookedUpEntry,
    LookupReply, LookupRequest, ReceiptOutcome, ReceiptReason,
};
use schemas::quality::{QualityFault, RULE_TOO_LARGE, check_entry};

use super::apply::{Answer, Step};
use super::failure::Failure;
use super::incoming::{self, BODY_MALFORMED, WRONG_ORIGIN};
use super::outgoing::Draft;
use super::sealed;
use crate::directory;
use crate::node::Node;
use crate::store::rejections::Rejection;
use crate::store::{StoreError, Tx, entries, outbox, rejections};

/// Bytes of entries in one reply: leaves a quarter of the largest message for the rest of it.
const REPLY_BYTES_MAX: usize = 768 * 1024;

/// Rule for a change of a licence that another node registered first. \[P\]
const RULE_HOME_NODE: &str = "Q-HOME-NODE";

/// A change that was opened and held against the rules.
pub(super) struct Change {
    entry: Entry,
    faults: Vec<QualityFault>,
    message_id: String,
    origin: String,
}

/// Opens a change and holds its entry against the rules.
pub(super) async fn prepare_change(
    node: &Arc<Node>,
    envelope: &Envelope,
    record: &BusRecord,
) -> Result<Step, Failure> {
    let change: DirectoryChange = incoming::body(record)?;
    if change.entry.home_node != envelope.origin {
        return Err(WRONG_ORIGIN.into());
    }
    // Revisions begin at 1 and must fit into the store.
    if change.entry.revision == 0 || i64::try_from(change.entry.revision).is_err() {
        return Err(BODY_MALFORMED.into());
    }
    if incoming::is_outside_window(node, envelope) && !is_news(node, envelope, &change).await? {
        return Ok(Step::Skip);
    }
    let (message_id, origin) = (envelope.id.clone(), envelope.origin.clone());
    node.blocking(move |node| {
        let private = sealed::open_private(&node.keys, &change.entry, &change.private)
            .map_err(|_| BODY_MALFORMED)?;
        let entry = Entry {
            public: change.entry,
            private,
        };
        // The envelope check has established that the origin is known.
        let peers = node.peers();
        let regions = peers
            .find(&origin)
            .map_or(&[][..], |peer| peer.regions.as_slice());
        let faults = check_entry(&entry, &node.types, regions);
        Ok(Step::Change(Box::new(Change {
            entry,
            faults,
            message_id,
            origin,
        })))
    })
    .await?
}

/// Whether an old change, whose mark may be gone, says something that is not known yet: one that
/// waited long must not be lost, one that is sent again must change nothing.
async fn is_news(
    node: &Node,
    envelope: &Envelope,
    change: &DirectoryChange,
) -> Result<bool, StoreError> {
    let reader = node.store.reader();
    let known = entries::revision(reader, &change.entry.identifier).await?;
    if known.is_some_and(|known| known >= change.entry.revision) {
        return Ok(false);
    }
    let subject = rejection_subject(&envelope.origin, &envelope.id);
    Ok(!rejections::is_recorded(reader, &subject).await?)
}

fn rejection_subject(origin: &str, message_id: &str) -> String {
    format!("{origin}/{message_id}")
}

/// Answers a lookup from the own store; the personal parts are sealed to the node that asks.
pub(super) async fn answer_lookup(
    node: &Arc<Node>,
    envelope: &Envelope,
    record: &BusRecord,
) -> Result<Step, Failure> {
    if is_too_late(node, envelope) {
        return Ok(Step::Skip);
    }
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

/// Whether nobody waits for an answer any more. A question without a deadline is too late when
/// it is so old that it could have been answered before without a trace.
pub(super) fn is_too_late(node: &Node, envelope: &Envelope) -> bool {
    let is_over = |deadline| deadline < node.clock.now();
    envelope.deadline.is_some_and(is_over) || incoming::is_outside_window(node, envelope)
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

impl Change {
    /// Takes the entry into the directory or refuses it, and answers with a receipt.
    pub(super) async fn apply(
        &self,
        node: &Node,
        tx: &mut Tx<'_>,
        message: MessageReference,
    ) -> Result<(), StoreError> {
        let public = &self.entry.public;
        let key = node.keys.column_key();
        let known = entries::find(tx.connection(), &public.identifier, key).await?;
        let known = known.map(|known| known.public);
        let mut reasons: Vec<ReceiptReason> = self.faults.iter().map(reason).collect();
        if known
            .as_ref()
            .is_some_and(|known| known.home_node != public.home_node)
        {
            reasons.push(registered_elsewhere());
        }
        let outcome = if reasons.iter().any(|reason| reason.rejecting) {
            ReceiptOutcome::Rejected
        } else if known.is_some_and(|known| !public.is_newer_than(&known)) {
            ReceiptOutcome::Superseded
        } else {
            ReceiptOutcome::Accepted
        };
        let now = node.clock.now();
        match outcome {
            ReceiptOutcome::Accepted => {
                entries::upsert(tx, &self.entry, &node.keys, now).await?;
            }
            ReceiptOutcome::Superseded => {}
            ReceiptOutcome::Rejected => self.keep_rejected(node, tx, &reasons).await?,
        }
        self.record(node, tx, outcome, &reasons, message).await?;
        let receipt = DirectoryReceipt {
            message_id: self.message_id.clone(),
            home_node: public.home_node.clone(),
            identifier: public.identifier.as_str().to_owned(),
            revision: public.revision,
            outcome,
            reasons,
            applied_at: now,
        };
        let draft = Draft {
            topic: topic::DIRECTORY_RECEIPTS.to_owned(),
            key: public.identifier.licence_key(),
            message_type: MessageType::DirectoryReceipt,
            recipient: Some(&self.origin),
            subject: Some(public.identifier.as_str()),
            correlation: Some(&self.message_id),
            deadline: None,
        };
        let receipt = draft
            .sign(node, &receipt)
            .map_err(|_| StoreError::OutOfRange { what: "receipt" })?;
        outbox::enqueue(tx, &receipt).await
    }

    async fn keep_rejected(
        &self,
        node: &Node,
        tx: &mut Tx<'_>,
        reasons: &[ReceiptReason],
    ) -> Result<(), StoreError> {
        let public = &self.entry.public;
        let rejection = Rejection {
            subject: rejection_subject(&self.origin, &self.message_id),
            home_node: public.home_node.clone(),
            identifier: Some(public.identifier.as_str().to_owned()),
            revision: Some(public.revision),
            source_line: None,
            // Of what is too large only that it was is kept.
            public: (!is_too_large(reasons)).then(|| public.clone()),
            reasons: reasons.to_vec(),
            rejected_at: node.clock.now(),
        };
        rejections::record(tx, &rejection).await?;
        Ok(())
    }

    async fn record(
        &self,
        node: &Node,
        tx: &mut Tx<'_>,
        outcome: ReceiptOutcome,
        reasons: &[ReceiptReason],
        message: MessageReference,
    ) -> Result<(), StoreError> {
        let public = &self.entry.public;
        let mut leaf = node.leaf(match outcome {
            ReceiptOutcome::Accepted | ReceiptOutcome::Superseded => Activity::Apply,
            ReceiptOutcome::Rejected => Activity::Reject,
        });
        leaf.identifier = Some(public.identifier.as_str().to_owned());
        leaf.entity = Some(EntityReference {
            revision: Some(public.revision),
            file_sm3: public.file.as_ref().map(|file| file.sm3.clone()),
            peer: Some(self.origin.clone()),
        });
        leaf.message = Some(message);
        leaf.result = result_of(outcome, reasons);
        node.log.append(tx, leaf, None).await?;
        Ok(())
    }
}

fn sealed_entries(node: &Node, to: &str, found: &[Entry]) -> Result<Vec<LookedUpEntry>, Failure> {
    let (mut entries, mut bytes) = (Vec::new(), 0_usize);
    for entry in found.iter().take(LOOKUP_ENTRIES_MAX) {
        let private = sealed::seal_private(node, to, entry)?;
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

fn is_too_large(reasons: &[ReceiptReason]) -> bool {
    reasons.iter().any(|reason| reason.rule == RULE_TOO_LARGE)
}

fn reason(fault: &QualityFault) -> ReceiptReason {
    ReceiptReason {
        rule: fault.rule.clone(),
        rejecting: fault.rejecting,
        zh: fault.zh.clone(),
        en: fault.en.clone(),
    }
}

/// What a leaf says about an outcome: of a rejection the first rule that rejects.
pub(super) fn result_of(outcome: ReceiptOutcome, reasons: &[ReceiptReason]) -> String {
    let rule = || reasons.iter().find(|reason| reason.rejecting);
    match outcome {
        ReceiptOutcome::Accepted => "OK".to_owned(),
        ReceiptOutcome::Superseded => "SUPERSEDED".to_owned(),
        ReceiptOutcome::Rejected => {
            rule().map_or_else(|| "REJECTED".to_owned(), |reason| reason.rule.clone())
        }
    }
}

fn registered_elsewhere() -> ReceiptReason {
    ReceiptReason {
        rule: RULE_HOME_NODE.to_owned(),
        rejecting: true,
        zh: "该证照已由其他节点登记；请与原归属节点核对".to_owned(),
        en: "Another node registered this licence; agree with it which is the home node".to_owned(),
    }
}

fn agent(asker: &Asker) -> Agent {
    Agent {
        organisation: asker.organisation.clone(),
        caller: asker.caller.clone(),
    }
}
