//! The register of a home node: the statuses of its seals, set by its registrars and pushed to all
//! nodes over the topic `trust`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemas::envelope::{MessageType, topic};
use schemas::leaf::Agent;
use schemas::seal_status::{SealReason, SealState, SealStatus};
use schemas::trust_item::{ItemState, TrustContent, TrustItem, seal_item_name};
use serde::{Deserialize, Serialize};

use crate::exchange::{self, outgoing::Draft};
use crate::node::Node;
use crate::refusal::Refusal;
use crate::store::StoreError;
use crate::store::idempotency::{self, KeptAnswer};
use crate::store::outbox::{self, Outgoing};
use crate::store::seal_statuses::{self, KeptStatus};
use crate::store::trust_items::{self, SignedItem};

/// The status that a seal is to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusWanted {
    /// `esID` of the seal.
    pub es_id: String,
    /// The status.
    pub status: SealState,
    /// From when on it holds; now when not given.
    #[serde(default)]
    pub since: Option<DateTime<Utc>>,
    /// Why.
    #[serde(default)]
    pub reason: SealReason,
}

/// What the register says about a seal.
///
/// # Errors
/// The register does not name it; the store fails.
pub async fn find(node: &Node, seal_sm3: &str) -> Result<SealStatus, Refusal> {
    let kept = seal_statuses::find(node.store.reader(), seal_sm3).await?;
    kept.map(|kept| kept.status).ok_or(Refusal::NotFound)
}

/// Sets the status of a seal: row, leaf and message to all nodes are one transaction. A request
/// that its caller sends again under the same `key` is answered as the first time.
///
/// # Errors
/// A malformed status, or one that cannot follow the present one; the key was used for another
/// request; the store fails.
pub async fn change_status_once(
    node: &Arc<Node>,
    key: &str,
    seal_sm3: &str,
    wanted: &StatusWanted,
    agent: &Agent,
) -> Result<SealStatus, Refusal> {
    let request = serde_json::to_vec(&(seal_sm3, wanted)).map_err(Refusal::internal)?;
    let request_sm3 = hex::encode(certs::digest::sm3(&request));
    // One at a time: the same request twice at once finds the answer of the first.
    let _one_at_a_time = node.registering.lock().await;
    let (reader, column_key) = (node.store.reader(), node.keys.column_key());
    let name = (agent.caller.as_str(), key);
    if let Some(kept) = idempotency::find(reader, name, column_key).await? {
        if kept.request_sm3 != request_sm3 {
            return Err(Refusal::IdempotencyKeyReused);
        }
        return serde_json::from_slice(&kept.body).map_err(Refusal::internal);
    }
    let planned = Planned::make(node, seal_sm3, wanted).await?;
    let status = planned.kept.status.clone();
    let answer = KeptAnswer {
        request_sm3,
        status: 200,
        body: serde_json::to_vec(&status).map_err(Refusal::internal)?,
    };
    let (planned, answer) = (&planned, &answer);
    node.store
        .run_tx("change_seal_status", |tx| {
            Box::pin(async move {
                let now = node.clock.now();
                seal_statuses::put(tx, &planned.kept, now).await?;
                exchange::trust::put(node, tx, &planned.signed, None, Some(agent)).await?;
                outbox::enqueue(tx, &planned.message).await?;
                idempotency::keep(tx, name, answer, node.keys.column_key(), now).await
            })
        })
        .await
        .map_err(|cause: StoreError| Refusal::from(cause))?;
    node.outbox_wake.notify_one();
    node.trust.refresh(node).await?;
    Ok(status)
}

/// A change that was checked and signed.
struct Planned {
    kept: KeptStatus,
    signed: SignedItem,
    message: Outgoing,
}

impl Planned {
    async fn make(
        node: &Arc<Node>,
        seal_sm3: &str,
        wanted: &StatusWanted,
    ) -> Result<Self, Refusal> {
        let now = node.clock.now();
        let since = wanted.since.unwrap_or(now);
        let reader = node.store.reader();
        let malformed = |cause: schemas::seal_status::SealStatusError| Refusal::BadRequest {
            code: cause.code(),
            field: "status".to_owned(),
        };
        let next = match seal_statuses::find(reader, seal_sm3).await? {
            Some(known) => known
                .status
                .followed_by(wanted.status, since, wanted.reason)
                .map_err(malformed)?,
            None => SealStatus {
                seal_sm3: seal_sm3.to_owned(),
                es_id: wanted.es_id.clone(),
                status: wanted.status,
                since,
                reason: wanted.reason,
                suspensions: Vec::new(),
            },
        };
        next.check().map_err(malformed)?;
        let item_name = seal_item_name(Some(&node.name), seal_sm3);
        let known = trust_items::serial(reader, &item_name).await?;
        let item = TrustItem {
            serial: next_serial(known, now),
            name: item_name,
            issued_at: now,
            state: ItemState::Listed,
            content: TrustContent::Seal(next.clone()),
        };
        let (item, message) = node
            .blocking(move |node| {
                let draft = Draft {
                    topic: topic::TRUST.to_owned(),
                    key: item.name.clone(),
                    message_type: MessageType::TrustItem,
                    recipient: None,
                    subject: Some(&item.name),
                    correlation: None,
                    deadline: None,
                };
                let message = draft.sign(node, &item);
                message.map(|message| (item, message))
            })
            .await?
            .map_err(Refusal::internal)?;
        Ok(Self {
            kept: KeptStatus {
                status: next,
                serial: item.serial,
            },
            signed: SignedItem {
                item,
                headers: message.headers.clone(),
                body: message.body.clone(),
            },
            message,
        })
    }
}

/// Milliseconds since 1970, or one more than the known serial: above it in any case, also for a
/// node that was restored from an older copy of its database.
pub(crate) fn next_serial(known: Option<u64>, now: DateTime<Utc>) -> u64 {
    let by_clock = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    by_clock.max(known.unwrap_or_default() + 1)
}
