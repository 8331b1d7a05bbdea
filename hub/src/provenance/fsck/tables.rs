//! The tables that the log vouches for: entries, registrations, receipts, positions.

use schemas::entry::Entry;
use schemas::leaf::{Activity, Leaf};

use super::tree::Seen;
use super::{FsckReport, PAGE};
use crate::provenance::ProvenanceLog;
use crate::store::entries::RawEntry;
use crate::store::sql::Snapshot;
use crate::store::{StoreError, entries, leaves, positions, registrations};

pub(super) async fn check(
    reading: &mut Snapshot,
    provenance: &ProvenanceLog,
    seen: &Seen,
    report: &mut FsckReport,
) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let page =
            entries::raw_page(&mut *reading, &after, PAGE, provenance.0.keys.column_key()).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.identifier);
        for raw in &page {
            report.entries += 1;
            check_row(provenance, raw, report);
            check_leaf_of(reading, raw, report).await?;
        }
    }
    for identifier in registrations::without_entry(&mut *reading, PAGE).await? {
        let detail = format!("{identifier} is registered in a revision that is not its entry's");
        report.fault("FSCK_REGISTRATION", detail);
    }
    for ((topic, partition), greatest) in &seen.positions {
        let consumed = positions::last(&mut *reading, topic, *partition).await?;
        if consumed.is_none_or(|consumed| consumed < *greatest) {
            let detail = format!(
                "a leaf tells of position {greatest} of {topic}/{partition}, \
                which counts as not consumed"
            );
            report.fault("FSCK_POSITION", detail);
        }
    }
    Ok(())
}

/// Whether the row is as this node wrote it.
fn check_row(provenance: &ProvenanceLog, raw: &RawEntry, report: &mut FsckReport) {
    let identifier = &raw.identifier;
    let Some(entry) = &raw.entry else {
        let detail = format!("entry {identifier} was not written by this node, or was changed");
        return report.fault("FSCK_ENTRY_SEAL", detail);
    };
    if raw.expected_columns.as_deref() != Some(raw.columns.as_str()) {
        let detail = format!("the columns of entry {identifier} are not those of its public part");
        report.fault("FSCK_ENTRY_COLUMNS", detail);
    }
    if raw.holder_tokens != tokens_of(provenance, entry) {
        let detail = format!("the holder tokens of entry {identifier} are not its holders'");
        report.fault("FSCK_ENTRY_HOLDERS", detail);
    }
}

fn tokens_of(provenance: &ProvenanceLog, entry: &Entry) -> Vec<String> {
    let key = provenance.0.keys.token_key();
    let mut tokens: Vec<String> = entry
        .private
        .holders
        .iter()
        .map(|holder| key.holder_token(&holder.code))
        .collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// Whether the newest leaf that put this entry into the directory tells of this revision and file.
async fn check_leaf_of(
    reading: &mut Snapshot,
    raw: &RawEntry,
    report: &mut FsckReport,
) -> Result<(), StoreError> {
    let identifier = &raw.identifier;
    let mut newest: Option<(u64, Option<String>)> = None;
    let mut from = 0;
    loop {
        let page = leaves::of_identifier(&mut *reading, identifier, from, PAGE).await?;
        let Some(last) = page.last() else { break };
        from = last.index + 1;
        for stored in &page {
            if let Some((revision, file)) = put(&stored.bytes)
                && newest.as_ref().is_none_or(|(known, _)| *known <= revision)
            {
                newest = Some((revision, file));
            }
        }
    }
    let file = raw
        .entry
        .as_ref()
        .and_then(|entry| entry.public.file.as_ref());
    match newest {
        None => {
            let detail = format!("no leaf tells how entry {identifier} came here");
            report.fault("FSCK_ENTRY_NO_LEAF", detail);
        }
        Some((revision, _)) if revision != raw.revision => {
            let found = raw.revision;
            let detail =
                format!("entry {identifier} is of revision {found}, its leaf of {revision}");
            report.fault("FSCK_ENTRY_REVISION", detail);
        }
        Some((_, Some(sm3))) if raw.entry.is_some() && file.is_none_or(|file| file.sm3 != sm3) => {
            let detail = format!("entry {identifier} names another file than its leaf");
            report.fault("FSCK_ENTRY_FILE", detail);
        }
        Some(_) => {}
    }
    Ok(())
}

/// Revision and file that a leaf put into the directory.
fn put(bytes: &[u8]) -> Option<(u64, Option<String>)> {
    let leaf: Leaf = serde_json::from_slice(bytes).ok()?;
    let is_put =
        matches!(leaf.activity, Activity::Register | Activity::Apply) && leaf.result == "OK";
    let entity = leaf.entity.filter(|_| is_put)?;
    Some((entity.revision?, entity.file_sm3))
}
