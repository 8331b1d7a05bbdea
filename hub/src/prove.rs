//! Verifies a proof file offline: no server, no database, only the file and the public keys of
//! the nodes that the reader trusts.
//!
//! Two steps are kept apart: the arithmetic (the leaf is in a tree of this root) and the voucher
//! (a trusted node signed a head with this root). The first without the second proves nothing,
//! because anyone can build a tree.

pub mod leaf_text;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use certs::merkle::{LogHash, verify_inclusion};
use certs::node_key::NodePublicKeys;
use certs::note::verify_proof;
use schemas::catalogue;
use schemas::envelope::is_node_name;
use schemas::leaf::Leaf;
use schemas::proof::{Checkpoint, PROOF_BYTES_MAX, Proof, SignedNote};

use crate::provenance::origin_of;

/// End of the name of a file with a node's public keys: `<node>.node.json`.
pub const NODE_FILE_END: &str = ".node.json";

/// Most bytes of such a file: two points in hex are below half a kilobyte.
const NODE_FILE_BYTES_MAX: u64 = 16 * 1024;

/// Most such files in one folder: every province, ministry and the nation many times over.
const NODE_FILES_MAX: usize = 1_000;

/// Public keys of the nodes that the reader trusts, by node name.
#[derive(Clone, Debug, Default)]
pub struct TrustedNodes(BTreeMap<String, NodePublicKeys>);

/// Why trusted keys cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The folder or a file in it cannot be read or written.
    #[error("the keys of trusted nodes cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// A file that holds no public keys of a node.
    #[error("{file} holds no public keys of a node")]
    Malformed {
        /// Name of the file.
        file: String,
    },
    /// More files than a reader takes.
    #[error("more than {NODE_FILES_MAX} files of node keys")]
    TooMany,
}

/// What a proof proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The leaf.
    pub leaf: Leaf,
    /// Its index in the log.
    pub index: u64,
    /// The head that covers it.
    pub head: Checkpoint,
    /// Whether a trusted node vouches for the head; without it nothing is proven.
    pub voucher: Voucher,
}

/// Who vouches for the head of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voucher {
    /// This trusted node, whose log it is, signed the head.
    Node(String),
    /// Nobody whose key is trusted here.
    Nobody,
}

/// Why a proof proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// Larger than any proof.
    #[error("larger than any proof")]
    TooLarge,
    /// Not text.
    #[error("not a proof file: no UTF-8 text")]
    Text,
    /// Not a proof file.
    #[error("not a proof file: {0}")]
    Malformed(#[from] schemas::proof::ProofError),
    /// The proof holds no readable leaf.
    #[error("the proof holds no leaf that can be read")]
    Leaf,
    /// The path does not lead from the leaf to the root of the head.
    #[error("the path does not lead from the leaf to the root of the head")]
    Path,
    /// The leaf names a node, the head is of another node's log.
    #[error("the leaf is of node {leaf}, the head of log {head}")]
    OtherLog {
        /// Node in the leaf.
        leaf: String,
        /// Log of the head.
        head: String,
    },
    /// The node is trusted, and it did not sign this head.
    #[error("the head is not signed by node {node}, whose key is trusted")]
    Signature {
        /// The node.
        node: String,
    },
}

/// What came of one proof file, to be shown: its text is in Chinese and English.
#[derive(Debug)]
pub struct FileReport(Result<Proven, Unproven>);

/// Verifies a proof file against a folder of trusted nodes.
///
/// # Errors
/// The file or the folder cannot be read. A proof that proves nothing is in the report.
pub fn file(path: &Path, trust: Option<&Path>) -> Result<FileReport, TrustError> {
    let trusted = match trust {
        Some(folder) => TrustedNodes::from_folder(folder)?,
        None => TrustedNodes::default(),
    };
    let size = std::fs::metadata(path)?.len();
    if size > PROOF_BYTES_MAX as u64 {
        return Ok(FileReport(Err(Unproven::TooLarge)));
    }
    let bytes = std::fs::read(path)?;
    let checked = match std::str::from_utf8(&bytes) {
        Ok(text) => verify(text, &trusted),
        Err(_) => Err(Unproven::Text),
    };
    Ok(FileReport(checked))
}

/// Verifies the text of a proof file.
///
/// # Errors
/// What is wrong with it. A proof whose arithmetic holds, but whose node is not trusted, is
/// answered with [`Voucher::Nobody`].
pub fn verify(text: &str, trusted: &TrustedNodes) -> Result<Proven, Unproven> {
    let proof = Proof::parse(text)?;
    let bytes = proof.extra.as_ref().ok_or(Unproven::Leaf)?;
    let leaf: Leaf = serde_json::from_slice(bytes).map_err(|_| Unproven::Leaf)?;
    let head = Checkpoint::parse(&SignedNote::parse(&proof.checkpoint)?.text)?;
    let hash = hash_that_fits(&proof, bytes, &head).ok_or(Unproven::Path)?;
    let origin = origin_of(&leaf.node);
    if head.origin != origin {
        return Err(Unproven::OtherLog {
            leaf: leaf.node,
            head: head.origin,
        });
    }
    let voucher = match trusted.0.get(&leaf.node) {
        None => Voucher::Nobody,
        Some(keys) => {
            verify_proof(&proof, hash, &origin, keys).map_err(|_| Unproven::Signature {
                node: leaf.node.clone(),
            })?;
            Voucher::Node(leaf.node.clone())
        }
    };
    Ok(Proven {
        leaf,
        index: proof.index,
        head,
        voucher,
    })
}

impl Unproven {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "PROOF_TOO_LARGE",
            Self::Text => "PROOF_MALFORMED",
            Self::Malformed(error) => error.code(),
            Self::Leaf => "PROOF_NO_LEAF",
            Self::Path => "PROOF_PATH",
            Self::OtherLog { .. } => "PROOF_OTHER_LOG",
            Self::Signature { .. } => "PROOF_SIGNATURE",
        }
    }
}

impl FileReport {
    /// Whether a trusted node vouches for the leaf.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        matches!(
            &self.0,
            Ok(Proven {
                voucher: Voucher::Node(_),
                ..
            })
        )
    }

    /// Stable code; none when proven.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match &self.0 {
            Ok(Proven {
                voucher: Voucher::Node(_),
                ..
            }) => None,
            Ok(Proven {
                voucher: Voucher::Nobody,
                ..
            }) => Some("PROOF_NOBODY"),
            Err(unproven) => Some(unproven.code()),
        }
    }
}

impl fmt::Display for FileReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(proven) => {
                let (index, size) = (proven.index, proven.head.size);
                match &proven.voucher {
                    Voucher::Node(node) => writeln!(
                        out,
                        "已证明 proven: {node} · 第 {index} 条 leaf {index}, 共 {size} 条 of {size}"
                    )?,
                    Voucher::Nobody => writeln!(out, "未证明 not proven: PROOF_NOBODY")?,
                }
                out.write_str(&leaf_text::lines(&proven.leaf, "  "))?;
            }
            Err(unproven) => writeln!(out, "未证明 not proven: {} {unproven}", unproven.code())?,
        }
        match self.code().and_then(catalogue::text) {
            Some(text) => {
                writeln!(out, "  {}。{}", text.zh, text.next_zh)?;
                writeln!(out, "  {}. {}.", text.en, text.next_en)
            }
            None => Ok(()),
        }
    }
}

/// A proof does not name its hash: the one with which the path leads to the root. A forger gains
/// nothing by the choice, both are collision resistant.
fn hash_that_fits(proof: &Proof, bytes: &[u8], head: &Checkpoint) -> Option<LogHash> {
    [LogHash::Sm3, LogHash::Sha256].into_iter().find(|hash| {
        verify_inclusion(
            *hash,
            &hash.leaf(bytes),
            proof.index,
            head.size,
            &proof.path,
            &head.root,
        )
    })
}

impl TrustedNodes {
    /// Reads all `<node>.node.json` of a folder; the file's name says whose keys they are.
    ///
    /// # Errors
    /// A folder or file that cannot be read, a file that holds no keys, too many files.
    pub fn from_folder(folder: &Path) -> Result<Self, TrustError> {
        let mut nodes = BTreeMap::new();
        for found in std::fs::read_dir(folder)? {
            let found = found?;
            let file = found.file_name().to_string_lossy().into_owned();
            let Some(node) = file
                .strip_suffix(NODE_FILE_END)
                .filter(|name| is_node_name(name))
            else {
                continue;
            };
            if nodes.len() >= NODE_FILES_MAX {
                return Err(TrustError::TooMany);
            }
            let keys =
                read_keys(&found.path()).ok_or(TrustError::Malformed { file: file.clone() })?;
            nodes.insert(node.to_owned(), keys);
        }
        Ok(Self(nodes))
    }

    /// Adds a node's keys.
    pub fn insert(&mut self, node: &str, keys: NodePublicKeys) {
        self.0.insert(node.to_owned(), keys);
    }

    /// Keys of one node.
    #[must_use]
    pub fn find(&self, node: &str) -> Option<&NodePublicKeys> {
        self.0.get(node)
    }
}

/// Writes the public keys of a node to `<node>.node.json` in a folder of trusted nodes.
///
/// # Errors
/// The file cannot be written.
pub fn publish_keys(folder: &Path, node: &str, keys: &NodePublicKeys) -> Result<(), TrustError> {
    let file = format!("{node}{NODE_FILE_END}");
    let text = serde_json::to_vec_pretty(keys)
        .map_err(|_| TrustError::Malformed { file: file.clone() })?;
    std::fs::create_dir_all(folder)?;
    Ok(std::fs::write(folder.join(file), text)?)
}

fn read_keys(path: &Path) -> Option<NodePublicKeys> {
    let size = std::fs::metadata(path).ok()?.len();
    if size > NODE_FILE_BYTES_MAX {
        return None;
    }
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}
