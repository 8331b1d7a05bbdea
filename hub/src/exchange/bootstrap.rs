//! The present entries of every home node, for a national node that does not have them: its
//! database is new, and the beginning of the stream of changes may be gone.
//!
//! It asks for one page after the other. A page is applied as a batch of the changes that carried
//! its entries, and its cursor moves in the same transaction: after a kill it goes on there. The
//! stream goes on meanwhile; what came by both ways has its effect once, because a page names the
//! message of each entry, and because the newest revision wins.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use schemas::entry::Entry;
use schemas::leaf::{Activity, EntityReference, Leaf};
use schemas::message::{SNAPSHOT_ENTRIES_MAX, SealedBytes, SnapshotEntry, SnapshotPage};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::apply::record_all;
use super::changes::{self, Change};
use super::incoming::{BODY_MALFORMED, NAME_BYTES_MAX, Unusable, WRONG_ORIGIN};
use super::{BACKOFF_FIRST, ask, sealed};
use crate::config::Role;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::store::{StoreError, Tx, applied, snapshots};

/// Home nodes that are asked at the same time: one that is away holds the others up for no longer
/// than a question waits, and pages of a few fill the time of the one transaction at a time.
const HOMES_AT_ONCE: usize = 4;

/// Longest wait before homes that did not answer are asked again: they may be away for days.
const WAIT_LAST: Duration = Duration::from_secs(60);

/// How long nothing is looked for once everything was taken, unless there is news of nodes.
const REST: Duration = Duration::from_secs(60);

/// A page that was opened and held against the rules.
struct Page {
    changes: Vec<Change>,
    next: Option<String>,
}

/// Takes the entries of every home node that were not taken yet.
pub(super) async fn follow(node: Arc<Node>, stop: CancellationToken) {
    let mut wait = BACKOFF_FIRST;
    while !stop.is_cancelled() {
        let seen = node.trust.state().epoch;
        if round(&node, &stop).await {
            wait = BACKOFF_FIRST;
            tokio::select! {
                () = stop.cancelled() => return,
                _ = node.trust.is_news_after(seen, Instant::now() + REST) => {}
            }
        } else {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(WAIT_LAST);
        }
    }
}

/// Asks every home node whose entries were not taken to the end; whether none is left.
async fn round(node: &Arc<Node>, stop: &CancellationToken) -> bool {
    let peers = node.peers();
    let homes: Vec<String> = peers
        .iter()
        .filter(|(name, peer)| *name != node.name && peer.role == Role::Province && !peer.revoked)
        .map(|(name, _)| name.to_owned())
        .collect();
    let taken = stream::iter(homes).map(|home| async move {
        let done = take_all(node, &home, stop).await;
        if let Err(refusal) = &done {
            let code = refusal.code();
            tracing::info!(
                peer = home,
                code,
                "entries of a home node are not all here yet"
            );
        }
        done.is_ok()
    });
    let taken = taken.buffer_unordered(HOMES_AT_ONCE);
    taken.fold(true, async |all, one| all && one).await
}

async fn take_all(node: &Arc<Node>, home: &str, stop: &CancellationToken) -> Result<(), Refusal> {
    loop {
        let taken = snapshots::find(node.store.reader(), home).await?;
        if taken.is_complete {
            return Ok(());
        }
        let after = taken.cursor;
        // Only waiting is cut short: a page that came is applied.
        let page = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            page = ask::snapshot(node, home, after.as_deref()) => page?,
        };
        let (entries, next) = match page {
            SnapshotPage::Page { entries, next } => (entries, next),
            SnapshotPage::Refused { code } => return Err(ask::refused(home, &code)),
        };
        let (name, cursor) = (home.to_owned(), after.clone());
        let opened = node
            .blocking(move |node| open(node, &name, cursor.as_deref(), &entries, next))
            .await?;
        match opened {
            Ok(page) => take(node, home, after.as_deref(), &page).await?,
            Err(reason) => {
                refuse(node, home, reason).await?;
                return Err(ask::refused(home, reason.0));
            }
        }
    }
}

/// Opens a page: every entry is the home node's own, and they stand in order behind the cursor.
fn open(
    node: &Node,
    home: &str,
    after: Option<&str>,
    entries: &SealedBytes,
    next: Option<String>,
) -> Result<Page, Unusable> {
    let binding = sealed::snapshot_binding(home, after);
    let plain = sealed::open(&node.keys, &binding, entries).map_err(|_| BODY_MALFORMED)?;
    let entries: Vec<SnapshotEntry> = serde_json::from_slice(&plain).map_err(|_| BODY_MALFORMED)?;
    let mut last = after.unwrap_or_default().to_owned();
    let mut changes = Vec::with_capacity(entries.len().min(SNAPSHOT_ENTRIES_MAX));
    for one in entries {
        if one.entry.home_node != home {
            return Err(WRONG_ORIGIN);
        }
        let identifier = one.entry.identifier.as_str();
        let is_sound = identifier > last.as_str()
            && changes.len() < SNAPSHOT_ENTRIES_MAX
            && changes::has_sound_revision(&one.entry)
            && one.message_id.len() <= NAME_BYTES_MAX
            && !one.message_id.chars().any(char::is_control)
            && sealed::fits_column(&one.private);
        if !is_sound {
            return Err(BODY_MALFORMED);
        }
        identifier.clone_into(&mut last);
        let entry = Entry {
            public: one.entry,
            private: one.private,
        };
        let mut change = Change::of(node, entry, one.message_id, home.to_owned());
        change.told = one.outcome;
        changes.push(change);
    }
    // Each page goes on: a home node cannot keep this one asking in a circle.
    let goes_on = |next: &String| *next >= last && Some(next.as_str()) > after;
    if !next.as_ref().is_none_or(goes_on) {
        return Err(BODY_MALFORMED);
    }
    Ok(Page { changes, next })
}

/// Applies a page: effects, cursor and leaves in one transaction.
async fn take(
    node: &Arc<Node>,
    home: &str,
    after: Option<&str>,
    page: &Page,
) -> Result<(), StoreError> {
    node.store
        .run_tx("apply_snapshot", |tx| {
            Box::pin(async move {
                let taken = snapshots::find(&mut *tx, home).await?;
                // A commit that counted as lost took place after all.
                if taken.is_complete || taken.cursor.as_deref() != after {
                    return Ok(());
                }
                write(node, tx, &page.changes).await?;
                let now = node.clock.now();
                snapshots::put(tx, home, page.next.as_deref(), now).await?;
                node.log.append(tx, leaf(node, home), None).await?;
                Ok::<_, StoreError>(())
            })
        })
        .await?;
    node.outbox_wake.notify_one();
    if page.next.is_none() {
        tracing::info!(peer = home, "all entries of a home node are here");
    }
    Ok(())
}

async fn write(node: &Node, tx: &mut Tx<'_>, all: &[Change]) -> Result<(), StoreError> {
    // What the stream brought before is not brought again, and what it brings later is not.
    let names: Vec<(&str, &str)> = all.iter().map(Change::message).collect();
    let marked = applied::mark_all(tx, &names, node.clock.now()).await?;
    let unmarked: Vec<&Change> = all
        .iter()
        .zip(marked)
        .filter_map(|(change, is_new)| is_new.then_some(change))
        .collect();
    let news = changes::news_among(tx, unmarked).await?;
    let answers = changes::apply_all(node, tx, &news).await?;
    let answers: Vec<_> = news
        .iter()
        .zip(answers)
        .map(|(change, answer)| (change.reference(), Cow::Owned(answer)))
        .collect();
    record_all(node, tx, &answers).await
}

async fn refuse(node: &Arc<Node>, home: &str, reason: Unusable) -> Result<(), StoreError> {
    tracing::warn!(
        peer = home,
        code = reason.0,
        "a page of entries cannot be used"
    );
    node.store
        .run_tx("refuse_snapshot", |tx| {
            Box::pin(async move {
                let mut leaf = leaf(node, home);
                leaf.activity = Activity::Refuse;
                leaf.result = reason.0.to_owned();
                node.log.append(tx, leaf, None).await?;
                Ok::<_, StoreError>(())
            })
        })
        .await
}

fn leaf(node: &Node, home: &str) -> Leaf {
    let mut leaf = node.leaf(Activity::Snapshot);
    leaf.entity = Some(EntityReference {
        peer: Some(home.to_owned()),
        ..EntityReference::default()
    });
    leaf
}
