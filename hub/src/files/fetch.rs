//! Getting a file by its digest: from memory, from the own library, from its home node.

use std::sync::Arc;

use bytes::Bytes;
use schemas::entry::{EntryPublic, FileReference};
use schemas::leaf::{Activity, Agent, EntityReference};
use schemas::message::FileRequest;

use super::assembly::Assembly;
use super::{Digested, kept};
use crate::exchange::{PeerAnswer, ask, sealed};
use crate::node::Node;
use crate::permits::{self, Permit};
use crate::refusal::Refusal;
use crate::store::originals;

/// The file of an entry, with the digest that the entry names. The second value says whether it
/// was fetched now and not taken from memory.
pub(super) async fn fetch(
    node: &Arc<Node>,
    permit: &Permit,
    public: &EntryPublic,
    file: &FileReference,
) -> Result<(Digested, bool), Refusal> {
    let fetch = async {
        let _room = node.files.room(file.size_bytes)?;
        let is_own = public.home_node == node.name;
        let fetched = if is_own {
            Digested::of(node, read_original(node, public).await?).await?
        } else {
            from_home_node(node, permit, public, file).await?
        };
        // What the directory names is what is kept and verified, nothing else.
        if fetched.sm3() != file.sm3 {
            return Err(Refusal::DigestMismatch);
        }
        record_fetched(node, permit, public, file).await?;
        // Not before: a node that is killed until here has every part.
        if !is_own && kept::is_kept(file) {
            forget_kept(node, &file.sm3).await;
        }
        Ok(fetched)
    };
    node.files.file(&file.sm3, fetch).await
}

/// Reads the original of an entry from the node's own library.
pub(crate) async fn read_original(node: &Node, public: &EntryPublic) -> Result<Bytes, Refusal> {
    let source = node.source.as_ref().ok_or(Refusal::SourceUnavailable)?;
    let unavailable = |cause: connectors::source::SourceError| {
        tracing::warn!(code = cause.code(), "the library did not give a file");
        Refusal::SourceUnavailable
    };
    let identifier = public.identifier.as_str();
    let path = originals::find(node.store.reader(), identifier, node.keys.column_key())
        .await?
        .ok_or(Refusal::NoFile)?;
    source.read(&path).await.map_err(unavailable)
}

/// The file from its home node: what is kept of it is not asked for again.
async fn from_home_node(
    node: &Arc<Node>,
    permit: &Permit,
    public: &EntryPublic,
    file: &FileReference,
) -> Result<Digested, Refusal> {
    let identifier = public.identifier.as_str();
    loop {
        let mut assembly = Assembly::new(identifier, file)?;
        let mut fetch_id = None;
        if kept::is_kept(file) {
            let id = kept::take_up(node, public, file).await?;
            kept::restore(node, &id, &mut assembly).await?;
            fetch_id = Some(id);
        }
        let is_resumed = assembly.is_begun();
        let wanted = Wanted {
            permit,
            public,
            file,
            fetch_id: fetch_id.as_deref(),
        };
        wanted.complete(node, &mut assembly).await?;
        let fetched = Digested::of(node, assembly.into_bytes()).await?;
        if fetched.sm3() == file.sm3 || fetch_id.is_none() {
            return Ok(fetched);
        }
        // Each part was what its message said, and together they are not the file.
        kept::forget(node, &file.sm3).await?;
        if !is_resumed {
            return Ok(fetched);
        }
        tracing::warn!("the kept parts of a file do not make it, fetching it anew");
    }
}

/// What is asked for, and under which permit.
struct Wanted<'a> {
    permit: &'a Permit,
    public: &'a EntryPublic,
    file: &'a FileReference,
    fetch_id: Option<&'a str>,
}

impl Wanted<'_> {
    /// Asks the home node for the parts that are missing and waits for them.
    async fn complete(&self, node: &Arc<Node>, assembly: &mut Assembly<'_>) -> Result<(), Refusal> {
        if assembly.is_complete() {
            return Ok(());
        }
        let home = self.public.home_node.as_str();
        let chunks = match assembly.is_begun() {
            true => assembly.missing(),
            false => Vec::new(),
        };
        let request = FileRequest {
            identifier: self.public.identifier.as_str().to_owned(),
            file_sm3: self.file.sm3.clone(),
            permit: sealed::seal_permit(node, home, self.permit.record(), &self.file.sm3)?,
            chunks,
        };
        let size_bytes = self.file.size_bytes;
        let (mut ticket, deadline) =
            ask::file(node, home, &request, size_bytes, self.fetch_id).await?;
        while !assembly.is_complete() {
            match ticket.next(deadline).await? {
                PeerAnswer::Chunk(chunk) => {
                    let (binding, opened) = node
                        .blocking(move |node| {
                            let opened = sealed::open_chunk(node, &chunk);
                            (chunk, opened)
                        })
                        .await?;
                    let part = opened.map_err(|_| Refusal::DigestMismatch)?;
                    assembly.add(&binding, &part)?;
                }
                PeerAnswer::FileRefused(refusal) => {
                    return Err(ask::refused(home, &refusal.code));
                }
                _ => return Err(ask::unasked(home)),
            }
        }
        Ok(())
    }
}

/// The file is whole: that its parts stay a little longer is no reason to refuse it.
async fn forget_kept(node: &Node, file_sm3: &str) {
    if let Err(cause) = kept::forget(node, file_sm3).await {
        tracing::warn!(cause = %cause, "the parts of a whole file were not forgotten");
    }
}

async fn record_fetched(
    node: &Node,
    permit: &Permit,
    public: &EntryPublic,
    file: &FileReference,
) -> Result<(), Refusal> {
    let record = permit.record();
    let mut leaf = node.leaf(Activity::Fetch);
    leaf.identifier = Some(public.identifier.as_str().to_owned());
    leaf.entity = Some(EntityReference {
        revision: Some(public.revision),
        file_sm3: Some(file.sm3.clone()),
        peer: Some(public.home_node.clone()),
    });
    leaf.agent = Some(Agent {
        organisation: record.organisation.clone(),
        caller: record.caller.clone(),
    });
    leaf.permit = Some(permits::reference(record));
    node.record_read(leaf, None).await?;
    Ok(())
}
