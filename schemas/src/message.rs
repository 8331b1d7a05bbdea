//! Bodies of bus messages, version 1. JSON, unknown fields ignored so that newer nodes can add
//! fields (invariant 10); what is personal is sealed to the node that may read it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::entry::{EntryPrivate, EntryPublic};

/// Bytes that only the recipient node can open; see the sealing module of `certs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedBytes {
    /// Key of the recipient that opens it, hex.
    pub recipient_key: String,
    /// The sealed bytes, base64.
    pub sealed: String,
}

/// Body of `hub.directory.change.v1`: one version or status change of one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryChange {
    /// What everyone may know of the entry.
    pub entry: EntryPublic,
    /// [`EntryPrivate`] as JSON, sealed to the national node.
    pub private: SealedBytes,
}

/// What the national node did with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptOutcome {
    /// The entry is in the directory.
    Accepted,
    /// The entry is older than what the directory has; nothing was changed.
    Superseded,
    /// The entry was refused for the reasons given and stands in the quality queue.
    Rejected,
}

/// One reason of a rejection or a quality remark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptReason {
    /// Stable name of the rule.
    pub rule: String,
    /// Whether this reason led to the rejection.
    pub rejecting: bool,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// Body of `hub.directory.receipt.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryReceipt {
    /// Message that carried the change.
    pub message_id: String,
    /// Home node of the entry.
    pub home_node: String,
    /// Identifier of the entry.
    pub identifier: String,
    /// Revision of the entry.
    pub revision: u64,
    /// What was done.
    pub outcome: ReceiptOutcome,
    /// Why; also remarks on accepted entries.
    pub reasons: Vec<ReceiptReason>,
    /// When it was done.
    pub applied_at: DateTime<Utc>,
}

/// Body of `hub.lookup.request.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase")]
pub enum LookupRequest {
    /// One licence version by its identifier.
    Identifier {
        /// The identifier.
        identifier: String,
        /// Who asks.
        asker: Asker,
    },
    /// All licences of one holder: a [`HolderQuery`] as JSON, sealed to the answering node.
    Holder {
        /// The sealed query.
        query: SealedBytes,
        /// Who asks.
        asker: Asker,
    },
}

/// Who asks through the requesting node, for the answering node's own record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// Organisation, unified social credit code.
    pub organisation: String,
    /// The caller's system.
    pub caller: String,
}

/// Which holder's licences are asked for. Personal data: never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderQuery {
    /// Code of the holder.
    pub holder_code: String,
    /// Only licences of this type, when given.
    pub type_code: Option<String>,
}

/// Body of `hub.lookup.reply.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum LookupReply {
    /// What was found, newest first, at most [`LOOKUP_ENTRIES_MAX`]; empty when there is nothing.
    Found {
        /// The entries.
        entries: Vec<LookedUpEntry>,
        /// When the answering node looked.
        as_of: DateTime<Utc>,
    },
    /// The answering node does not answer.
    Refused {
        /// Stable code of the refusal.
        code: String,
    },
}

/// Most entries in one lookup reply: keeps a reply far below the size limit of a message.
pub const LOOKUP_ENTRIES_MAX: usize = 100;

/// One entry of a lookup reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedUpEntry {
    /// What everyone may know.
    pub public: EntryPublic,
    /// [`EntryPrivate`] as JSON, sealed to the requesting node.
    pub private: SealedBytes,
}

/// Body of `hub.file.request.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRequest {
    /// Licence whose file is wanted.
    pub identifier: String,
    /// SM3 of the wanted file, from the entry.
    pub file_sm3: String,
    /// The permit on which the requesting node asks: [`crate::permit::PermitRecord`] as JSON,
    /// sealed to the home node, because the free text of its purpose may name a person.
    pub permit: SealedBytes,
    /// Numbers of the chunks that are wanted, ascending, at most [`CHUNKS_MAX`]; none named: all.
    /// A node that does not know this member sends all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chunks: Vec<u32>,
}

/// Most chunks of one file: those of 64 MiB, the largest file that is fetched.
pub const CHUNKS_MAX: u32 = 128;

/// Plain bytes of one file chunk before sealing, in bytes. Sealed and in base64 a chunk stays
/// well below [`crate::envelope::BODY_BYTES_MAX`].
pub const CHUNK_BYTES: usize = 512 * 1024;

/// Body of `hub.file.chunk.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChunk {
    /// Licence the file belongs to.
    pub identifier: String,
    /// SM3 of the whole file.
    pub file_sm3: String,
    /// Size of the whole file, in bytes.
    pub size_bytes: u64,
    /// Number of this chunk, from 0.
    pub number: u32,
    /// How many chunks there are.
    pub count: u32,
    /// SM3 of this chunk's plain bytes.
    pub chunk_sm3: String,
    /// The chunk, sealed to the requesting node.
    pub data: SealedBytes,
}

/// Body of `hub.file.refusal.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRefusal {
    /// Licence whose file was wanted.
    pub identifier: String,
    /// Stable code of the refusal.
    pub code: String,
}

/// Most entries in one page of a snapshot: its transaction stays as short as that of a batch of
/// changes.
pub const SNAPSHOT_ENTRIES_MAX: usize = 128;

/// Most plain bytes of one page before sealing, in bytes: as a chunk of a file.
pub const SNAPSHOT_BYTES_MAX: usize = CHUNK_BYTES;

/// Body of `hub.snapshot.request.v1`: the next page of a home node's present entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRequest {
    /// Identifier after which the page begins, in the order of their bytes; none for the first.
    #[serde(default)]
    pub after: Option<String>,
}

/// Body of `hub.snapshot.page.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum SnapshotPage {
    /// The page.
    Page {
        /// A list of [`SnapshotEntry`] as JSON, sealed to the national node.
        entries: SealedBytes,
        /// Identifier after which the next page begins; none when this is the last.
        #[serde(default)]
        next: Option<String>,
    },
    /// The home node does not answer.
    Refused {
        /// Stable code of the refusal.
        code: String,
    },
}

/// One present entry of a home node, in the sealed part of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotEntry {
    /// What everyone may know of the entry.
    pub entry: EntryPublic,
    /// What not everyone may know.
    pub private: EntryPrivate,
    /// Message that carried this revision as a change.
    pub message_id: String,
    /// What the receipt for that message said; none while it is awaited.
    #[serde(default)]
    pub outcome: Option<ReceiptOutcome>,
}

impl std::fmt::Debug for HolderQuery {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("HolderQuery([private])")
    }
}

/// Reads the private part of an entry.
///
/// # Errors
/// Text that is not the JSON of an [`EntryPrivate`].
pub fn private_from_json(bytes: &[u8]) -> Result<EntryPrivate, serde_json::Error> {
    serde_json::from_slice(bytes)
}
