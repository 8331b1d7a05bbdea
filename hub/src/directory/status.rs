//! Changes of status that a home node's registrars make: a new revision through the same path as
//! every other.

use std::sync::Arc;

use schemas::entry::Entry;
use schemas::identifier::Identifier;
use schemas::leaf::{Activity, Agent, EntityReference};
use schemas::status::LicenceStatus;
use serde::{Deserialize, Serialize};

use super::register::{announce, commit};
use super::registering::{Planned, Registering, sign_all, write_all};
use crate::node::Node;
use crate::refusal::Refusal;
use crate::store::idempotency::{self, KeptAnswer};
use crate::store::{StoreError, entries, registrations};

/// Result of a leaf about a status that was asked for and already there.
const UNCHANGED: &str = "UNCHANGED";

/// The status that a licence has after a change was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusChanged {
    /// The licence.
    pub identifier: Identifier,
    /// Revision of its entry.
    pub revision: u64,
    /// Its status.
    pub status: LicenceStatus,
}

/// Changes the status of a licence whose home is this node. The same status again changes
/// nothing.
///
/// # Errors
/// The licence is not known here or its home is another node; the store fails.
pub async fn change_status(
    node: &Arc<Node>,
    identifier: &Identifier,
    status: LicenceStatus,
    agent: Agent,
) -> Result<Entry, Refusal> {
    let _one_at_a_time = node.registering.lock().await;
    let (entry, registering) = plan(node, identifier, status, agent).await?;
    commit(node, registering.as_slice(), &[]).await?;
    Ok(entry)
}

/// The same for a request that its caller named with `key`: sent again, also after a restart, it
/// is answered as the first time and changes nothing. The answer is kept in the transaction of
/// the change.
///
/// # Errors
/// As [`change_status`]; the caller used the key before for another request.
pub async fn change_status_once(
    node: &Arc<Node>,
    key: &str,
    identifier: &Identifier,
    status: LicenceStatus,
    agent: Agent,
) -> Result<StatusChanged, Refusal> {
    let request = format!("status\n{identifier}\n{}", status.code());
    let request_sm3 = hex::encode(certs::digest::sm3(request.as_bytes()));
    // One at a time: the same request twice at once finds the answer of the first.
    let _one_at_a_time = node.registering.lock().await;
    let (reader, column_key) = (node.store.reader(), node.keys.column_key());
    let name = (agent.caller.clone(), key.to_owned());
    let name = (name.0.as_str(), name.1.as_str());
    if let Some(kept) = idempotency::find(reader, name, column_key).await? {
        if kept.request_sm3 != request_sm3 {
            return Err(Refusal::IdempotencyKeyReused);
        }
        return serde_json::from_slice(&kept.body).map_err(Refusal::internal);
    }
    let (entry, registering) = plan(node, identifier, status, agent.clone()).await?;
    let changed = StatusChanged {
        identifier: entry.public.identifier,
        revision: entry.public.revision,
        status: entry.public.status,
    };
    let body = serde_json::to_vec(&changed).map_err(Refusal::internal)?;
    let answer = KeptAnswer {
        request_sm3,
        status: 200,
        body,
    };
    keep(node, name, &answer, registering.as_ref(), &changed, &agent).await?;
    announce(node, registering.as_slice()).await;
    Ok(changed)
}

/// The entry as it will be, and what is to be committed for it; nothing when it already is so.
async fn plan(
    node: &Arc<Node>,
    identifier: &Identifier,
    status: LicenceStatus,
    agent: Agent,
) -> Result<(Entry, Option<Registering>), Refusal> {
    let key = node.keys.column_key();
    let mut entry = entries::find(node.store.reader(), identifier, key)
        .await?
        .filter(|entry| entry.public.home_node == node.name)
        .ok_or(Refusal::NotFound)?;
    let known = registrations::find(node.store.reader(), identifier.as_str())
        .await?
        .ok_or(Refusal::NotFound)?;
    if entry.public.status == status {
        return Ok((entry, None));
    }
    entry.public.status = status;
    entry.public.revision = known.revision.max(entry.public.revision) + 1;
    // The token stays: the library itself has not changed, and its next reading is no change.
    let planned = Planned {
        entry: entry.clone(),
        content_token: known.content_token,
        original: None,
        library_status: known.library_status,
        agent: Some(agent),
    };
    let signed = node.blocking(move |node| sign_all(node, vec![planned]));
    Ok((entry, signed.await??.pop()))
}

async fn keep(
    node: &Node,
    name: (&str, &str),
    answer: &KeptAnswer,
    registering: Option<&Registering>,
    changed: &StatusChanged,
    agent: &Agent,
) -> Result<(), Refusal> {
    node.store
        .run_tx("change_status", |tx| {
            Box::pin(async move {
                match registering {
                    Some(registering) => {
                        write_all(node, tx, &[registering], node.clock.now()).await?;
                    }
                    None => {
                        let mut leaf = node.leaf(Activity::Register);
                        leaf.identifier = Some(changed.identifier.as_str().to_owned());
                        leaf.entity = Some(EntityReference {
                            revision: Some(changed.revision),
                            ..EntityReference::default()
                        });
                        leaf.agent = Some(agent.clone());
                        leaf.result = UNCHANGED.to_owned();
                        node.log.append(tx, leaf, None).await?;
                    }
                }
                let now = node.clock.now();
                idempotency::keep(tx, name, answer, node.keys.column_key(), now).await?;
                Ok::<_, StoreError>(())
            })
        })
        .await?;
    Ok(())
}
