//! Records become prepared steps; a batch of steps becomes one transaction.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use connectors::bus::BusRecord;
use schemas::envelope::{Envelope, MessageType};
use schemas::leaf::{LEAF_BYTES_MAX, Leaf, MessageReference};

use super::failure::Failure;
use super::incoming::{self, INTERNAL, Recipient, Unusable};
use super::prepared::{Answer, Place, Prepared, Step};
use super::{ExchangeError, Lane, busy, changes, home, national, snapshot, transient};
use crate::measure;
use crate::node::Node;
use crate::store::outbox::{self, Outgoing};
use crate::store::{StoreError, Tx, applied, positions};

/// How often one record is tried before it goes to the dead letters: enough for a disk or lock
/// that is busy for a moment; a fault of the record itself does not go away.
const ATTEMPTS_MAX: u32 = 3;

/// Longest leaf about an answer before its message is added; an honest one has under 2 KiB.
const ANSWER_LEAF_BYTES_MAX: usize = LEAF_BYTES_MAX / 2;

/// Wait between those tries.
const ATTEMPT_WAIT: Duration = Duration::from_millis(200);

/// Checks a record and does everything about it that needs no transaction.
///
/// # Errors
/// The store fails; the record is not given up for that.
pub(super) async fn prepare(
    node: &Arc<Node>,
    lane: Lane,
    record: BusRecord,
) -> Result<Prepared, StoreError> {
    if lane == Lane::Receipts
        && incoming::unverified_header(&record, "ce_recipient") != Some(node.name.as_str())
    {
        return Ok(Prepared {
            record,
            envelope: None,
            step: Step::Skip,
        });
    }
    for attempt in 1..=ATTEMPTS_MAX {
        let mut envelope = None;
        match step_of(node, lane, &record, &mut envelope).await {
            Ok(step) => {
                return Ok(Prepared {
                    record,
                    envelope,
                    step,
                });
            }
            Err(Failure::Unusable(reason)) => {
                return refuse_unless_applied(node, record, envelope, reason).await;
            }
            Err(Failure::Store(cause)) => return Err(cause),
            Err(Failure::Inner(cause)) => {
                tracing::warn!(
                    bus.topic = record.topic,
                    bus.position = record.position,
                    attempt,
                    cause = format!("{cause:#}"),
                    "a message could not be prepared"
                );
                tokio::time::sleep(ATTEMPT_WAIT).await;
            }
        }
    }
    Ok(Prepared::refused(record, None, INTERNAL))
}

/// What is not usable any more – its key is gone, say – but had its effect is no dead letter.
async fn refuse_unless_applied(
    node: &Node,
    record: BusRecord,
    envelope: Option<Envelope>,
    reason: Unusable,
) -> Result<Prepared, StoreError> {
    let mut refused = Prepared::refused(record, envelope, reason);
    if let Some(Envelope { id, origin, .. }) = &refused.envelope
        && applied::is_applied(node.store.reader(), origin, id).await?
    {
        refused.step = Step::Skip;
    }
    Ok(refused)
}

/// Applies a batch of one partition: its last record's position is the new position.
pub(super) async fn apply(node: &Arc<Node>, batch: Vec<Prepared>) -> Result<(), ExchangeError> {
    match batch.last().map(|last| Place::of(&last.record)) {
        Some(place) => apply_up_to(node, batch, place).await,
        None => Ok(()),
    }
}

/// Applies a batch and advances to `place`. When the batch fails as a whole, its records are
/// applied one by one, and one that still fails while others succeed goes to the dead letters. A
/// store that does not work is no reason to give a record up: the topic is read again later.
pub(super) async fn apply_up_to(
    node: &Arc<Node>,
    batch: Vec<Prepared>,
    place: Place,
) -> Result<(), ExchangeError> {
    let Err(cause) = commit(node, &batch, &place).await else {
        return Ok(());
    };
    if cause.is_of_the_store() {
        return Err(cause.into());
    }
    tracing::warn!(bus.topic = place.topic, cause = %cause, "a batch failed, now record by record");
    for mut prepared in batch {
        let own = Place::of(&prepared.record);
        for attempt in 1..=ATTEMPTS_MAX {
            match commit(node, std::slice::from_ref(&prepared), &own).await {
                Ok(()) => break,
                Err(cause) if cause.is_of_the_store() => return Err(cause.into()),
                // The last try is the dead letter: when even that fails, the store is at fault,
                // not the record, and the topic is read again from the stored position.
                Err(cause) if attempt == ATTEMPTS_MAX => {
                    tracing::warn!(
                        bus.topic = own.topic,
                        bus.partition = own.partition,
                        bus.position = own.position,
                        cause = %cause,
                        "a message cannot be applied"
                    );
                    prepared.step = Step::Refuse(INTERNAL);
                    commit(node, std::slice::from_ref(&prepared), &own).await?;
                }
                Err(_) => tokio::time::sleep(ATTEMPT_WAIT).await,
            }
        }
    }
    let applied = positions::last(node.store.reader(), &place.topic, place.partition).await?;
    if applied.is_none_or(|applied| applied < place.position) {
        transient::advance(node, &place).await?;
    }
    Ok(())
}

async fn step_of(
    node: &Arc<Node>,
    lane: Lane,
    record: &BusRecord,
    checked: &mut Option<Envelope>,
) -> Result<Step, Failure> {
    let (types, recipient): (&'static [MessageType], Recipient) = match lane {
        Lane::Changes => (&[MessageType::DirectoryChange], Recipient::Anyone),
        Lane::Receipts => (&[MessageType::DirectoryReceipt], Recipient::ThisNode),
        Lane::Requests | Lane::Announcements | Lane::Replies | Lane::Files => (
            &[
                MessageType::LookupRequest,
                MessageType::FileRequest,
                MessageType::SealRequest,
                MessageType::SnapshotRequest,
            ],
            Recipient::ThisNode,
        ),
    };
    let envelope = incoming::check_with_news(node, record, types, recipient).await??;
    *checked = Some(envelope.clone());
    // Before an answer is made once more; the others are left out when they are marked.
    let is_asked = !matches!(lane, Lane::Changes | Lane::Receipts);
    let Envelope { id, origin, .. } = &envelope;
    if is_asked && applied::is_applied(node.store.reader(), origin, id).await? {
        return Ok(Step::Skip);
    }
    // Before anything else is said about it: nobody would hear that this node is busy either.
    if incoming::is_too_late(node, &envelope) {
        return Ok(Step::Skip);
    }
    if node.questions.is_one_too_many(&envelope) {
        return busy::answer(node, &envelope).await;
    }
    let step = match envelope.message_type {
        MessageType::DirectoryChange => changes::prepare_change(node, &envelope, record).await,
        MessageType::DirectoryReceipt => home::prepare_receipt(node, &envelope, record).await,
        MessageType::LookupRequest => national::answer_lookup(node, &envelope, record).await,
        MessageType::FileRequest => home::hand_out(node, &envelope, record).await,
        MessageType::SealRequest => home::answer_seal(node, &envelope, record).await,
        MessageType::SnapshotRequest => snapshot::answer(node, &envelope, record).await,
        MessageType::LookupReply
        | MessageType::FileChunk
        | MessageType::FileRefusal
        | MessageType::TrustItem
        | MessageType::SealReply
        | MessageType::SnapshotPage => Err(Failure::Unusable(incoming::ENVELOPE_MALFORMED)),
    };
    // What another node says about who asks stands in the leaf: as much as a leaf can hold.
    if let Ok(Step::Answer(answer)) = &step
        && answer.leaf.to_bytes().map_or(0, |bytes| bytes.len()) > ANSWER_LEAF_BYTES_MAX
    {
        return Err(incoming::BODY_MALFORMED.into());
    }
    step
}

async fn commit(node: &Node, batch: &[Prepared], place: &Place) -> Result<(), StoreError> {
    if batch
        .iter()
        .all(|prepared| matches!(prepared.step, Step::Skip))
    {
        return transient::advance(node, place).await;
    }
    let repeated = node
        .store
        .run_tx("apply_messages", |tx| {
            Box::pin(async move {
                let repeated = write(node, tx, batch).await?;
                positions::advance(tx, &place.topic, place.partition, place.position).await?;
                Ok::<_, StoreError>(repeated)
            })
        })
        .await?;
    metrics::counter!(measure::MESSAGES_REPEATED).increment(repeated as u64);
    node.outbox_wake.notify_one();
    Ok(())
}

/// Writes a batch in few statements, whatever its length: marks, effects, then what goes out and
/// what is recorded, in the order of the records. Answers how many were applied before.
pub(super) async fn write(
    node: &Node,
    tx: &mut Tx<'_>,
    batch: &[Prepared],
) -> Result<usize, StoreError> {
    let effective = mark(node, tx, batch).await?;
    let passed_over = |prepared: &&Prepared| matches!(prepared.step, Step::Skip);
    let repeated = batch.len() - batch.iter().filter(passed_over).count() - effective.len();
    let (mut changes, mut receipts) = (Vec::new(), Vec::new());
    for prepared in &effective {
        match &prepared.step {
            Step::Change(change) => changes.push(&**change),
            Step::Receipt(receipt) => receipts.push(&**receipt),
            Step::Skip | Step::Refuse(_) | Step::Answer(_) => {}
        }
    }
    let mut changed = changes::apply_all(node, tx, &changes).await?.into_iter();
    let mut received = home::take_receipts(node, tx, &receipts).await?.into_iter();
    let mut answers = Vec::with_capacity(effective.len());
    for prepared in effective {
        let answer = match &prepared.step {
            Step::Skip => None,
            Step::Refuse(reason) => Some(Cow::Owned(prepared.bury(node, *reason))),
            Step::Change(_) => changed.next().map(Cow::Owned),
            Step::Receipt(_) => received.next().map(Cow::Owned),
            Step::Answer(answer) => Some(Cow::Borrowed(&**answer)),
        };
        answers.extend(answer.map(|answer| (prepared.reference(), answer)));
    }
    record_all(node, tx, &answers).await?;
    Ok(repeated)
}

/// What goes out and what is recorded, in order, each with the message that brought it about.
pub(super) async fn record_all(
    node: &Node,
    tx: &mut Tx<'_>,
    answers: &[(MessageReference, Cow<'_, Answer>)],
) -> Result<(), StoreError> {
    let outgoing: Vec<&Outgoing> = answers
        .iter()
        .flat_map(|(_, answer)| &answer.outgoing)
        .collect();
    outbox::enqueue_all(tx, &outgoing).await?;
    for (reference, answer) in answers {
        let leaf = Leaf {
            message: Some(reference.clone()),
            ..answer.leaf.clone()
        };
        node.log.append(tx, leaf, answer.private.clone()).await?;
    }
    Ok(())
}

/// Marks the messages of a batch and leaves out what was applied before, also when that was
/// earlier in the same batch.
async fn mark<'b>(
    node: &Node,
    tx: &mut Tx<'_>,
    batch: &'b [Prepared],
) -> Result<Vec<&'b Prepared>, StoreError> {
    let names: Vec<(&str, &str)> = batch.iter().filter_map(Prepared::to_be_marked).collect();
    let mut marked = applied::mark_all(tx, &names, node.clock.now())
        .await?
        .into_iter();
    let mut is_effective = |prepared: &&Prepared| match prepared.to_be_marked() {
        Some(_) => marked.next().unwrap_or(false),
        None => matches!(prepared.step, Step::Refuse(_)),
    };
    Ok(batch
        .iter()
        .filter(|prepared| is_effective(prepared))
        .collect())
}
