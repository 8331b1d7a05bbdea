//! A home node's present entries, page by page, for a national node that does not have them: one
//! that was set up anew when the stream of changes had lost its beginning.

use std::sync::Arc;

use connectors::bus::BusRecord;
use schemas::envelope::{Envelope, MessageType};
use schemas::identifier::Identifier;
use schemas::leaf::{Activity, EntityReference};
use schemas::message::{
    SNAPSHOT_BYTES_MAX, SNAPSHOT_ENTRIES_MAX, SnapshotEntry, SnapshotPage, SnapshotRequest,
};

use super::failure::Failure;
use super::incoming::{self, BODY_MALFORMED, WRONG_ORIGIN};
use super::national::reply_draft;
use super::prepared::{Answer, Step};
use super::sealed;
use crate::node::Node;
use crate::store::registrations::{self, Registration};
use crate::store::{StoreError, entries};

/// Rows read for one page: one more than it takes, which says whether more follow.
const ROWS_MAX: u32 = SNAPSHOT_ENTRIES_MAX as u32 + 1;

/// Answers with the next page; only the national node may have everything.
pub(super) async fn answer(
    node: &Arc<Node>,
    envelope: &Envelope,
    record: &BusRecord,
) -> Result<Step, Failure> {
    let request: SnapshotRequest = incoming::body(record)?;
    if envelope.origin != node.config.national || node.is_national() {
        return Err(WRONG_ORIGIN.into());
    }
    let is_sound = |after: &String| Identifier::parse_lenient(after).is_ok();
    if !request.after.as_ref().is_none_or(is_sound) {
        return Err(BODY_MALFORMED.into());
    }
    let found = find(node, request.after.as_deref()).await?;
    let mut leaf = node.leaf(Activity::Snapshot);
    leaf.entity = Some(EntityReference {
        peer: Some(envelope.origin.clone()),
        ..EntityReference::default()
    });
    let (to, correlation) = (envelope.origin.clone(), envelope.correlation.clone());
    let message = node
        .blocking(move |node| {
            let (texts, next) = fill(&found)?;
            let plain = format!("[{}]", texts.join(","));
            let binding = sealed::snapshot_binding(&node.name, request.after.as_deref());
            let page = SnapshotPage::Page {
                entries: sealed::seal_for(node, &to, &binding, plain.as_bytes())?,
                next,
            };
            reply_draft(&to, correlation.as_deref(), MessageType::SnapshotPage).sign(node, &page)
        })
        .await??;
    Ok(Step::Answer(Box::new(Answer {
        outgoing: vec![message],
        leaf,
        private: None,
    })))
}

/// What may stand in one page, in the order of the identifiers, and whether there is more.
struct Found {
    entries: Vec<SnapshotEntry>,
    has_more: bool,
}

async fn find(node: &Node, after: Option<&str>) -> Result<Found, StoreError> {
    // Entry and registration of one moment.
    let mut state = node.store.snapshot().await?;
    let mut registered = registrations::page(&mut state, after, ROWS_MAX).await?;
    let has_more = registered.len() > SNAPSHOT_ENTRIES_MAX;
    registered.truncate(SNAPSHOT_ENTRIES_MAX);
    let identifiers: Vec<Identifier> = registered
        .iter()
        .filter_map(|one| one.identifier.parse().ok())
        .collect();
    let identifiers: Vec<&Identifier> = identifiers.iter().collect();
    let key = node.keys.column_key();
    let mut known = entries::find_all(&mut state, &identifiers, key).await?;
    state.end().await?;
    let entry_of = |one: Registration| {
        let entry = known.remove(&one.identifier)?;
        Some(SnapshotEntry {
            entry: entry.public,
            private: entry.private,
            message_id: one.message_id,
            outcome: one.outcome,
        })
    };
    Ok(Found {
        entries: registered.into_iter().filter_map(entry_of).collect(),
        has_more,
    })
}

/// As many entries as one page holds, as JSON, and after which one the next page begins.
fn fill(found: &Found) -> anyhow::Result<(Vec<String>, Option<String>)> {
    let (mut texts, mut bytes) = (Vec::new(), 0_usize);
    let (mut last, mut has_more) = (None, found.has_more);
    for one in &found.entries {
        let text = serde_json::to_string(one)?;
        // With what stands between two.
        let size = text.len() + 1;
        if size > SNAPSHOT_BYTES_MAX {
            let identifier = one.entry.identifier.as_str();
            tracing::warn!(entry.identifier = identifier, "an entry fits into no page");
        } else if bytes + size > SNAPSHOT_BYTES_MAX {
            has_more = true;
            break;
        } else {
            bytes += size;
            texts.push(text);
        }
        last = Some(one.entry.identifier.to_string());
    }
    Ok((texts, last.filter(|_| has_more)))
}
