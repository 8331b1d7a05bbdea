//! Changes of the directory, as the national node takes or refuses them.
//!
//! The changes of one batch see one directory, each as those before it leave it; what they found
//! and what they leave are one round trip each.

use std::collections::HashMap;
use std::sync::Arc;

use connectors::bus::BusRecord;
use schemas::entry::{Entry, EntryPublic};
use schemas::envelope::{Envelope, MessageType, topic};
use schemas::identifier::Identifier;
use schemas::leaf::{Activity, EntityReference, MessageReference};
use schemas::message::{DirectoryChange, DirectoryReceipt, ReceiptOutcome, ReceiptReason};
use schemas::quality::{QualityFault, RULE_TOO_LARGE, check_entry};

use super::apply::Step;
use super::failure::Failure;
use super::incoming::{self, BODY_MALFORMED, WRONG_ORIGIN};
use super::outgoing::Draft;
use super::sealed;
use crate::node::Node;
use crate::store::outbox::Outgoing;
use crate::store::rejections::Rejection;
use crate::store::{StoreError, Tx, entries, rejections};

/// Rule for a change of a licence that another node registered first. \[P\]
const RULE_HOME_NODE: &str = "Q-HOME-NODE";

/// A change that was opened and held against the rules.
pub(super) struct Change {
    entry: Entry,
    reasons: Vec<ReceiptReason>,
    message_id: String,
    origin: String,
    /// Signed beforehand, side by side with others: nearly always it is the right one.
    likely: Option<(ReceiptOutcome, Outgoing)>,
}

/// The directory as the changes of one batch find it, each after those before it.
pub(super) struct Changes<'b> {
    known: HashMap<String, EntryPublic>,
    accepted: Vec<&'b Entry>,
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
        let mut change = Change {
            entry,
            reasons: faults.iter().map(reason).collect(),
            message_id,
            origin,
            likely: None,
        };
        let outcome = outcome(&change.reasons, false);
        let receipt = change.receipt(node, outcome, &change.reasons)?;
        change.likely = Some((outcome, receipt));
        Ok(Step::Change(Box::new(change)))
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

impl<'b> Changes<'b> {
    /// What the directory has of the licences that these steps change.
    ///
    /// # Errors
    /// Failures of the database.
    pub(super) async fn find(
        node: &Node,
        tx: &mut Tx<'_>,
        steps: impl Iterator<Item = &'b Step>,
    ) -> Result<Self, StoreError> {
        let changed = |step: &'b Step| match step {
            Step::Change(change) => Some(&change.entry.public.identifier),
            _ => None,
        };
        let identifiers: Vec<&Identifier> = steps.filter_map(changed).collect();
        let mut known = HashMap::new();
        if !identifiers.is_empty() {
            let key = node.keys.column_key();
            for entry in entries::find_all(tx.connection(), &identifiers, key).await? {
                known.insert(entry.public.identifier.to_string(), entry.public);
            }
        }
        Ok(Self {
            known,
            accepted: Vec::new(),
        })
    }

    /// Takes the entry of a change or refuses it; answers the receipt.
    ///
    /// # Errors
    /// Failures of the database, or of the signature.
    pub(super) async fn take(
        &mut self,
        node: &Node,
        tx: &mut Tx<'_>,
        change: &'b Change,
        message: MessageReference,
    ) -> Result<Outgoing, StoreError> {
        let public = &change.entry.public;
        let known = self.known.get(public.identifier.as_str());
        let mut reasons = change.reasons.clone();
        if known.is_some_and(|known| known.home_node != public.home_node) {
            reasons.push(registered_elsewhere());
        }
        let is_old = known.is_some_and(|known| !public.is_newer_than(known));
        let outcome = outcome(&reasons, is_old);
        match outcome {
            ReceiptOutcome::Accepted => {
                let identifier = public.identifier.to_string();
                self.known.insert(identifier, public.clone());
                self.accepted.push(&change.entry);
            }
            ReceiptOutcome::Superseded => {}
            ReceiptOutcome::Rejected => change.keep_rejected(node, tx, &reasons).await?,
        }
        change.record(node, tx, outcome, &reasons, message).await?;
        match &change.likely {
            Some((likely, receipt)) if *likely == outcome && change.reasons == reasons => {
                Ok(receipt.clone())
            }
            _ => change
                .receipt(node, outcome, &reasons)
                .map_err(|_| StoreError::OutOfRange { what: "receipt" }),
        }
    }

    /// Writes the entries that were accepted.
    ///
    /// # Errors
    /// Failures of the database.
    pub(super) async fn write(self, node: &Node, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        if !self.accepted.is_empty() {
            let now = node.clock.now();
            entries::upsert_all(tx, &self.accepted, &node.keys, now).await?;
        }
        Ok(())
    }
}

/// What becomes of a change; `is_old` when the directory has its revision or a newer one.
fn outcome(reasons: &[ReceiptReason], is_old: bool) -> ReceiptOutcome {
    if reasons.iter().any(|reason| reason.rejecting) {
        ReceiptOutcome::Rejected
    } else if is_old {
        ReceiptOutcome::Superseded
    } else {
        ReceiptOutcome::Accepted
    }
}

impl Change {
    fn receipt(
        &self,
        node: &Node,
        outcome: ReceiptOutcome,
        reasons: &[ReceiptReason],
    ) -> anyhow::Result<Outgoing> {
        let public = &self.entry.public;
        let receipt = DirectoryReceipt {
            message_id: self.message_id.clone(),
            home_node: public.home_node.clone(),
            identifier: public.identifier.as_str().to_owned(),
            revision: public.revision,
            outcome,
            reasons: reasons.to_vec(),
            applied_at: node.clock.now(),
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
        draft.sign(node, &receipt)
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
