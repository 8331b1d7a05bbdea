//! The topic `trust`: what the operator says, and what home nodes say of their own seals.
//!
//! One task reads it in order. Each record is checked – signed by the operator, or by the home
//! node that the item's name says, of this topic, well-formed – and then taken in with its
//! position and its leaf in one transaction. An item whose serial is not above the known one
//! changes nothing, now or after any restart. What cannot be used goes to the dead letters, as on
//! every other topic.

use std::sync::Arc;
use std::time::Duration;

use certs::trust::{Material, check_item};
use connectors::bus::{BusRecord, Sharing};
use schemas::envelope::{Envelope, MessageType, OPERATOR, topic};
use schemas::leaf::{Activity, Agent, EntityReference, ItemReference, MessageReference};
use schemas::trust_item::{TrustContent, TrustItem};
use tokio_util::sync::CancellationToken;

use super::apply;
use super::incoming::{self, Recipient, Unusable};
use super::prepared::{Place, Prepared};
use super::{BACKOFF_FIRST, BACKOFF_LAST, ExchangeError, StoredPositions};
use crate::node::Node;
use crate::store::trust_items::{self, Put, SignedItem};
use crate::store::{StoreError, Tx, positions};

/// How often a node that waits for news asks whether the bus still works: its age of trust is
/// exact to this.
const SEEN_EVERY: Duration = Duration::from_secs(5);

/// How long that question may take: news wait behind it.
const HEALTH_WAIT: Duration = Duration::from_secs(2);

/// Items taken in in one transaction: see the batches of the other topics.
const BATCH_ITEMS_MAX: usize = 64;

const NOT_OPERATOR: Unusable = Unusable("TRUST_ITEM_ORIGIN");
const OLD_SERIAL: Unusable = Unusable("TRUST_ITEM_SERIAL");
const MALFORMED: Unusable = Unusable("TRUST_ITEM_MALFORMED");

/// Reads the topic until `stop`.
pub(super) async fn follow(node: Arc<Node>, stop: CancellationToken) {
    let mut backoff = BACKOFF_FIRST;
    while !stop.is_cancelled() {
        let Err(error) = read(&node, &stop, &mut backoff).await else {
            continue;
        };
        tracing::warn!(
            bus.topic = topic::TRUST,
            cause = %error,
            "reading failed, trying again"
        );
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(backoff) => {}
        }
        backoff = (backoff * 2).min(BACKOFF_LAST);
    }
}

async fn read(
    node: &Arc<Node>,
    stop: &CancellationToken,
    backoff: &mut Duration,
) -> Result<(), ExchangeError> {
    let positions = Arc::new(StoredPositions(node.store.clone()));
    let mut subscription = node
        .bus
        .subscribe(topic::TRUST, Sharing::Whole, positions)
        .await?;
    // Another process of this node may have taken in what this one has not seen.
    node.trust.refresh(node).await?;
    let mut look = tokio::time::interval(SEEN_EVERY);
    loop {
        let records = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            records = subscription.next() => records?,
            // Nothing has come, so everything that had come was taken in.
            _ = look.tick() => {
                let healthy = tokio::time::timeout(HEALTH_WAIT, node.bus.healthy()).await;
                if matches!(healthy, Ok(Ok(()))) {
                    node.trust.saw_end(node.clock.now());
                }
                continue;
            }
        };
        take(node, records).await?;
        node.trust.saw_end(node.clock.now());
        *backoff = BACKOFF_FIRST;
    }
}

/// One record, checked.
struct Checked {
    record: BusRecord,
    envelope: Option<Envelope>,
    outcome: Result<Box<SignedItem>, Unusable>,
}

async fn take(node: &Arc<Node>, records: Vec<BusRecord>) -> Result<(), ExchangeError> {
    let mut batch = Vec::new();
    for record in records {
        let checked = check(node, record).await?;
        let decides = checked.decides_about_others();
        batch.push(checked);
        // What follows is checked with the keys that this item brings.
        if decides || batch.len() >= BATCH_ITEMS_MAX {
            apply(node, &std::mem::take(&mut batch)).await?;
        }
    }
    apply(node, &batch).await
}

async fn apply(node: &Arc<Node>, batch: &[Checked]) -> Result<(), ExchangeError> {
    let Some(place) = batch.last().map(|last| Place::of(&last.record)) else {
        return Ok(());
    };
    let place = &place;
    let done: Result<(), StoreError> = node
        .store
        .run_tx("apply_trust", |tx| {
            Box::pin(async move {
                for checked in batch {
                    checked.apply(node, tx).await?;
                }
                positions::advance(tx, &place.topic, place.partition, place.position).await
            })
        })
        .await;
    match done {
        // Another process of this node was faster: what it took in is in the database.
        Ok(()) | Err(StoreError::PositionBackwards { .. }) => {}
        Err(cause) => return Err(cause.into()),
    }
    node.outbox_wake.notify_one();
    Ok(node.trust.refresh(node).await?)
}

async fn check(node: &Arc<Node>, record: BusRecord) -> Result<Checked, ExchangeError> {
    let types = &[MessageType::TrustItem];
    let checked = incoming::check_with_news(node, &record, types, Recipient::Anyone).await;
    let mut envelope = None;
    let outcome = match checked {
        Ok(Ok(known)) => {
            let item = item_of(&known, &record);
            envelope = Some(known);
            item
        }
        Ok(Err(reason)) => Err(reason),
        Err(cause) => {
            tracing::error!(cause = %cause, "a trust item could not be checked");
            Err(incoming::INTERNAL)
        }
    };
    Ok(Checked {
        record,
        envelope,
        outcome,
    })
}

/// The item of a record whose signature holds, when whoever signed it may say that; else the code
/// of the reason.
pub(crate) fn said_item(
    envelope: &Envelope,
    record: &BusRecord,
) -> Result<TrustItem, &'static str> {
    let signed = item_of(envelope, record).map_err(|reason| reason.0)?;
    Ok(signed.item)
}

fn item_of(envelope: &Envelope, record: &BusRecord) -> Result<Box<SignedItem>, Unusable> {
    let item: TrustItem = incoming::body(record)?;
    let material = check_item(&item).map_err(|_| MALFORMED)?;
    // The key decides what the topic keeps: under another one an item would push another out.
    if record.key != item.name {
        return Err(MALFORMED);
    }
    let may_say = match (&material, item.seal_home()) {
        (Material::Seal, Some(home)) => envelope.origin == home,
        _ => envelope.origin == OPERATOR,
    };
    if !may_say {
        return Err(NOT_OPERATOR);
    }
    Ok(Box::new(SignedItem {
        item,
        headers: record.headers.clone(),
        body: record.body.to_vec(),
    }))
}

impl Checked {
    /// Whether records after this one may have to be checked differently.
    fn decides_about_others(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|signed| {
            matches!(
                signed.item.content,
                TrustContent::Operator { .. } | TrustContent::Node(_)
            )
        })
    }

    async fn apply(&self, node: &Node, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let reason = match &self.outcome {
            Ok(signed) => match put(node, tx, signed, self.message(), None).await? {
                Put::Applied { .. } | Put::Same => return Ok(()),
                Put::Older => OLD_SERIAL,
            },
            Err(reason) => *reason,
        };
        let (record, envelope) = (self.record.clone(), self.envelope.clone());
        apply::write(node, tx, &[Prepared::refused(record, envelope, reason)]).await?;
        Ok(())
    }

    fn message(&self) -> Option<MessageReference> {
        let place = Place::of(&self.record);
        Some(MessageReference {
            id: self.envelope.as_ref()?.id.clone(),
            topic: Some(place.topic),
            partition: Some(place.partition).filter(|partition| *partition != 0),
            position: Some(place.position),
        })
    }
}

/// Takes an item in with its leaf, in a transaction of the caller.
pub(crate) async fn put(
    node: &Node,
    tx: &mut Tx<'_>,
    signed: &SignedItem,
    message: Option<MessageReference>,
    agent: Option<&Agent>,
) -> Result<Put, StoreError> {
    let put = trust_items::put(tx, signed, node.clock.now()).await?;
    if matches!(put, Put::Applied { .. }) {
        let mut leaf = node.leaf(Activity::Trust);
        leaf.item = Some(ItemReference {
            name: signed.item.name.clone(),
            serial: Some(signed.item.serial),
        });
        let peer = signed.item.seal_home().map(str::to_owned);
        leaf.entity = peer.map(|peer| EntityReference {
            peer: Some(peer),
            ..EntityReference::default()
        });
        leaf.message = message;
        leaf.agent = agent.cloned();
        node.log.append(tx, leaf, None).await?;
    }
    Ok(put)
}
