//! The tree: leaves, private details, nodes, signed heads.

use std::collections::{BTreeMap, HashMap};

use certs::merkle::root_of_subtrees;
use certs::note::verify_checkpoint;
use schemas::leaf::{Activity, Leaf};

use super::{FsckReport, PAGE};
use crate::provenance::{ProvenanceLog, associated};
use crate::store::heads::StoredHead;
use crate::store::leaves::StoredLeaf;
use crate::store::log::LogState;
use crate::store::positions::RECORDS_LOST;
use crate::store::sql::Snapshot;
use crate::store::{StoreError, entries, heads, leaves};

/// Most partitions that are compared: a node reads less than ten topics, of some ten partitions.
const PARTITIONS_MAX: usize = 1000;

/// What the leaves say about other tables.
#[derive(Default)]
pub(super) struct Seen {
    /// Greatest position that a leaf names, by topic and partition.
    pub(super) positions: HashMap<(String, i32), i64>,
}

struct Walk<'a> {
    provenance: &'a ProvenanceLog,
    /// The tree recomputed so far.
    tree: LogState,
    node_count: u64,
    seen: Seen,
}

pub(super) async fn check(
    reading: &mut Snapshot,
    provenance: &ProvenanceLog,
    stored: &LogState,
    report: &mut FsckReport,
) -> Result<Seen, StoreError> {
    let tree = LogState {
        size: 0,
        frontier: Vec::new(),
        ..stored.clone()
    };
    let mut walk = Walk {
        provenance,
        tree,
        node_count: 0,
        seen: Seen::default(),
    };
    if stored.origin != provenance.origin() {
        report.fault("FSCK_ORIGIN", format!("the log is {}", stored.origin));
    }
    if let Some(head) = heads::page(&mut *reading, 0, 1).await?.first()
        && head.size == 0
    {
        walk.check_head(head, report);
    }
    loop {
        let page = leaves::page(&mut *reading, walk.tree.size, PAGE).await?;
        if page.is_empty() || !walk.check_page(reading, &page, report).await? {
            break;
        }
    }
    walk.check_end(reading, stored, report).await?;
    report.leaves = walk.tree.size;
    Ok(walk.seen)
}

impl Walk<'_> {
    /// False when the walk cannot go on: without the leaf, nothing above it can be recomputed.
    async fn check_page(
        &mut self,
        reading: &mut Snapshot,
        page: &[StoredLeaf],
        report: &mut FsckReport,
    ) -> Result<bool, StoreError> {
        let first = self.tree.size;
        let last = page.last().map_or(first, |leaf| leaf.index);
        let private = leaves::private(&mut *reading, first, last).await?;
        let heads: BTreeMap<u64, StoredHead> = heads::page(&mut *reading, first + 1, PAGE)
            .await?
            .into_iter()
            .map(|head| (head.size, head))
            .collect();
        let (mut completed, mut applied) = (Vec::new(), Vec::new());
        let mut whole = true;
        for leaf in page {
            if leaf.index != self.tree.size {
                let missing = self.tree.size;
                report.fault("FSCK_LEAF_MISSING", format!("leaf {missing} is not there"));
                whole = false;
                break;
            }
            let parsed = self.check_leaf(leaf, private.get(&leaf.index), report);
            applied.extend(parsed.and_then(applied_revision));
            let hash = self.tree.hash.leaf(&leaf.bytes);
            self.tree.add(hash, |level, index, hash| {
                completed.push(((level, index), hash))
            });
            if let Some(head) = heads.get(&self.tree.size) {
                self.check_head(head, report);
            }
        }
        self.check_nodes(reading, &completed, report).await?;
        for identifier in entries::unreached(&mut *reading, &applied).await? {
            report.fault(
                "FSCK_ENTRY_MISSING",
                format!(
                    "a leaf tells of entry {identifier}, \
                which is not there in that revision"
                ),
            );
        }
        Ok(whole)
    }

    fn check_leaf(
        &mut self,
        stored: &StoredLeaf,
        private: Option<&Option<Vec<u8>>>,
        report: &mut FsckReport,
    ) -> Option<Leaf> {
        let index = stored.index;
        if self.tree.hash.leaf(&stored.bytes) != stored.hash {
            let detail = format!("the bytes of leaf {index} do not have its stored hash");
            report.fault("FSCK_LEAF_HASH", detail);
        }
        let Ok(leaf) = serde_json::from_slice::<Leaf>(&stored.bytes) else {
            report.fault("FSCK_LEAF_UNREADABLE", format!("leaf {index} is no leaf"));
            return None;
        };
        if leaf.identifier != stored.identifier {
            let detail = format!("leaf {index} is filed under another licence");
            report.fault("FSCK_LEAF_IDENTIFIER", detail);
        }
        if leaf.node != self.provenance.0.node {
            report.fault(
                "FSCK_LEAF_NODE",
                format!("leaf {index} names node {}", leaf.node),
            );
        }
        self.check_private(index, &leaf, private, report);
        let message = leaf.message.as_ref();
        if let Some(message) = message
            && let Some((topic, position)) = message.topic.clone().zip(message.position)
        {
            let positions = &mut self.seen.positions;
            let partition = (topic, message.partition.unwrap_or_default());
            if positions.len() < PARTITIONS_MAX || positions.contains_key(&partition) {
                let greatest = positions.entry(partition).or_insert(position);
                // An operator put the partition where another log begins.
                *greatest = if leaf.result == RECORDS_LOST {
                    position
                } else {
                    position.max(*greatest)
                };
            }
        }
        Some(leaf)
    }

    fn check_private(
        &self,
        index: u64,
        leaf: &Leaf,
        private: Option<&Option<Vec<u8>>>,
        report: &mut FsckReport,
    ) {
        let (digest, sealed) = match (&leaf.private_sm3, private) {
            (None, None) | (Some(_), Some(None)) => return,
            (None, Some(_)) => {
                let detail = format!("leaf {index} has a private detail it does not tell of");
                return report.fault("FSCK_PRIVATE_UNCLAIMED", detail);
            }
            (Some(_), None) => {
                let detail = format!("the private detail of leaf {index} is not there");
                return report.fault("FSCK_PRIVATE_MISSING", detail);
            }
            (Some(digest), Some(Some(sealed))) => (digest, sealed),
        };
        match self
            .provenance
            .0
            .keys
            .column_key()
            .open(&associated(&leaf.id), sealed)
        {
            Err(_) => {
                let detail = format!("the private detail of leaf {index} does not open");
                report.fault("FSCK_PRIVATE_SEAL", detail);
            }
            Ok(salted) if hex::encode(certs::digest::sm3(&salted)) != *digest => {
                let detail = format!("the private detail of leaf {index} has another digest");
                report.fault("FSCK_PRIVATE_DIGEST", detail);
            }
            Ok(_) => {}
        }
    }

    /// Compares the nodes that the page completed with the stored ones.
    async fn check_nodes(
        &mut self,
        reading: &mut Snapshot,
        completed: &[((u32, u64), [u8; 32])],
        report: &mut FsckReport,
    ) -> Result<(), StoreError> {
        self.node_count += completed.len() as u64;
        let wanted: Vec<(u32, u64)> = completed.iter().map(|(place, _)| *place).collect();
        let stored = leaves::nodes(&mut *reading, &wanted).await?;
        for ((level, index), hash) in completed {
            match stored.get(&(*level, *index)) {
                Some(found) if found == hash => {}
                Some(_) => report.fault(
                    "FSCK_NODE_HASH",
                    format!("node {index} of level {level} has another hash"),
                ),
                None => report.fault(
                    "FSCK_NODE_MISSING",
                    format!("node {index} of level {level} is not there"),
                ),
            }
        }
        Ok(())
    }

    /// Compares a signed head with the tree as recomputed up to its size.
    fn check_head(&self, head: &StoredHead, report: &mut FsckReport) {
        report.heads += 1;
        let size = head.size;
        let keys = self.provenance.0.keys.public();
        match verify_checkpoint(&head.note, self.provenance.origin(), &keys) {
            Err(error) => {
                let detail = format!("the head of size {size} is not signed by this node: {error}");
                report.fault("FSCK_HEAD_SIGNATURE", detail);
            }
            Ok(signed) => {
                let says_this = signed.origin == self.provenance.origin()
                    && signed.size == size
                    && signed.root == head.root;
                if !says_this {
                    let detail = format!("the signed head of size {size} says something else");
                    report.fault("FSCK_HEAD_TEXT", detail);
                }
                let root = root_of_subtrees(self.tree.hash, &self.tree.frontier);
                if signed.root != root {
                    let detail = format!("the head of size {size} was signed over another root");
                    report.fault("FSCK_HEAD_ROOT", detail);
                }
            }
        }
    }

    async fn check_end(
        &self,
        reading: &mut Snapshot,
        stored: &LogState,
        report: &mut FsckReport,
    ) -> Result<(), StoreError> {
        let size = self.tree.size;
        if size != stored.size {
            let detail = format!("the log says {} leaves, there are {size}", stored.size);
            report.fault("FSCK_LOG_SIZE", detail);
        }
        if self.tree.frontier != stored.frontier {
            let detail = "the log's frontier is not that of its leaves".to_owned();
            report.fault("FSCK_LOG_FRONTIER", detail);
        }
        let (node_count, orphans) = leaves::row_counts(&mut *reading).await?;
        if node_count > self.node_count {
            let extra = node_count - self.node_count;
            report.fault(
                "FSCK_NODE_EXTRA",
                format!("{extra} nodes belong to no leaves"),
            );
        }
        if orphans > 0 {
            let detail = format!("{orphans} private details belong to no leaf");
            report.fault("FSCK_PRIVATE_ORPHAN", detail);
        }
        for head in heads::page(&mut *reading, size + 1, PAGE).await? {
            let detail = format!("a head of size {} was signed, there are {size}", head.size);
            report.fault("FSCK_HEAD_BEYOND", detail);
        }
        Ok(())
    }
}

/// Identifier and revision that a leaf put into the directory.
fn applied_revision(leaf: Leaf) -> Option<(String, u64)> {
    let is_change = matches!(leaf.activity, Activity::Register | Activity::Apply);
    let revision = leaf.entity.and_then(|entity| entity.revision);
    leaf.identifier
        .zip(revision)
        .filter(|_| is_change && leaf.result == "OK")
}
