//! Provenance leaf: one thing that happened, as it goes into a node's Merkle log.
//!
//! A leaf never holds personal data. What is personal (operator, clear purpose text that names a
//! person) goes into [`PrivateDetail`], which is stored apart, encrypted; the leaf holds only its
//! salted digest, so erasing the detail leaves the tree intact. The mapping to activities, entities
//! and agents is that of ARCHITECTURE.md, Standards.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::permit::{CallCategory, PermitBasis};
use crate::verdict::{FindingCode, Outcome};

/// Longest leaf in bytes; a bound for whoever reads one.
pub const LEAF_BYTES_MAX: usize = 16 * 1024;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// The home node registered a version or a change of an entry.
    Register,
    /// The national node applied a change.
    Apply,
    /// The national node rejected a change.
    Reject,
    /// The home node took a receipt.
    Receipt,
    /// A caller looked something up.
    Lookup,
    /// A node answered another node's lookup.
    AnswerLookup,
    /// A permit was decided, either way.
    Permit,
    /// A file was fetched from its home node.
    Fetch,
    /// The home node handed a file to another node.
    HandOut,
    /// A file was verified.
    Verify,
    /// A file was delivered to a caller.
    Deliver,
    /// Something was refused: a use, a delivery, a message.
    Refuse,
    /// A trail or a proof was read by an auditor.
    Audit,
    /// Trust material changed.
    Trust,
    /// The status of a seal was asked of its home node, or answered by it.
    SealStatus,
    /// An operator decided about a message that could not be used.
    DeadLetter,
    /// A page of a home node's present entries: handed out by it, taken by the national node.
    Snapshot,
}

/// One leaf, version 1. The bytes of its JSON are what is hashed: they are stored and shown as
/// they were written, never re-encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// Version of this shape: 1.
    pub v: u8,
    /// Name of the event, UUID version 7.
    pub id: String,
    /// When it happened, by the node's clock.
    pub at: DateTime<Utc>,
    /// Node that recorded it.
    pub node: String,
    /// What was done.
    pub activity: Activity,
    /// Licence it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// The version of the entry or the file it was done with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<EntityReference>,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// For which matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matter: Option<Matter>,
    /// By what right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permit: Option<PermitReference>,
    /// With what verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictReference>,
    /// Which bus message carried it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageReference>,
    /// Which trust item, or the seal that was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemReference>,
    /// `OK`, or the stable code of the refusal.
    pub result: String,
    /// SM3 of salt ‖ JSON of the [`PrivateDetail`], hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_sm3: Option<String>,
}

/// Version of the entry or file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityReference {
    /// Revision of the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// SM3 of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_sm3: Option<String>,
    /// Node that the other half of this activity concerns: the home node of a fetch, the
    /// requesting node of a hand-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
}

/// The organisation and system on whose behalf it was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Unified social credit code of the organisation.
    pub organisation: String,
    /// The caller's system.
    pub caller: String,
}

/// The matter a use was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matter {
    /// Code of the matter, GB/T 39554.
    pub code: String,
    /// Whether the use belongs to a service item.
    pub call_category: CallCategory,
}

/// The permit of a use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermitReference {
    /// Name of the decision.
    pub id: String,
    /// Whether it permitted.
    pub permitted: bool,
    /// Rule that decided.
    pub rule: String,
    /// By what right.
    pub basis: PermitBasis,
}

/// The verdict that a caller was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictReference {
    /// The verdict.
    pub outcome: Outcome,
    /// The most telling finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<FindingCode>,
    /// Fingerprint of the trust material on which it was given.
    pub trust: String,
}

/// Where on the bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageReference {
    /// Identity of the message.
    pub id: String,
    /// Topic it was read from, when it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Partition of that topic; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// Position in that partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
}

/// One trust item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemReference {
    /// Name of the item, for instance `seal:<sm3>`.
    pub name: String,
    /// Serial of the item; none where only the thing is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
}

/// What is personal about an event; stored apart from the leaf, encrypted, erasable.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateDetail {
    /// Person who operated the calling system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Name of the matter as the caller wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matter_name: Option<String>,
    /// Reason as the caller wrote it; may name a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Number of the case at the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_number: Option<String>,
    /// Keyed-hash token of the holder whose licences were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder_token: Option<String>,
}

impl Leaf {
    /// A leaf that says only what, when and where; the caller fills in the rest.
    #[must_use]
    pub fn new(id: String, at: DateTime<Utc>, node: &str, activity: Activity) -> Self {
        Self {
            v: 1,
            id,
            at,
            node: node.to_owned(),
            activity,
            identifier: None,
            entity: None,
            agent: None,
            matter: None,
            permit: None,
            verdict: None,
            message: None,
            item: None,
            result: "OK".to_owned(),
            private_sm3: None,
        }
    }

    /// The bytes to be stored and hashed.
    ///
    /// # Errors
    /// None in practice: the shape has no map with other than text keys.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

impl std::fmt::Debug for PrivateDetail {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PrivateDetail([private])")
    }
}
