//! What a home node registers: the entries of its library.
//!
//! Each new or changed entry is one revision: entry, registration, outgoing message and leaf in
//! one transaction (invariant 2). What did not change costs one read.

use std::collections::HashMap;
use std::sync::Arc;

use connectors::source::SourceLine;
use schemas::entry::SourceEntry;
use schemas::leaf::Activity;
use schemas::message::ReceiptReason;
use schemas::quality::QualityFault;

use super::registering::{Original, Planned, Registering, sign_all, write_all};
use crate::node::Node;
use crate::refusal::Refusal;
use crate::store::entries;
use crate::store::registrations::{self, Registration, content_token};
use crate::store::rejections::{self, Rejection};
use crate::store::{StoreError, Tx, originals};

/// Entries per transaction: a kill loses at most the work on these, never an entry.
const BATCH_ENTRIES: usize = 100;

/// Rule for an entry whose file the library does not give. \[P\]
const RULE_FILE: &str = "Q-FILE-UNREADABLE";

/// What became of the lines of a library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegisterReport {
    /// Entries registered for the first time.
    pub registered: u64,
    /// Entries registered anew because the library changed them.
    pub changed: u64,
    /// Entries that are as they were.
    pub unchanged: u64,
    /// Lines that cannot be read; each stands in the quality queue with its reason.
    pub unreadable: u64,
}

/// Registers every entry of the node's library that is new or changed there.
///
/// # Errors
/// The node has no library, the library or the store fails. What was registered before stays.
pub async fn register_source(node: &Arc<Node>) -> Result<RegisterReport, Refusal> {
    let source = node.source.as_ref().ok_or(Refusal::SourceUnavailable)?;
    let _one_at_a_time = node.registering.lock().await;
    let lines = source.entries().await.map_err(|cause| {
        tracing::warn!(code = cause.code(), cause = %cause, "the library cannot be read");
        Refusal::SourceUnavailable
    })?;
    let mut report = RegisterReport::default();
    let mut lines = lines.into_iter();
    loop {
        let batch: Vec<SourceLine> = lines.by_ref().take(BATCH_ENTRIES).collect();
        if batch.is_empty() {
            break;
        }
        register_batch(node, batch, &mut report).await?;
    }
    tracing::info!(
        node.name = node.name,
        entries.registered = report.registered,
        entries.changed = report.changed,
        entries.unchanged = report.unchanged,
        lines.unreadable = report.unreadable,
        "the library was registered"
    );
    Ok(report)
}

async fn register_batch(
    node: &Arc<Node>,
    lines: Vec<SourceLine>,
    report: &mut RegisterReport,
) -> Result<(), Refusal> {
    let (mut planned, mut rejected) = (HashMap::new(), Vec::new());
    let mut unnoted = Vec::new();
    let lines: Vec<_> = lines.into_iter().map(read_line).collect();
    let identifiers = lines
        .iter()
        .flatten()
        .map(|(source, _)| source.identifier.to_string());
    let known = registrations::find_all(node.store.reader(), identifiers.collect()).await?;
    for line in lines {
        match line {
            Err(reason) => {
                report.unreadable += 1;
                rejected.push(rejection(node, reason));
            }
            Ok((source, file)) => {
                let identifier = source.identifier.to_string();
                let path = source.file.clone();
                let known = known.get(&identifier);
                match plan(node, source, file, known).await? {
                    None => {
                        report.unchanged += 1;
                        unnoted.extend(path.map(|path| (identifier, path)));
                    }
                    Some(plan) => {
                        let count = match known {
                            None => &mut report.registered,
                            Some(_) => &mut report.changed,
                        };
                        *count += 1;
                        // The same identifier twice in one batch: the later line counts.
                        planned.insert(identifier, plan);
                    }
                }
            }
        }
    }
    let registering = if planned.is_empty() {
        // A library that has not changed costs no secret and no signature.
        Vec::new()
    } else {
        let planned = planned.into_values().collect();
        node.blocking(move |node| sign_all(node, planned)).await??
    };
    commit(node, &registering, &rejected).await?;
    note_originals(node, unnoted).await
}

/// Databases of before originals were noted: what has not changed is noted when it is read.
async fn note_originals(node: &Node, read: Vec<(String, String)>) -> Result<(), Refusal> {
    if read.is_empty() {
        return Ok(());
    }
    let identifiers = read.iter().map(|(identifier, _)| identifier.clone());
    let noted = originals::noted(node.store.reader(), identifiers.collect()).await?;
    let is_unnoted = |(identifier, _): &(String, String)| !noted.contains(identifier);
    let unnoted: Vec<_> = read.into_iter().filter(is_unnoted).collect();
    if unnoted.is_empty() {
        return Ok(());
    }
    let key = node.keys.column_key();
    let unnoted: &Vec<(&str, Option<&str>)> = &unnoted
        .iter()
        .map(|(identifier, path)| (identifier.as_str(), Some(path.as_str())))
        .collect();
    node.store
        .run_tx_without_leaf("note_originals", |tx| {
            Box::pin(async move { originals::put_all(tx, unnoted, key).await })
        })
        .await?;
    Ok(())
}

type Readable = (SourceEntry, Option<schemas::entry::FileReference>);

/// Why a line cannot be registered.
struct Unreadable {
    line: u64,
    identifier: Option<String>,
    reason: ReceiptReason,
}

fn read_line(line: SourceLine) -> Result<Readable, Unreadable> {
    match (line.entry, line.file_fault) {
        (Ok(entry), None) => Ok((entry, line.file)),
        (Ok(entry), Some(_)) => Err(Unreadable {
            line: line.line,
            identifier: Some(entry.identifier.as_str().to_owned()),
            reason: ReceiptReason {
                rule: RULE_FILE.to_owned(),
                rejecting: true,
                zh: "证照库中无法读取该证照的文件；请核对文件路径".to_owned(),
                en: "The library does not give this licence's file; check its path".to_owned(),
            },
        }),
        (Err(error), _) => {
            let fault = QualityFault::from_entry_error(&error);
            let reason = ReceiptReason {
                rule: fault.rule,
                rejecting: true,
                zh: fault.zh,
                en: fault.en,
            };
            Err(Unreadable {
                line: line.line,
                identifier: None,
                reason,
            })
        }
    }
}

async fn plan(
    node: &Node,
    source: SourceEntry,
    file: Option<schemas::entry::FileReference>,
    known: Option<&Registration>,
) -> Result<Option<Planned>, Refusal> {
    let content = serde_json::to_vec(&(&source, &file)).map_err(Refusal::internal)?;
    let content_token = content_token(&node.keys, &content);
    if known.is_some_and(|known| known.content_token == content_token) {
        return Ok(None);
    }
    let revision = known.map_or(1, |known| known.revision + 1);
    let original = Original(source.file.clone());
    let library_status = Some(source.status);
    let mut entry = source
        .into_entry(node.name.clone(), revision, file)
        .map_err(Refusal::internal)?;
    // A status that a registrar set stands until the library itself says another one.
    if known.is_some_and(|known| known.library_status == library_status) {
        let key = node.keys.column_key();
        let stored = entries::find(node.store.reader(), &entry.public.identifier, key).await?;
        if let Some(stored) = stored {
            entry.public.status = stored.public.status;
        }
    }
    Ok(Some(Planned {
        entry,
        content_token,
        original: Some(original),
        library_status,
        agent: None,
    }))
}

pub(super) async fn commit(
    node: &Node,
    registering: &[Registering],
    rejected: &[Rejection],
) -> Result<(), Refusal> {
    if registering.is_empty() && rejected.is_empty() {
        return Ok(());
    }
    let all: &Vec<&Registering> = &registering.iter().collect();
    node.store
        .run_tx("register_entries", |tx| {
            Box::pin(async move {
                write_all(node, tx, all, node.clock.now()).await?;
                reject_all(node, tx, rejected).await
            })
        })
        .await?;
    announce(node, registering).await;
    Ok(())
}

/// After the commit: the messages go out, and answers kept about these licences are forgotten.
pub(super) async fn announce(node: &Node, registering: &[Registering]) {
    node.outbox_wake.notify_one();
    for one in registering {
        let (identifier, revision) = one.registered();
        node.lookups.announce(identifier, revision).await;
    }
}

/// Lines that cannot be read are kept with their reasons; the same fault of the same line again
/// adds nothing.
async fn reject_all(
    node: &Node,
    tx: &mut Tx<'_>,
    rejected: &[Rejection],
) -> Result<(), StoreError> {
    let recorded = rejections::record_all(tx, rejected).await?;
    for (rejection, is_new) in rejected.iter().zip(recorded) {
        if !is_new {
            continue;
        }
        let mut leaf = node.leaf(Activity::Refuse);
        leaf.identifier.clone_from(&rejection.identifier);
        leaf.result = rejection
            .reasons
            .first()
            .map_or_else(|| "REJECTED".to_owned(), |reason| reason.rule.clone());
        node.log.append(tx, leaf, None).await?;
    }
    Ok(())
}

fn rejection(node: &Node, unreadable: Unreadable) -> Rejection {
    let Unreadable {
        line,
        identifier,
        reason,
    } = unreadable;
    Rejection {
        subject: format!("source/{line}/{}", reason.rule),
        home_node: node.name.clone(),
        identifier,
        revision: None,
        source_line: Some(line),
        public: None,
        reasons: vec![reason],
        rejected_at: node.clock.now(),
    }
}
