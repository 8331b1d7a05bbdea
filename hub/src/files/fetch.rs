//! Getting a file by its digest: from memory, from the own library, from its home node.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use schemas::entry::{EntryPublic, FileReference};
use schemas::leaf::{Activity, Agent, EntityReference};
use schemas::message::{CHUNK_BYTES, FileChunk, FileRequest};

use super::Digested;
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
        let bytes = if public.home_node == node.name {
            read_original(node, public).await?
        } else {
            from_home_node(node, permit, public, file).await?
        };
        // What the directory names is what is kept and verified, nothing else.
        let fetched = Digested::of(node, bytes).await?;
        if fetched.sm3() != file.sm3 {
            return Err(Refusal::DigestMismatch);
        }
        record_fetched(node, permit, public, file).await?;
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

async fn from_home_node(
    node: &Arc<Node>,
    permit: &Permit,
    public: &EntryPublic,
    file: &FileReference,
) -> Result<Bytes, Refusal> {
    let home = public.home_node.as_str();
    let request = FileRequest {
        identifier: public.identifier.as_str().to_owned(),
        file_sm3: file.sm3.clone(),
        permit: sealed::seal_permit(node, home, permit.record(), &file.sm3)?,
    };
    let (mut ticket, deadline) = ask::file(node, home, &request, file.size_bytes).await?;
    let mut assembly = Assembly::new(&request, file)?;
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
            PeerAnswer::Lookup(_) | PeerAnswer::Seal(_) => return Err(ask::unasked(home)),
        }
    }
    Ok(assembly.bytes.freeze())
}

/// The parts of one file in their order.
struct Assembly<'a> {
    request: &'a FileRequest,
    size_bytes: usize,
    count: u32,
    next: u32,
    bytes: BytesMut,
}

impl<'a> Assembly<'a> {
    fn new(request: &'a FileRequest, file: &FileReference) -> Result<Self, Refusal> {
        let size_bytes = usize::try_from(file.size_bytes).map_err(Refusal::internal)?;
        let count = u32::try_from(size_bytes.div_ceil(CHUNK_BYTES)).map_err(Refusal::internal)?;
        Ok(Self {
            request,
            size_bytes,
            count,
            next: 0,
            bytes: BytesMut::new(),
        })
    }

    fn is_complete(&self) -> bool {
        self.next == self.count
    }

    /// Takes the next part. The home node sends the parts in order on one topic, so a part that
    /// is too early is a fault, not a matter of waiting; one that was sent twice is passed over.
    fn add(&mut self, chunk: &FileChunk, part: &[u8]) -> Result<(), Refusal> {
        if chunk.number < self.next {
            return Ok(());
        }
        let is_expected = chunk.identifier == self.request.identifier
            && chunk.file_sm3 == self.request.file_sm3
            && usize::try_from(chunk.size_bytes).is_ok_and(|size| size == self.size_bytes)
            && chunk.count == self.count
            && chunk.number == self.next
            && part.len() <= CHUNK_BYTES
            && self.bytes.len() + part.len() <= self.size_bytes
            && chunk.chunk_sm3 == hex::encode(certs::digest::sm3(part));
        if !is_expected {
            return Err(Refusal::DigestMismatch);
        }
        self.bytes.extend_from_slice(part);
        self.next += 1;
        if self.is_complete() && self.bytes.len() != self.size_bytes {
            return Err(Refusal::DigestMismatch);
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use schemas::message::SealedBytes;
    use schemas::verdict::FileKind;

    use super::*;

    const SIZE: usize = CHUNK_BYTES + 3;

    fn request() -> FileRequest {
        FileRequest {
            identifier: "id".to_owned(),
            file_sm3: "00".repeat(32),
            permit: nothing(),
        }
    }

    fn nothing() -> SealedBytes {
        SealedBytes {
            recipient_key: String::new(),
            sealed: String::new(),
        }
    }

    fn chunk(number: u32, part: &[u8]) -> FileChunk {
        FileChunk {
            identifier: "id".to_owned(),
            file_sm3: "00".repeat(32),
            size_bytes: SIZE as u64,
            number,
            count: 2,
            chunk_sm3: hex::encode(certs::digest::sm3(part)),
            data: nothing(),
        }
    }

    #[track_caller]
    fn check(name: &str, change: impl FnOnce(&mut FileChunk, &mut Vec<u8>), is_taken: bool) {
        let request = request();
        let file = FileReference {
            sm3: "00".repeat(32),
            size_bytes: SIZE as u64,
            kind: FileKind::Ofd,
        };
        let mut assembly = Assembly::new(&request, &file).expect("fits");
        assembly
            .add(&chunk(0, &[7; CHUNK_BYTES]), &[7; CHUNK_BYTES])
            .expect("the first part");
        let mut part = vec![8; 3];
        let mut last = chunk(1, &part);
        change(&mut last, &mut part);
        let is_complete = assembly.add(&last, &part).is_ok() && assembly.is_complete();
        assert_eq!(is_complete, is_taken, "{name}");
    }

    #[test]
    fn only_the_parts_that_were_asked_for_make_a_file() {
        check("as sent", |_, _| {}, true);
        check(
            "another licence",
            |chunk, _| chunk.identifier = "other".to_owned(),
            false,
        );
        check(
            "another file",
            |chunk, _| chunk.file_sm3 = "11".repeat(32),
            false,
        );
        check("another size", |chunk, _| chunk.size_bytes += 1, false);
        check("another count", |chunk, _| chunk.count = 3, false);
        check("the first again", |chunk, _| chunk.number = 0, false);
        check("a later part", |chunk, _| chunk.number = 2, false);
        check("other bytes", |_, part| *part = vec![9; 3], false);
        let longer = |chunk: &mut FileChunk, part: &mut Vec<u8>| {
            part.push(8);
            chunk.chunk_sm3 = hex::encode(certs::digest::sm3(part));
        };
        check("more bytes than the file has", longer, false);
        let shorter = |chunk: &mut FileChunk, part: &mut Vec<u8>| {
            part.pop();
            chunk.chunk_sm3 = hex::encode(certs::digest::sm3(part));
        };
        check("fewer bytes than the file has", shorter, false);
    }
}
