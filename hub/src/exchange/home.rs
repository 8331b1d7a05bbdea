//! What a home node does with what others send: receipts for its own changes, and requests for
//! the files whose originals it holds, and questions about the seals in them.

use std::sync::Arc;

use bytes::Bytes;
use connectors::bus::BusRecord;
use schemas::entry::EntryPublic;
use schemas::envelope::{Envelope, MessageType};
use schemas::identifier::Identifier;
use schemas::leaf::{Activity, Agent, EntityReference};
use schemas::message::{
    CHUNK_BYTES, CHUNKS_MAX, DirectoryReceipt, FileChunk, FileRefusal, FileRequest,
};
use schemas::permit::PermitRecord;
use schemas::seal_status::{SealReply, SealRequest, is_sm3_hex};

use super::changes::result_of;
use super::failure::Failure;
use super::incoming::{self, BODY_MALFORMED, NAME_BYTES_MAX, WRONG_ORIGIN};
use super::national::reply_draft;
use super::outgoing::sign_all;
use super::prepared::{Answer, Step};
use super::sealed;
use crate::files::{Digested, read_original, usable_file};
use crate::node::Node;
use crate::permits::{self, private_detail};
use crate::refusal::Refusal;
use crate::seals;
use crate::store::outbox::Outgoing;
use crate::store::{StoreError, Tx, entries, receipts, registrations, seal_statuses};

/// How far the clocks of two nodes may be apart before a permit counts as not yet decided.
const CLOCK_SKEW: chrono::Duration = chrono::Duration::minutes(5);

/// Longest name of a rule in a receipt, in bytes: those of the quality rules have under 30. It
/// stands in the leaf.
const RULE_BYTES_MAX: usize = 256;

/// A receipt of the national node for a change of this node.
pub(super) struct Receipt(DirectoryReceipt);

/// Reads a receipt: only the national node gives them, only for this node's entries.
pub(super) async fn prepare_receipt(
    node: &Node,
    envelope: &Envelope,
    record: &BusRecord,
) -> Result<Step, Failure> {
    let receipt: DirectoryReceipt = incoming::body(record)?;
    if envelope.origin != node.config.national || receipt.home_node != node.name {
        return Err(WRONG_ORIGIN.into());
    }
    // What no store can count and no leaf can hold is no receipt for a licence of this node.
    let is_sound = Identifier::parse_lenient(&receipt.identifier).is_ok()
        && receipt.message_id.len() <= NAME_BYTES_MAX
        && !receipt.message_id.chars().any(char::is_control)
        && receipt.revision > 0
        && i64::try_from(receipt.revision).is_ok()
        && receipt
            .reasons
            .iter()
            .all(|one| one.rule.len() <= RULE_BYTES_MAX);
    if !is_sound {
        return Err(BODY_MALFORMED.into());
    }
    // Of an old receipt the mark may be gone; the receipt itself is kept for ever.
    if incoming::is_outside_window(node, envelope)
        && receipts::is_recorded(node.store.reader(), &receipt.message_id).await?
    {
        return Ok(Step::Skip);
    }
    Ok(Step::Receipt(Box::new(Receipt(receipt))))
}

/// Hands a file out in sealed chunks, or refuses with a code; either way it is recorded.
pub(super) async fn hand_out(
    node: &Arc<Node>,
    envelope: &Envelope,
    record: &BusRecord,
) -> Result<Step, Failure> {
    let request: FileRequest = incoming::body(record)?;
    // The identifier stands in the leaf, also when no licence has it.
    if request.identifier.chars().any(char::is_control) || !are_numbers(&request.chunks) {
        return Err(BODY_MALFORMED.into());
    }
    let (request, permit) = node
        .blocking(move |node| {
            let permit = sealed::open_permit(node, &request);
            (request, permit)
        })
        .await?;
    let permit = permit.map_err(|_| BODY_MALFORMED)?;
    let original = match original(node, &request, &permit).await {
        Ok(original) => Ok(original),
        // What may go away by itself is tried again; everything else is an answer.
        Err(Refusal::Internal(cause)) => return Err(Refusal::Internal(cause).into()),
        Err(refusal) => Err(refusal),
    };
    // Who knows the file's digest knows how many chunks it has.
    if let (Ok((_, bytes)), Some(last)) = (&original, request.chunks.last())
        && usize::try_from(*last).is_ok_and(|last| last >= bytes.len().div_ceil(CHUNK_BYTES))
    {
        return Err(BODY_MALFORMED.into());
    }
    let mut leaf = node.leaf(match original {
        Ok(_) => Activity::HandOut,
        Err(_) => Activity::Refuse,
    });
    leaf.identifier = Some(request.identifier.clone());
    leaf.entity = Some(EntityReference {
        revision: original.as_ref().ok().map(|(public, _)| public.revision),
        file_sm3: Some(request.file_sm3.clone()),
        peer: Some(envelope.origin.clone()),
    });
    leaf.agent = Some(Agent {
        organisation: permit.organisation.clone(),
        caller: permit.caller.clone(),
    });
    leaf.matter = Some(permits::matter(&permit.purpose));
    leaf.permit = Some(permits::reference(&permit));
    if let Err(refusal) = &original {
        leaf.result = refusal.leaf_result();
    }
    let private = Some(private_detail(&permit.purpose));
    let (to, correlation) = (envelope.origin.clone(), envelope.correlation.clone());
    let outgoing = node
        .blocking(move |node| match original {
            Ok((_, bytes)) => chunks(node, &to, correlation.as_deref(), &request, &bytes),
            Err(refusal) => refusal_message(node, &to, correlation.as_deref(), &request, &refusal),
        })
        .await??;
    Ok(Step::Answer(Box::new(Answer {
        outgoing,
        leaf,
        private,
    })))
}

/// Answers what the register of this node says about a seal; asking and answer are recorded.
pub(super) async fn answer_seal(
    node: &Arc<Node>,
    envelope: &Envelope,
    record: &BusRecord,
) -> Result<Step, Failure> {
    let request: SealRequest = incoming::body(record)?;
    if !is_sm3_hex(&request.seal_sm3) {
        return Err(BODY_MALFORMED.into());
    }
    let kept = seal_statuses::find(node.store.reader(), &request.seal_sm3).await?;
    let reply = SealReply {
        status: kept.map(|kept| kept.status),
        as_of: node.clock.now(),
        seal_sm3: request.seal_sm3,
    };
    let leaf = seals::asked_leaf(node, &envelope.origin, &node.name, &reply);
    let (to, correlation) = (envelope.origin.clone(), envelope.correlation.clone());
    let message = node
        .blocking(move |node| {
            reply_draft(&to, correlation.as_deref(), MessageType::SealReply).sign(node, &reply)
        })
        .await??;
    Ok(Step::Answer(Box::new(Answer {
        outgoing: vec![message],
        leaf,
        private: None,
    })))
}

/// Takes receipts; what is recorded about each, in their order.
pub(super) async fn take_receipts(
    node: &Node,
    tx: &mut Tx<'_>,
    taken: &[&Receipt],
) -> Result<Vec<Answer>, StoreError> {
    let bodies: Vec<&DirectoryReceipt> = taken.iter().map(|receipt| &receipt.0).collect();
    receipts::record_all(tx, &bodies).await?;
    registrations::set_outcomes(tx, &bodies).await?;
    Ok(taken.iter().map(|receipt| receipt.recorded(node)).collect())
}

impl Receipt {
    fn recorded(&self, node: &Node) -> Answer {
        let receipt = &self.0;
        let mut leaf = node.leaf(Activity::Receipt);
        leaf.identifier = Some(receipt.identifier.clone());
        leaf.entity = Some(EntityReference {
            revision: Some(receipt.revision),
            file_sm3: None,
            peer: Some(node.config.national.clone()),
        });
        leaf.result = result_of(receipt.outcome, &receipt.reasons);
        Answer {
            outgoing: Vec::new(),
            leaf,
            private: None,
        }
    }
}

/// The requested original, when the permit evidence and the licence's state allow it.
async fn original(
    node: &Arc<Node>,
    request: &FileRequest,
    permit: &PermitRecord,
) -> Result<(EntryPublic, Bytes), Refusal> {
    check_permit(node, permit, &request.identifier)?;
    let (identifier, _) =
        Identifier::parse_lenient(&request.identifier).map_err(|_| Refusal::NotFound)?;
    let public = entries::find(node.store.reader(), &identifier, node.keys.column_key())
        .await?
        .map(|entry| entry.public)
        .filter(|public| public.home_node == node.name)
        .ok_or(Refusal::NotFound)?;
    let file = usable_file(node, &public)?;
    if file.sm3 != request.file_sm3 {
        return Err(Refusal::DigestMismatch);
    }
    let read = Digested::of(node, read_original(node, &public).await?).await?;
    // Digested again: what leaves must be what was registered, whatever became of the library.
    if read.sm3() != request.file_sm3 {
        return Err(Refusal::DigestMismatch);
    }
    Ok((public, read.bytes().clone()))
}

/// Checks the permit evidence of a signed request. The requesting node answers for its truth;
/// its signature on the request is what is shown to an auditor.
fn check_permit(node: &Node, permit: &PermitRecord, identifier: &str) -> Result<(), Refusal> {
    let now = node.clock.now();
    if permit.identifier != identifier {
        return Err(Refusal::PermitUnknown);
    }
    if !permit.permitted {
        return Err(Refusal::NotPermitted {
            rule: permit.rule.clone(),
        });
    }
    if permit.expires_at <= now || permit.decided_at > now + CLOCK_SKEW {
        return Err(Refusal::PermitExpired);
    }
    permit.purpose.check().map_err(|_| Refusal::PermitUnknown)
}

/// Whether this can be a list of wanted chunks.
fn are_numbers(chunks: &[u32]) -> bool {
    chunks.is_sorted_by(|one, next| one < next)
        && chunks.last().is_none_or(|last| *last < CHUNKS_MAX)
}

/// The chunks that were asked for, sealed and signed.
fn chunks(
    node: &Node,
    to: &str,
    correlation: Option<&str>,
    request: &FileRequest,
    bytes: &[u8],
) -> anyhow::Result<Vec<Outgoing>> {
    let size_bytes = u64::try_from(bytes.len())?;
    let count = u32::try_from(bytes.len().div_ceil(CHUNK_BYTES))?;
    let sealer = sealed::SealerFor::new(node, to)?;
    let draft = reply_draft(to, correlation, MessageType::FileChunk);
    let mut unsigned = Vec::with_capacity(bytes.len().div_ceil(CHUNK_BYTES));
    for (number, part) in (0_u32..).zip(bytes.chunks(CHUNK_BYTES)) {
        if !request.chunks.is_empty() && request.chunks.binary_search(&number).is_err() {
            continue;
        }
        let (identifier, file_sm3) = (request.identifier.clone(), request.file_sm3.clone());
        let binding = sealed::chunk_binding(&identifier, &file_sm3, number, count);
        let chunk_sm3 = hex::encode(certs::digest::sm3(part));
        let data = sealer.seal(&binding, part)?;
        let chunk = FileChunk {
            identifier,
            file_sm3,
            size_bytes,
            number,
            count,
            chunk_sm3,
            data,
        };
        unsigned.push(draft.unsigned(node, &chunk)?);
    }
    sign_all(node, unsigned)
}

fn refusal_message(
    node: &Node,
    to: &str,
    correlation: Option<&str>,
    request: &FileRequest,
    refusal: &Refusal,
) -> anyhow::Result<Vec<Outgoing>> {
    let (identifier, code) = (request.identifier.clone(), refusal.code().to_owned());
    let body = FileRefusal { identifier, code };
    Ok(vec![
        reply_draft(to, correlation, MessageType::FileRefusal).sign(node, &body)?,
    ])
}
