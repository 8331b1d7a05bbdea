//! `hub trail`: everything that happened to a licence, on all nodes, with proofs.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use schemas::leaf::Leaf;
use serde::Serialize;
use serde_json::value::RawValue;

use super::node_stores::{NodeStore, NodeStoreArgs, open_all};
use super::out::{self, outln};
use crate::clock::{Clock, SystemClock};
use crate::prove::{self, TrustedNodes, Voucher, leaf_text};

/// Most leaves of one trail: beyond that the HTTP interface gives pages.
const TRAIL_LEAVES_MAX: usize = 100_000;

/// Show everything that happened to a licence on all nodes, in the order of time (溯源链).
///
/// Exit code 0 when every line is proven by its node's signed log, 1 when there is nothing or a
/// proof does not hold, 3 when the folder cannot be read.
#[derive(clap::Args, Debug)]
pub(crate) struct TrailArgs {
    /// Identifier of the licence (电子证照标识).
    #[arg(value_name = "ID")]
    pub(crate) identifier: String,
    #[command(flatten)]
    pub(crate) stores: NodeStoreArgs,
    /// Write one proof file per line of the trail into this folder, for `hub prove`.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print one JSON object per line instead of the table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// One line of a trail.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Node that recorded it.
    pub(crate) node: String,
    /// Index in that node's log.
    pub(crate) index: u64,
    /// What was recorded.
    pub(crate) leaf: Leaf,
    /// The bytes that were hashed.
    pub(crate) bytes: Vec<u8>,
    /// Proof, text of `c2sp.org/tlog-proof@v1`.
    pub(crate) proof: String,
    /// Whether the proof holds under the node's own key.
    pub(crate) is_proven: bool,
}

/// Runs `hub trail`.
///
/// # Errors
/// The folder, a database in it, or the folder for the proofs cannot be used.
pub(crate) async fn run(args: TrailArgs) -> anyhow::Result<ExitCode> {
    let found = collect(open_all(&args.stores).await?, &args.identifier).await?;
    if args.json {
        out::text(json_lines(&found)?)?;
    } else {
        out::text(table(&found))?;
    }
    if let Some(out) = &args.out {
        let files = write_proofs(&found, out)?;
        if !args.json {
            outln!("{} 份证明 proofs: {}", files.len(), out.display())?;
        }
    }
    let is_good = !found.is_empty() && found.iter().all(|item| item.is_proven);
    Ok(ExitCode::from(u8::from(!is_good)))
}

/// The trail of a licence from the databases of nodes, by time.
///
/// # Errors
/// A database cannot be read.
async fn collect(stores: Vec<NodeStore>, identifier: &str) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for opened in stores {
        let collected = collect_node(&opened, identifier, &mut found).await;
        opened.store.close().await;
        collected.with_context(|| format!("the log of node {}", opened.node))?;
    }
    found.sort_by(|left, right| {
        (left.leaf.at, &left.node, left.index).cmp(&(right.leaf.at, &right.node, right.index))
    });
    Ok(found)
}

/// The trail as a table for people, Chinese and English.
#[must_use]
pub(crate) fn table(found: &[Found]) -> String {
    if found.is_empty() {
        return "没有记录 nothing is recorded\n".to_owned();
    }
    let mut text = String::new();
    for item in found {
        let mark = if item.is_proven { "✓" } else { "✗" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{mark} {} #{}",
            leaf_text::heading(&item.leaf),
            item.index
        );
        // All lines are about the same licence: that is not said again.
        let about = Leaf {
            identifier: None,
            ..item.leaf.clone()
        };
        let details = leaf_text::details(&about);
        if !details.is_empty() {
            let _ = writeln!(text, "    {}", details.join(" · "));
        }
    }
    text
}

/// Writes one proof file per line of the trail, `<node>-<index>.proof`; answers their paths in
/// the order of the trail.
///
/// # Errors
/// The folder or a file in it cannot be written.
pub(crate) fn write_proofs(found: &[Found], out: &Path) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(out).with_context(|| format!("folder {}", out.display()))?;
    let mut files = Vec::with_capacity(found.len());
    for item in found {
        let file = out.join(proof_name(item));
        std::fs::write(&file, &item.proof).with_context(|| format!("file {}", file.display()))?;
        files.push(file);
    }
    Ok(files)
}

async fn collect_node(
    opened: &NodeStore,
    identifier: &str,
    found: &mut Vec<Found>,
) -> anyhow::Result<()> {
    let mut trusted = TrustedNodes::default();
    trusted.insert(&opened.node, opened.keys.public());
    let mut from = 0;
    loop {
        let now = SystemClock.now();
        let page = opened
            .log
            .trail(&opened.store, identifier, from, now)
            .await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        from = last.index + 1;
        anyhow::ensure!(
            found.len() + page.len() <= TRAIL_LEAVES_MAX,
            "more than {TRAIL_LEAVES_MAX} records; use the pages of the HTTP interface"
        );
        for item in page {
            let voucher = prove::verify(&item.proof, &trusted).map(|proven| proven.voucher);
            found.push(Found {
                node: opened.node.clone(),
                index: item.index,
                leaf: serde_json::from_slice(&item.bytes)
                    .with_context(|| format!("leaf {}", item.index))?,
                bytes: item.bytes,
                proof: item.proof,
                is_proven: matches!(voucher, Ok(Voucher::Node(_))),
            });
        }
    }
}

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    node: &'a str,
    index: u64,
    proven: bool,
    /// The leaf as it was written and hashed.
    leaf: &'a RawValue,
    /// Name of its proof file below `--out`.
    proof: String,
}

fn json_lines(found: &[Found]) -> anyhow::Result<String> {
    let mut text = String::new();
    for item in found {
        let line = Line {
            node: &item.node,
            index: item.index,
            proven: item.is_proven,
            leaf: serde_json::from_slice(&item.bytes)?,
            proof: proof_name(item),
        };
        text.push_str(&serde_json::to_string(&line)?);
        text.push('\n');
    }
    Ok(text)
}

fn proof_name(item: &Found) -> String {
    // Leading zeros keep the files of one node in order.
    format!("{}-{:08}.proof", item.node, item.index)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use certs::node_key::NodeKeys;
    use schemas::leaf::Activity;

    use super::super::node_stores::open_below;
    use super::*;
    use crate::provenance::ProvenanceLog;
    use crate::store::tests::instant;
    use crate::store::{Store, StoreError};

    const LICENCE: &str = "1.2.156.3005.2.TEST";

    /// A node with leaves about the licence at the given seconds, and its key among the trusted.
    async fn node(data: &Path, name: &str, seconds: &[i64]) {
        let folder = data.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let keys = Arc::new(NodeKeys::generate().unwrap());
        keys.to_file(&folder.join("node.keys")).unwrap();
        prove::publish_keys(&data.join("trust"), name, &keys.public()).unwrap();
        let store = Store::open(&folder.join("hub.sqlite")).await.unwrap();
        let log = ProvenanceLog::open(&store, name, &keys).await.unwrap();
        let log = &log;
        store
            .run_tx::<_, StoreError, _>("test", |tx| {
                Box::pin(async move {
                    for second in seconds {
                        let at = instant() + chrono::Duration::seconds(*second);
                        let id = format!("{name}-{second}");
                        let mut leaf = Leaf::new(id, at, name, Activity::Lookup);
                        leaf.identifier = Some(LICENCE.to_owned());
                        log.append(tx, leaf, None).await?;
                    }
                    Ok(())
                })
            })
            .await
            .unwrap();
        store.close().await;
    }

    #[tokio::test]
    async fn the_trails_of_all_nodes_are_one_and_every_proof_holds() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        node(data, "zhejiang", &[1, 4]).await;
        node(data, "national", &[2, 3]).await;
        let found = collect(open_below(data).await.unwrap(), LICENCE).await;
        let found = found.unwrap();
        let order: Vec<_> = found.iter().map(|item| item.leaf.id.as_str()).collect();
        assert_eq!(
            order,
            ["zhejiang-1", "national-2", "national-3", "zhejiang-4"]
        );
        assert!(found.iter().all(|item| item.is_proven));

        let trust = data.join("trust");
        let files = write_proofs(&found, &data.join("proofs")).unwrap();
        for file in &files {
            assert!(prove::file(file, Some(&trust)).unwrap().is_proven());
            let nobody = prove::file(file, None).unwrap();
            assert_eq!(nobody.code(), Some("PROOF_NOBODY"));
        }
        // A leaf that was changed in the file: the path no longer leads to the root.
        let mut forged = schemas::proof::Proof::parse(&found[0].proof).unwrap();
        forged.extra = Some(found[1].bytes.clone());
        std::fs::write(&files[0], forged.to_text()).unwrap();
        let report = prove::file(&files[0], Some(&trust)).unwrap();
        assert_eq!(report.code(), Some("PROOF_PATH"));
        assert!(report.to_string().contains("PROOF_PATH"));
    }

    #[tokio::test]
    async fn nothing_recorded_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        node(folder.path(), "zhejiang", &[1]).await;
        let stores = open_below(folder.path()).await.unwrap();
        let found = collect(stores, "1.2.156.3005.2.OTHER").await.unwrap();
        assert!(found.is_empty());
        assert!(open_below(&folder.path().join("none")).await.is_err());
    }
}
