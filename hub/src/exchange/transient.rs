//! Topics whose records change no state here: announcements of changes, replies, parts of files.
//!
//! They are handed on in memory; then the position is advanced. After a kill nobody waits for
//! what was lost with the memory, and a cache starts empty. Only the parts of a larger file are
//! kept on the way, whether or not somebody still waits for them (`files/kept.rs`).

use std::sync::Arc;

use connectors::bus::BusRecord;
use schemas::envelope::{Envelope, MessageType};
use schemas::message::DirectoryChange;

use super::apply;
use super::incoming::{self, Recipient, Unusable};
use super::prepared::{Place, Prepared};
use super::waiting::thread_of;
use super::{ExchangeError, Lane, PeerAnswer};
use crate::files::kept::{self, Arrived};
use crate::measure;
use crate::node::Node;
use crate::store::file_fetches::{self, FileFetch};
use crate::store::{StoreError, positions};
use crate::trace::Trace;

pub(super) async fn take(
    node: &Arc<Node>,
    lane: Lane,
    records: Vec<BusRecord>,
) -> Result<(), ExchangeError> {
    let Some(last) = records.last().map(Place::of) else {
        return Ok(());
    };
    let (mut unusable, mut arrived) = (Vec::new(), Vec::new());
    for record in records {
        let trace = Trace::of_record(&record);
        let hand_on = match lane {
            Lane::Announcements => trace.scope(announce(node, &record)).await.map(|()| None),
            _ => {
                let fetch = fetch_of(node, lane, &record).await?;
                trace.scope(hand_over(node, lane, &record, fetch)).await
            }
        };
        let outcome = hand_on.as_ref().map_or_else(|reason| reason.0, |_| "used");
        super::measure_read(lane, outcome);
        match hand_on {
            Ok(part) => arrived.extend(part),
            Err(reason) => unusable.push(Prepared::refused(record, None, reason)),
        }
    }
    // Before the position: what a kill takes between the two is read and kept once more.
    if !arrived.is_empty() {
        kept::keep(node, &arrived).await?;
    }
    if !unusable.is_empty() {
        return apply::apply_up_to(node, unusable, last).await;
    }
    match advance(node, &last).await {
        // Another process of this node reads the same and was faster; what was handed on here is
        // in the memory of this one.
        Err(StoreError::PositionBackwards { .. }) => Ok(()),
        other => Ok(other?),
    }
}

/// Only the position moves: no state, hence no leaf.
pub(super) async fn advance(node: &Node, place: &Place) -> Result<(), StoreError> {
    node.store
        .run_single_without_leaf("advance_position", |tx| {
            Box::pin(async move {
                positions::advance(tx, &place.topic, place.partition, place.position).await
            })
        })
        .await
}

async fn announce(node: &Arc<Node>, record: &BusRecord) -> Result<(), Unusable> {
    // What this node announced itself it knows from its own store, never from the cache.
    let own = format!("/nodes/{}", node.name);
    if incoming::unverified_header(record, "ce_source") == Some(own.as_str()) {
        return Ok(());
    }
    let (envelope, record) = check(node, record, &[MessageType::DirectoryChange]).await?;
    let change: DirectoryChange = incoming::body(&record)?;
    if change.entry.home_node != envelope.origin {
        return Err(incoming::WRONG_ORIGIN);
    }
    node.lookups
        .announce(change.entry.identifier.as_str(), change.entry.revision)
        .await;
    measure::delay("announcements", envelope.time, node.clock.now());
    Ok(())
}

/// The fetch that a part of a file may belong to, also when nobody waits for it now. The record
/// is not checked yet: this only says that a look at it is worth while.
async fn fetch_of(
    node: &Node,
    lane: Lane,
    record: &BusRecord,
) -> Result<Option<FileFetch>, StoreError> {
    let correlation = incoming::unverified_header(record, "ce_correlation").unwrap_or_default();
    let thread = thread_of(correlation);
    // Anybody's text does not become a question to the database.
    let is_name = thread.len() <= incoming::NAME_BYTES_MAX
        && thread
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if lane != Lane::Files || thread == correlation || !is_name {
        return Ok(None);
    }
    file_fetches::find_by_id(node.store.reader(), thread).await
}

async fn hand_over(
    node: &Arc<Node>,
    lane: Lane,
    record: &BusRecord,
    fetch: Option<FileFetch>,
) -> Result<Option<Arrived>, Unusable> {
    let correlation = incoming::unverified_header(record, "ce_correlation").unwrap_or_default();
    let origin = incoming::unverified_origin(record);
    // Nobody waits for it: an answer to a question of before a restart, or one that came late.
    let is_late_part = fetch
        .as_ref()
        .is_some_and(|fetch| fetch.home_node == origin);
    if !is_late_part && !node.waiting.expects(correlation, origin) {
        return Ok(None);
    }
    let types: &[MessageType] = match lane {
        Lane::Files => &[MessageType::FileChunk, MessageType::FileRefusal],
        _ => &[
            MessageType::LookupReply,
            MessageType::SealReply,
            MessageType::SnapshotPage,
        ],
    };
    let (envelope, record) = check(node, record, types).await?;
    let answer = match envelope.message_type {
        MessageType::FileChunk => PeerAnswer::Chunk(incoming::body(&record)?),
        MessageType::FileRefusal => PeerAnswer::FileRefused(incoming::body(&record)?),
        MessageType::SealReply => PeerAnswer::Seal(incoming::body(&record)?),
        MessageType::SnapshotPage => PeerAnswer::Snapshot(incoming::body(&record)?),
        _ => PeerAnswer::Lookup(incoming::body(&record)?),
    };
    let part = match (&answer, &fetch) {
        (PeerAnswer::Chunk(chunk), Some(fetch)) => {
            Arrived::of(fetch, &envelope.origin, chunk, record.body)
        }
        _ => None,
    };
    node.waiting
        .hand_over(correlation, &envelope.origin, answer);
    Ok(part)
}

async fn check(
    node: &Arc<Node>,
    record: &BusRecord,
    types: &[MessageType],
) -> Result<(Envelope, BusRecord), Unusable> {
    let recipient = if types == [MessageType::DirectoryChange] {
        Recipient::Anyone
    } else {
        Recipient::ThisNode
    };
    let envelope = incoming::check_with_news(node, record, types, recipient)
        .await
        .map_err(|_| incoming::INTERNAL)??;
    Ok((envelope, record.clone()))
}
