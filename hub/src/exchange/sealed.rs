//! What only the receiving node may read: personal parts of entries, queries by holder, the
//! purposes of permits, files.
//!
//! Each sealing is bound to what it belongs to, so that sealed bytes of one message cannot be
//! put into another.

use std::sync::Arc;
use std::time::Instant;

use certs::columns::COLUMN_BYTES_MAX;
use certs::node_key::NodeKeys;
use certs::sealing;
use schemas::entry::{Entry, EntryPrivate, EntryPublic};
use schemas::message::{FileChunk, FileRequest, SealedBytes, private_from_json};
use schemas::permit::PermitRecord;

use crate::node::Node;
use crate::refusal::Refusal;

/// Binding of a query by holder.
pub(crate) const QUERY: &str = "hub.query.v1";

/// Sealed bytes that do not open: made for another node or another message, or changed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("sealed bytes do not open")]
pub(crate) struct NotOpened;

/// Seals for one node; see [`sealing::Sealer`].
pub(crate) struct SealerFor(Arc<sealing::Sealer>);

impl SealerFor {
    /// A sealer for node `to`, with the newest key that it has published.
    pub(crate) fn new(node: &Node, to: &str) -> Result<Self, Refusal> {
        let peers = node.peers();
        let keys = peers
            .find(to)
            .and_then(|peer| peer.sealing_keys(node.clock.now()))
            .ok_or_else(|| Refusal::UnknownPeer {
                node: to.to_owned(),
            })?;
        let sealer = node.sealers.at(keys, Instant::now());
        Ok(Self(sealer.map_err(Refusal::internal)?))
    }

    /// Seals bytes.
    pub(crate) fn seal(&self, binding: &str, plain: &[u8]) -> Result<SealedBytes, Refusal> {
        self.0
            .seal(binding.as_bytes(), plain)
            .map_err(Refusal::internal)
    }

    /// Seals the personal part of an entry.
    pub(crate) fn seal_private(&self, entry: &Entry) -> Result<SealedBytes, Refusal> {
        let plain = serde_json::to_vec(&entry.private).map_err(Refusal::internal)?;
        self.seal(&private_binding(&entry.public), &plain)
    }
}

/// Seals bytes to node `to`.
pub(crate) fn seal_for(
    node: &Node,
    to: &str,
    binding: &str,
    plain: &[u8],
) -> Result<SealedBytes, Refusal> {
    SealerFor::new(node, to)?.seal(binding, plain)
}

/// Opens what was sealed to the owner of `keys`. Takes a processor for a while.
pub(crate) fn open(
    keys: &NodeKeys,
    binding: &str,
    sealed: &SealedBytes,
) -> Result<Vec<u8>, NotOpened> {
    sealing::open(keys, binding.as_bytes(), sealed).map_err(|_| NotOpened)
}

/// Opens the personal part that belongs to `public`.
pub(crate) fn open_private(
    keys: &NodeKeys,
    public: &EntryPublic,
    sealed: &SealedBytes,
) -> Result<EntryPrivate, NotOpened> {
    let plain = open(keys, &private_binding(public), sealed)?;
    // What does not fit into the store's column is no personal part of a licence.
    if plain.len() > COLUMN_BYTES_MAX {
        return Err(NotOpened);
    }
    private_from_json(&plain).map_err(|_| NotOpened)
}

/// Whether a personal part fits into the store's column.
pub(crate) fn fits_column(private: &EntryPrivate) -> bool {
    serde_json::to_vec(private).is_ok_and(|plain| plain.len() <= COLUMN_BYTES_MAX)
}

/// Binding of one page of a home node's entries: whose, and behind which identifier.
pub(crate) fn snapshot_binding(home: &str, after: Option<&str>) -> String {
    format!("hub.snapshot.v1\n{home}\n{}", after.unwrap_or_default())
}

/// Seals the permit that a file request rests on to node `to`.
pub(crate) fn seal_permit(
    node: &Node,
    to: &str,
    permit: &PermitRecord,
    file_sm3: &str,
) -> Result<SealedBytes, Refusal> {
    let plain = serde_json::to_vec(permit).map_err(Refusal::internal)?;
    let binding = permit_binding(&permit.identifier, file_sm3);
    seal_for(node, to, &binding, &plain)
}

/// Opens the permit that belongs to a file request.
pub(crate) fn open_permit(node: &Node, request: &FileRequest) -> Result<PermitRecord, NotOpened> {
    let binding = permit_binding(&request.identifier, &request.file_sm3);
    let plain = open(&node.keys, &binding, &request.permit)?;
    serde_json::from_slice(&plain).map_err(|_| NotOpened)
}

fn permit_binding(identifier: &str, file_sm3: &str) -> String {
    format!("hub.permit.v1\n{identifier}\n{file_sm3}")
}

/// Binding of one chunk of a file: which licence, which file, which part of how many.
pub(crate) fn chunk_binding(identifier: &str, file_sm3: &str, number: u32, count: u32) -> String {
    format!("hub.chunk.v1\n{identifier}\n{file_sm3}\n{number}\n{count}")
}

/// Opens one chunk.
pub(crate) fn open_chunk(node: &Node, chunk: &FileChunk) -> Result<Vec<u8>, NotOpened> {
    let binding = chunk_binding(
        &chunk.identifier,
        &chunk.file_sm3,
        chunk.number,
        chunk.count,
    );
    open(&node.keys, &binding, &chunk.data)
}

fn private_binding(public: &EntryPublic) -> String {
    format!("hub.private.v1\n{}\n{}", public.identifier, public.revision)
}
