//! The provenance log: every change and every read as a leaf of an append-only Merkle tree
//! (RFC 6962 shape), with signed heads and proofs that an auditor verifies offline.
//!
//! Changes append inside their own transaction ([`ProvenanceLog::append`], invariant 2). Reads go
//! through the [`Recorder`], which answers after the record is durable. [`fsck`] recomputes
//! everything from the stored leaves.

pub mod fsck;
mod recorder;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use certs::merkle::{LogHash, consistency_path, inclusion_nodes, inclusion_path, root_of_subtrees};
use certs::node_key::NodeKeys;
use certs::note::{NoteError, sign_checkpoint};
use chrono::{DateTime, Utc};
use schemas::leaf::{LEAF_BYTES_MAX, Leaf, PrivateDetail};
use schemas::proof::{Checkpoint, Proof};
use uuid::Uuid;

pub use recorder::{QUEUE_MAX, RETRY_AFTER_S, RecordError, Recorder};

use crate::store::heads::StoredHead;
use crate::store::leaves::{NodeHashes, StoredLeaf};
use crate::store::log::NewLeaf;
use crate::store::{Store, StoreError, Tx, heads, leaves, log};

/// Most leaves of one trail page: one page with its proofs is a few megabytes.
pub const TRAIL_PAGE_MAX: u32 = 1_000;

/// Bytes of salt before a private detail: twice a security level of 128 bits.
const SALT_BYTES: usize = 32;

/// The log of one node. Cheap to clone.
#[derive(Clone)]
pub struct ProvenanceLog(Arc<Inner>);

struct Inner {
    node: String,
    origin: String,
    keys: Arc<NodeKeys>,
}

/// One leaf of a trail with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailItem {
    /// Index in the node's log.
    pub index: u64,
    /// The leaf as it was hashed.
    pub bytes: Vec<u8>,
    /// The leaf's proof, text of `c2sp.org/tlog-proof@v1`, with the leaf inside.
    pub proof: String,
}

/// Why a head or proof cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ProvenanceError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The head cannot be signed.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The log has no such leaf, or not yet that many.
    #[error("the log does not reach that far")]
    Beyond,
    /// A node of the tree is missing: `hub log fsck` says which.
    #[error("a node of the tree is missing")]
    MissingNode,
}

/// Name of a node's log: first line and key name of its heads. \[P\] profile.
#[must_use]
pub fn origin_of(node: &str) -> String {
    format!("hub.{node}")
}

/// The node whose log has this name.
pub(crate) fn node_of(origin: &str) -> Option<&str> {
    origin.strip_prefix("hub.")
}

impl ProvenanceLog {
    /// Opens the log of a node's database; creates it, on SM3, in a new one.
    ///
    /// # Errors
    /// A database that holds another node's log, failures of the database.
    pub async fn open(store: &Store, node: &str, keys: &Arc<NodeKeys>) -> Result<Self, StoreError> {
        let origin = origin_of(node);
        let name = origin.as_str();
        if log::state(store.reader()).await?.is_none() {
            // No change of state: the log is there before its first leaf can be.
            store
                .run_tx_without_leaf("create_log", |tx| {
                    Box::pin(async move { log::create(tx, name, LogHash::Sm3).await })
                })
                .await?;
        }
        let found = log::state(store.reader())
            .await?
            .ok_or(StoreError::NoLog)?
            .origin;
        if found != origin {
            return Err(StoreError::OtherLog {
                found,
                expected: origin,
            });
        }
        Ok(Self(Arc::new(Inner {
            node: node.to_owned(),
            origin,
            keys: Arc::clone(keys),
        })))
    }

    /// Name of the log: first line and key name of its heads.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// Appends a leaf in the caller's transaction and answers its index. The private detail is
    /// sealed and stored apart; the leaf gets its salted digest.
    ///
    /// # Errors
    /// A leaf that is too long, failures of the database.
    pub async fn append(
        &self,
        tx: &mut Tx<'_>,
        leaf: Leaf,
        private: Option<PrivateDetail>,
    ) -> Result<u64, StoreError> {
        let leaf = self.prepare(leaf, private)?;
        log::append(tx, leaf).await
    }

    /// The signed head of the log as it is now. Signed once per size and kept.
    ///
    /// # Errors
    /// Failures of the database or of the signature.
    pub async fn head(
        &self,
        store: &Store,
        at: DateTime<Utc>,
    ) -> Result<StoredHead, ProvenanceError> {
        let state = log::state(store.reader()).await?.ok_or(StoreError::NoLog)?;
        if let Some(head) = heads::latest(store.reader()).await?
            && head.size == state.size
        {
            return Ok(head);
        }
        let root = root_of_subtrees(state.hash, &state.frontier);
        let checkpoint = Checkpoint {
            origin: state.origin,
            size: state.size,
            root,
        };
        let note = sign_checkpoint(&checkpoint, &self.0.origin, &self.0.keys)?;
        let head = StoredHead {
            size: state.size,
            root,
            note,
        };
        let signed = &head;
        // No change of state: a head says only what the leaves already say.
        store
            .run_tx_without_leaf("sign_head", |tx| {
                Box::pin(async move { heads::insert(tx, signed, at).await })
            })
            .await?;
        // Two at once may have signed this size: the one that was stored is the head.
        let stored = heads::page(store.reader(), head.size, 1)
            .await?
            .into_iter()
            .next();
        Ok(stored.unwrap_or(head))
    }

    /// Proof of one leaf, with the leaf inside, under the latest head or a new one.
    ///
    /// # Errors
    /// [`ProvenanceError::Beyond`] when there is no such leaf; failures of the database.
    pub async fn proof(
        &self,
        store: &Store,
        index: u64,
        at: DateTime<Utc>,
    ) -> Result<Proof, ProvenanceError> {
        let leaf = leaves::find(store.reader(), index)
            .await?
            .ok_or(ProvenanceError::Beyond)?;
        let mut proofs = self.proofs(store, vec![leaf], at).await?;
        proofs
            .pop()
            .map(|(_, proof)| proof)
            .ok_or(ProvenanceError::Beyond)
    }

    /// Leaves about one licence version with their proofs, oldest first, from an index on; at
    /// most [`TRAIL_PAGE_MAX`].
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn trail(
        &self,
        store: &Store,
        identifier: &str,
        from: u64,
        at: DateTime<Utc>,
    ) -> Result<Vec<TrailItem>, ProvenanceError> {
        let found = leaves::of_identifier(store.reader(), identifier, from, TRAIL_PAGE_MAX).await?;
        let proofs = self.proofs(store, found, at).await?;
        let item = |(leaf, proof): (StoredLeaf, Proof)| TrailItem {
            index: leaf.index,
            bytes: leaf.bytes,
            proof: proof.to_text(),
        };
        Ok(proofs.into_iter().map(item).collect())
    }

    /// Hashes from the leaf's sibling up to the root of the tree of `size` leaves.
    ///
    /// # Errors
    /// [`ProvenanceError::Beyond`] when the log has no such leaf or size.
    pub async fn inclusion_proof(
        &self,
        store: &Store,
        index: u64,
        size: u64,
    ) -> Result<Vec<[u8; 32]>, ProvenanceError> {
        let state = log::state(store.reader()).await?.ok_or(StoreError::NoLog)?;
        if index >= size || size > state.size {
            return Err(ProvenanceError::Beyond);
        }
        let hashes = leaves::nodes(store.reader(), &inclusion_needs(index, size)).await?;
        inclusion_path(state.hash, index, size, |level, index| {
            node(&hashes, level, index)
        })
    }

    /// Hashes that show that the tree of `new_size` leaves continues that of `old_size`.
    ///
    /// # Errors
    /// [`ProvenanceError::Beyond`] when the log has not that many leaves, or the old size is
    /// the greater one.
    pub async fn consistency_proof(
        &self,
        store: &Store,
        old_size: u64,
        new_size: u64,
    ) -> Result<Vec<[u8; 32]>, ProvenanceError> {
        let state = log::state(store.reader()).await?.ok_or(StoreError::NoLog)?;
        if old_size > new_size || new_size > state.size {
            return Err(ProvenanceError::Beyond);
        }
        let needs: Vec<_> = certs::merkle::consistency_nodes(old_size, new_size)
            .into_iter()
            .flat_map(|need| need.subtrees)
            .collect();
        let hashes = leaves::nodes(store.reader(), &needs).await?;
        consistency_path(state.hash, old_size, new_size, |level, index| {
            node(&hashes, level, index)
        })
    }

    /// The bytes of a leaf and what is stored beside them.
    fn prepare(
        &self,
        mut leaf: Leaf,
        private: Option<PrivateDetail>,
    ) -> Result<NewLeaf, StoreError> {
        let private = private.filter(|detail| *detail != PrivateDetail::default());
        let sealed = match private {
            Some(detail) => {
                let salted = salted(&detail)?;
                leaf.private_sm3 = Some(hex::encode(certs::digest::sm3(&salted)));
                Some(self.seal(&leaf.id, &salted)?)
            }
            None => None,
        };
        let bytes = leaf.to_bytes().map_err(|_| StoreError::Leaf)?;
        if bytes.len() > LEAF_BYTES_MAX {
            return Err(StoreError::Leaf);
        }
        Ok(NewLeaf {
            bytes,
            identifier: leaf.identifier,
            private: sealed,
        })
    }

    fn seal(&self, leaf_id: &str, salted: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.0
            .keys
            .column_key()
            .seal(&associated(leaf_id), salted)
            .map_err(|_| StoreError::Column { column: SEALED })
    }

    /// Proofs of leaves in the order given, all under one head.
    async fn proofs(
        &self,
        store: &Store,
        leaves: Vec<StoredLeaf>,
        at: DateTime<Utc>,
    ) -> Result<Vec<(StoredLeaf, Proof)>, ProvenanceError> {
        let Some(last) = leaves.iter().map(|leaf| leaf.index).max() else {
            return Ok(Vec::new());
        };
        let head = match heads::latest(store.reader()).await? {
            Some(head) if head.size > last => head,
            _ => self.head(store, at).await?,
        };
        let mut needs: Vec<_> = leaves
            .iter()
            .flat_map(|leaf| inclusion_needs(leaf.index, head.size))
            .collect();
        needs.sort_unstable();
        needs.dedup();
        let state = log::state(store.reader()).await?.ok_or(StoreError::NoLog)?;
        let hashes = leaves::nodes(store.reader(), &needs).await?;
        leaves
            .into_iter()
            .map(|leaf| {
                let path = inclusion_path(state.hash, leaf.index, head.size, |level, index| {
                    node(&hashes, level, index)
                })?;
                let proof = Proof {
                    extra: Some(leaf.bytes.clone()),
                    index: leaf.index,
                    path,
                    checkpoint: head.note.clone(),
                };
                Ok((leaf, proof))
            })
            .collect()
    }
}

impl std::fmt::Debug for ProvenanceLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("ProvenanceLog")
            .field(&self.0.node)
            .finish()
    }
}

const SEALED: &str = "log_private.sealed";

/// Binds a sealed private detail to its leaf.
fn associated(leaf_id: &str) -> Vec<u8> {
    format!("{SEALED}:{leaf_id}").into_bytes()
}

/// Fresh salt and the detail's JSON. The salt keeps the digest in the leaf from being guessed;
/// erasing it with the detail makes the digest mean nothing.
fn salted(detail: &PrivateDetail) -> Result<Vec<u8>, StoreError> {
    let mut salted = Vec::with_capacity(SALT_BYTES + 256);
    for _ in 0..SALT_BYTES / 16 {
        salted.extend_from_slice(Uuid::new_v4().as_bytes());
    }
    serde_json::to_writer(&mut salted, detail).map_err(|_| StoreError::Leaf)?;
    Ok(salted)
}

fn inclusion_needs(index: u64, size: u64) -> Vec<(u32, u64)> {
    inclusion_nodes(index, size)
        .into_iter()
        .flat_map(|need| need.subtrees)
        .collect()
}

fn node(hashes: &NodeHashes, level: u32, index: u64) -> Result<[u8; 32], ProvenanceError> {
    hashes
        .get(&(level, index))
        .copied()
        .ok_or(ProvenanceError::MissingNode)
}
