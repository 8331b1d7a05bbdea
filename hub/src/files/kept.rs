//! Parts of files that are kept until the file is whole, so that a fetch goes on where it ended:
//! after a restart of this node or of the home node, and after a caller did not wait.
//!
//! A part is kept as it came, sealed to this node: no byte of a file lies on disk in clear. It is
//! checked when it is used, like one that has just come, and the whole file at the end; what is
//! wrong is thrown away and asked for again. A file of one part is never kept.

use std::sync::Arc;

use bytes::Bytes;
use chrono::Duration;
use schemas::entry::{EntryPublic, FileReference};
use schemas::message::{CHUNK_BYTES, FileChunk};

use super::assembly::{Assembly, chunk_count};
use crate::exchange::sealed;
use crate::node::Node;
use crate::permits::event_id;
use crate::refusal::Refusal;
use crate::store::file_fetches::{self, FileFetch};
use crate::store::{StoreError, Tx};

/// Fetches whose parts are kept: as many as run at the same time.
const FETCHES_KEPT_MAX: usize = super::cache::FETCHES_MAX;

/// Bytes of the files whose parts are kept: twice what is put together at the same time. Sealed
/// and in base64 they take a third more of the database.
const FILES_KEPT_BYTES_MAX: u64 = 2 * super::cache::ASSEMBLING_BYTES_MAX;

/// Most bytes of a part as it came: a sealed part in base64 has some 700 KiB.
const BODY_KEPT_BYTES_MAX: usize = 768 * 1024;

/// How long parts are kept after they were last asked for: whoever still wants the file comes
/// again within minutes, and a permit is over sooner.
pub(crate) const FETCH_KEPT: Duration = Duration::hours(1);

/// Fetches forgotten in one transaction: each has up to 128 parts.
const FORGOTTEN_MAX: u32 = 16;

/// A part that came for a fetch of this node.
pub(crate) struct Arrived {
    fetch_id: String,
    number: u32,
    body: Bytes,
}

impl Arrived {
    /// The part of a checked message, if it is one of this fetch; `body` as it came.
    pub(crate) fn of(
        fetch: &FileFetch,
        origin: &str,
        chunk: &FileChunk,
        body: Bytes,
    ) -> Option<Self> {
        let is_part = origin == fetch.home_node
            && chunk.identifier == fetch.identifier
            && chunk.file_sm3 == fetch.file_sm3
            && chunk.size_bytes == fetch.size_bytes
            && body.len() <= BODY_KEPT_BYTES_MAX
            && chunk_count(fetch.size_bytes).is_ok_and(|count| chunk.number < count);
        is_part.then(|| Self {
            fetch_id: fetch.id.clone(),
            number: chunk.number,
            body,
        })
    }
}

/// Keeps parts of fetches that are not over.
pub(crate) async fn keep(node: &Node, arrived: &[Arrived]) -> Result<(), StoreError> {
    node.store
        .run_tx_without_leaf("keep_file_chunks", |tx| {
            Box::pin(async move {
                for part in arrived {
                    // Over since it was looked up: nothing would ever take the part away.
                    if file_fetches::find_by_id(&mut *tx, &part.fetch_id)
                        .await?
                        .is_some()
                    {
                        let (id, number) = (&part.fetch_id, part.number);
                        file_fetches::keep_chunk(tx, id, number, &part.body).await?;
                    }
                }
                Ok(())
            })
        })
        .await
}

/// Forgets the fetches that nobody asks for any more; how many.
pub(crate) async fn prune(node: &Node) -> Result<u64, StoreError> {
    let before = node.clock.now() - FETCH_KEPT;
    let mut gone = 0;
    loop {
        let rows: u64 = node
            .store
            .run_tx_without_leaf::<_, StoreError, _>("upkeep", |tx| {
                Box::pin(async move { file_fetches::prune(tx, before, FORGOTTEN_MAX).await })
            })
            .await?;
        gone += rows;
        if rows < u64::from(FORGOTTEN_MAX) {
            return Ok(gone);
        }
    }
}

/// Whether parts of a file are kept: it has several.
pub(super) fn is_kept(file: &FileReference) -> bool {
    usize::try_from(file.size_bytes).is_ok_and(|size| size > CHUNK_BYTES)
}

/// Goes on with the fetch of a file, or begins one; its name.
pub(super) async fn take_up(
    node: &Node,
    public: &EntryPublic,
    file: &FileReference,
) -> Result<String, Refusal> {
    let now = node.clock.now();
    let wanted = &FileFetch {
        id: event_id(now),
        file_sm3: file.sm3.clone(),
        identifier: public.identifier.as_str().to_owned(),
        home_node: public.home_node.clone(),
        size_bytes: file.size_bytes,
    };
    let id = node
        .store
        .run_tx_without_leaf::<_, StoreError, _>("take_up_fetch", |tx| {
            Box::pin(async move {
                let id = match file_fetches::find(&mut *tx, &wanted.file_sm3).await? {
                    Some(found) if is_same(&found, wanted) => {
                        file_fetches::touch(tx, &found.id, now).await?;
                        found.id
                    }
                    found => {
                        if let Some(other) = found {
                            file_fetches::forget(tx, &other.id).await?;
                        }
                        file_fetches::begin(tx, wanted, now).await?;
                        wanted.id.clone()
                    }
                };
                make_room(tx).await?;
                Ok(id)
            })
        })
        .await?;
    Ok(id)
}

/// Puts the parts that are kept to their places. What does not open or fit is thrown away.
pub(super) async fn restore(
    node: &Arc<Node>,
    fetch_id: &str,
    assembly: &mut Assembly<'_>,
) -> Result<(), Refusal> {
    for number in file_fetches::numbers(node.store.reader(), fetch_id).await? {
        let Some(body) = file_fetches::chunk(node.store.reader(), fetch_id, number).await? else {
            continue;
        };
        let opened = node
            .blocking(move |node| {
                let chunk: FileChunk = serde_json::from_slice(&body).ok()?;
                let part = sealed::open_chunk(node, &chunk).ok()?;
                Some((chunk, part))
            })
            .await?;
        let is_good = opened.is_some_and(|(chunk, part)| {
            chunk.number == number && assembly.add(&chunk, &part).is_ok()
        });
        if !is_good {
            tracing::warn!(number, "a kept part of a file is not usable, asking again");
            throw_away(node, fetch_id, number).await?;
        }
    }
    Ok(())
}

/// Forgets the fetch of a file with its parts: the file is whole, or they do not make it.
pub(super) async fn forget(node: &Node, file_sm3: &str) -> Result<(), StoreError> {
    node.store
        .run_tx_without_leaf("forget_fetch", |tx| {
            Box::pin(async move {
                match file_fetches::find(&mut *tx, file_sm3).await? {
                    Some(fetch) => file_fetches::forget(tx, &fetch.id).await,
                    None => Ok(()),
                }
            })
        })
        .await
}

async fn throw_away(node: &Node, fetch_id: &str, number: u32) -> Result<(), StoreError> {
    node.store
        .run_tx_without_leaf("throw_chunk_away", |tx| {
            Box::pin(async move { file_fetches::forget_chunk(tx, fetch_id, number).await })
        })
        .await
}

/// Forgets the fetches over the bounds, those first that were asked for longest ago.
async fn make_room(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let (mut fetches, mut bytes) = (0_usize, 0_u64);
    for (id, size_bytes) in file_fetches::newest_first(&mut *tx).await? {
        fetches += 1;
        bytes = bytes.saturating_add(size_bytes);
        if fetches > FETCHES_KEPT_MAX || bytes > FILES_KEPT_BYTES_MAX {
            file_fetches::forget(tx, &id).await?;
        }
    }
    Ok(())
}

fn is_same(one: &FileFetch, other: &FileFetch) -> bool {
    one.identifier == other.identifier
        && one.home_node == other.home_node
        && one.size_bytes == other.size_bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;
    use crate::store::tests::instant;

    async fn kept_after(sizes: &[u64]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let scratch = Scratch::new(folder.path()).await.expect("a database");
        let store = scratch.open().await.expect("a store");
        let kept = store
            .run_tx_without_leaf::<_, StoreError, _>("test", |tx| {
                Box::pin(async move {
                    for (number, size_bytes) in (0_u32..).zip(sizes) {
                        let fetch = FileFetch {
                            id: number.to_string(),
                            file_sm3: format!("{number:064}"),
                            identifier: "id".to_owned(),
                            home_node: "zhejiang".to_owned(),
                            size_bytes: *size_bytes,
                        };
                        let at = instant() + Duration::seconds(i64::from(number));
                        file_fetches::begin(tx, &fetch, at).await?;
                        file_fetches::keep_chunk(tx, &fetch.id, 0, b"part").await?;
                        make_room(tx).await?;
                    }
                    let mut kept = Vec::new();
                    for (id, _) in file_fetches::newest_first(&mut *tx).await? {
                        kept.push(id);
                    }
                    for number in 0..sizes.len() {
                        let id = number.to_string();
                        let parts = file_fetches::numbers(&mut *tx, &id).await?;
                        assert_eq!(parts.is_empty(), !kept.contains(&id), "parts of {id}");
                    }
                    Ok(kept)
                })
            })
            .await
            .expect("runs");
        store.close().await;
        kept
    }

    #[tokio::test]
    async fn the_oldest_fetches_make_room() {
        let small = vec![1; FETCHES_KEPT_MAX + 2];
        let kept = kept_after(&small).await;
        assert_eq!(kept.len(), FETCHES_KEPT_MAX);
        assert_eq!(kept.last().map(String::as_str), Some("2"));
        let large = super::super::FILE_BYTES_MAX;
        let fit = usize::try_from(FILES_KEPT_BYTES_MAX / large).expect("fits");
        let kept = kept_after(&vec![large; fit + 1]).await;
        assert_eq!(kept.len(), fit);
        assert_eq!(kept.last().map(String::as_str), Some("1"));
    }
}
