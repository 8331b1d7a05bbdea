//! What the national node does with changes: into the directory or into the quality queue, and a
//! receipt for each.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use connectors::bus::BusRecord;
use schemas::entry::{Entry, EntryPublic};
use schemas::envelope::{Envelope, MessageType, topic};
use schemas::leaf::{Activity, EntityReference, Leaf, MessageReference};
use schemas::message::{DirectoryChange, DirectoryReceipt, ReceiptOutcome, ReceiptReason};
use schemas::quality::{QualityFault, RULE_TOO_LARGE, check_entry};

use super::failure::Failure;
use super::incoming::{self, BODY_MALFORMED, WRONG_ORIGIN};
use super::outgoing::{self, Draft, Unsigned};
use super::prepared::{Answer, Step};
use super::sealed;
use crate::node::Node;
use crate::store::entries::Standing;
use crate::store::rejections::Rejection;
use crate::store::{StoreError, Tx, entries, rejections};

/// Rule for a change of a licence that another node registered first. \[P\]
const RULE_HOME_NODE: &str = "Q-HOME-NODE";

/// A receipt that cannot be made or signed.
const NO_RECEIPT: StoreError = StoreError::OutOfRange { what: "receipt" };

/// A change that was opened and held against the rules.
pub(super) struct Change {
    entry: Entry,
    faults: Vec<QualityFault>,
    message_id: String,
    origin: String,
    /// What its home node has already been told about it; it need not be told the same again.
    pub(super) told: Option<ReceiptOutcome>,
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
    if !has_sound_revision(&change.entry) {
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
        let change = Change::of(node, entry, message_id, origin);
        Ok(Step::Change(Box::new(change)))
    })
    .await?
}

/// Takes entries into the directory or refuses them, each after the one before it; what is
/// answered and recorded about each, in their order.
pub(super) async fn apply_all(
    node: &Node,
    tx: &mut Tx<'_>,
    changes: &[&Change],
) -> Result<Vec<Answer>, StoreError> {
    let now = node.clock.now();
    let identifiers: Vec<_> = changes
        .iter()
        .map(|change| &change.entry.public.identifier)
        .collect();
    let mut known = entries::standings(&mut *tx, &identifiers).await?;
    let (mut accepted, mut rejected) = (Vec::new(), Vec::new());
    let (mut leaves, mut unsigned) = (Vec::new(), Vec::new());
    for change in changes {
        let (outcome, reasons) = change.decide(&known);
        match outcome {
            ReceiptOutcome::Accepted => {
                let public = &change.entry.public;
                known.insert(public.identifier.to_string(), Standing::of(public));
                accepted.push(&change.entry);
            }
            ReceiptOutcome::Superseded => {}
            ReceiptOutcome::Rejected => rejected.push(change.rejection(&reasons, now)),
        }
        let is_told = change.told == Some(outcome);
        leaves.push((change.leaf(node, outcome, &reasons), is_told));
        if !is_told {
            unsigned.push(change.receipt(node, outcome, reasons, now)?);
        }
    }
    entries::upsert_all(tx, &accepted, &node.keys, now).await?;
    rejections::record_all(tx, &rejected).await?;
    let receipts = outgoing::sign_all(node, unsigned);
    let mut receipts = receipts.map_err(|_| NO_RECEIPT)?.into_iter();
    let answer = |(leaf, is_told)| Answer {
        outgoing: if is_told { None } else { receipts.next() }
            .into_iter()
            .collect(),
        leaf,
        private: None,
    };
    Ok(leaves.into_iter().map(answer).collect())
}

/// Revisions begin at 1 and must fit into the store.
pub(super) fn has_sound_revision(entry: &EntryPublic) -> bool {
    entry.revision > 0 && i64::try_from(entry.revision).is_ok()
}

/// Of changes whose marks may be gone, those that say something that is not known yet.
pub(super) async fn news_among<'c>(
    tx: &mut Tx<'_>,
    changes: Vec<&'c Change>,
) -> Result<Vec<&'c Change>, StoreError> {
    let identifiers: Vec<_> = changes
        .iter()
        .map(|change| &change.entry.public.identifier)
        .collect();
    let known = entries::standings(&mut *tx, &identifiers).await?;
    let mut news = Vec::with_capacity(changes.len());
    for change in changes {
        let (outcome, _) = change.decide(&known);
        let subject = rejection_subject(&change.origin, &change.message_id);
        if is_here(&known, &change.entry.public)
            || (outcome == ReceiptOutcome::Rejected
                && rejections::is_recorded(&mut *tx, &subject).await?)
        {
            continue;
        }
        news.push(change);
    }
    Ok(news)
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

/// Whether an old change, whose mark may be gone, says something that is not known yet: one that
/// waited long must not be lost, one that is sent again must change nothing. Asked before the
/// change is opened and held against the rules, hence of less than [`news_among`]: whatever the
/// rules say of the change now.
async fn is_news(
    node: &Node,
    envelope: &Envelope,
    change: &DirectoryChange,
) -> Result<bool, StoreError> {
    let reader = node.store.reader();
    let known = entries::standings(reader, &[&change.entry.identifier]).await?;
    if is_here(&known, &change.entry) {
        return Ok(false);
    }
    let subject = rejection_subject(&envelope.origin, &envelope.id);
    Ok(!rejections::is_recorded(reader, &subject).await?)
}

/// Whether the directory has from this very home node what an entry says, or what is newer.
fn is_here(known: &HashMap<String, Standing>, entry: &EntryPublic) -> bool {
    let standing = known.get(entry.identifier.as_str());
    standing
        .is_some_and(|known| known.home_node == entry.home_node && known.revision >= entry.revision)
}

fn rejection_subject(origin: &str, message_id: &str) -> String {
    format!("{origin}/{message_id}")
}

impl Change {
    /// Holds an entry of the known node `origin` against the rules.
    pub(super) fn of(node: &Node, entry: Entry, message_id: String, origin: String) -> Self {
        let peers = node.peers();
        let regions = peers
            .find(&origin)
            .map_or(&[][..], |peer| peer.regions.as_slice());
        let faults = check_entry(&entry, &node.types, regions);
        Self {
            entry,
            faults,
            message_id,
            origin,
            told: None,
        }
    }

    /// Origin and id of the message that carried it.
    pub(super) fn message(&self) -> (&str, &str) {
        (&self.origin, &self.message_id)
    }

    /// The message that carried it, when it did not come from its topic.
    pub(super) fn reference(&self) -> MessageReference {
        MessageReference {
            id: self.message_id.clone(),
            topic: None,
            partition: None,
            position: None,
        }
    }

    fn decide(&self, known: &HashMap<String, Standing>) -> (ReceiptOutcome, Vec<ReceiptReason>) {
        let public = &self.entry.public;
        let known = known.get(public.identifier.as_str());
        let mut reasons: Vec<ReceiptReason> = self.faults.iter().map(reason).collect();
        if known.is_some_and(|known| known.home_node != public.home_node) {
            reasons.push(registered_elsewhere());
        }
        let outcome = if reasons.iter().any(|reason| reason.rejecting) {
            ReceiptOutcome::Rejected
        } else if known.is_some_and(|known| known.revision >= public.revision) {
            ReceiptOutcome::Superseded
        } else {
            ReceiptOutcome::Accepted
        };
        (outcome, reasons)
    }

    fn rejection(&self, reasons: &[ReceiptReason], at: DateTime<Utc>) -> Rejection {
        let public = &self.entry.public;
        Rejection {
            subject: rejection_subject(&self.origin, &self.message_id),
            home_node: public.home_node.clone(),
            identifier: Some(public.identifier.as_str().to_owned()),
            revision: Some(public.revision),
            source_line: None,
            // Of what is too large only that it was is kept.
            public: (!is_too_large(reasons)).then(|| public.clone()),
            reasons: reasons.to_vec(),
            rejected_at: at,
        }
    }

    fn leaf(&self, node: &Node, outcome: ReceiptOutcome, reasons: &[ReceiptReason]) -> Leaf {
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
        leaf.result = result_of(outcome, reasons);
        leaf
    }

    fn receipt(
        &self,
        node: &Node,
        outcome: ReceiptOutcome,
        reasons: Vec<ReceiptReason>,
        at: DateTime<Utc>,
    ) -> Result<Unsigned, StoreError> {
        let public = &self.entry.public;
        let receipt = DirectoryReceipt {
            message_id: self.message_id.clone(),
            home_node: public.home_node.clone(),
            identifier: public.identifier.as_str().to_owned(),
            revision: public.revision,
            outcome,
            reasons,
            applied_at: at,
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
        draft.unsigned(node, &receipt).map_err(|_| NO_RECEIPT)
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

fn registered_elsewhere() -> ReceiptReason {
    ReceiptReason {
        rule: RULE_HOME_NODE.to_owned(),
        rejecting: true,
        zh: "该证照已由其他节点登记；请与原归属节点核对".to_owned(),
        en: "Another node registered this licence; agree with it which is the home node".to_owned(),
    }
}
