//! Body of `hub.trust.item.v1`: one thing that the nodes trust, or no longer trust.
//!
//! The topic `trust` is compacted by the item's name: the newest record of a name is what holds.
//! `serial` only grows per name, so a record that is played again, or played back, is known for
//! ever. A thing that is no longer trusted is not removed but `withdrawn`: a node that comes
//! later must learn that too.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::envelope::{OPERATOR, is_node_name};
use crate::region::ProvinceCode;
use crate::seal_status::{SealStatus, is_sm3_hex};

/// Longest item name, in bytes: `seal:`, a node name of 63, and an SM3 in hex.
pub const ITEM_NAME_BYTES_MAX: usize = 160;

/// Most keys of one node in its item: a rollover needs two; the rest are history that peers may
/// still need to tell an expired key from an unknown one.
pub const NODE_KEYS_MAX: usize = 16;

/// Most regions of one node: there are fewer provinces.
pub const NODE_REGIONS_MAX: usize = 64;

/// One item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustItem {
    /// Name, the key of the record; see [`TrustContent::check_name`].
    pub name: String,
    /// Grows with every change of this item; by custom milliseconds since 1970, so that whoever
    /// signs need not have kept count.
    pub serial: u64,
    /// When it was signed.
    pub issued_at: DateTime<Utc>,
    /// Whether it is trusted.
    pub state: ItemState,
    /// What it is.
    pub content: TrustContent,
}

/// Whether an item is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemState {
    /// It is.
    Listed,
    /// It was, or might have been, and is not any more, wherever else it may be listed.
    Withdrawn,
}

/// What an item is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum TrustContent {
    /// A self-signed CA certificate at which paths end.
    Anchor {
        /// DER in base64.
        certificate: String,
    },
    /// Another CA certificate.
    Intermediate {
        /// DER in base64.
        certificate: String,
    },
    /// A certificate whose seals are trusted.
    Maker {
        /// DER in base64.
        certificate: String,
    },
    /// A certificate revocation list.
    Crl {
        /// DER in base64.
        list: String,
    },
    /// The operator's next key, signed with the one it follows.
    Operator {
        /// Id of the key that it follows.
        follows: String,
        /// The key.
        key: NodeKey,
    },
    /// A node: its keys and what it is home of.
    Node(NodeItem),
    /// The status of a seal.
    Seal(SealStatus),
}

/// What a node is in the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeRole {
    /// The national hub.
    National,
    /// A province's or ministry's hub.
    Province,
}

/// One node of the routing table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeItem {
    /// Name of the node.
    pub name: String,
    /// What it is.
    pub role: NodeRole,
    /// Provinces (GB/T 2260, two digits) whose licences it is home of.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Its keys, oldest first; the newest that holds is the one to seal to.
    pub keys: Vec<NodeKey>,
    /// Whether nothing of it is believed any more.
    #[serde(default)]
    pub revoked: bool,
}

/// One pair of public keys with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeKey {
    /// Signing key: uncompressed SM2 point, hex.
    pub signing: String,
    /// Key to seal to: uncompressed SM2 point, hex.
    pub sealing: String,
    /// Id of the signing key.
    pub key_id: String,
    /// From when on it counts.
    pub not_before: DateTime<Utc>,
    /// Until when it counts; none while no end is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<DateTime<Utc>>,
}

/// Why an item is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// The name is not that of such a thing.
    #[error("the item's name does not fit its content")]
    Name,
    /// A node's name, role, region or list of keys is malformed.
    #[error("the node of the item is malformed")]
    Node,
    /// The status of the seal is malformed.
    #[error("the seal status of the item is malformed")]
    Seal,
    /// Something that is no certificate, no list or no key, or not of the kind that it claims.
    #[error("the certificate, list or key of the item is not what it claims to be")]
    Material,
}

impl ItemError {
    /// Stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        "TRUST_ITEM_MALFORMED"
    }
}

impl TrustContent {
    /// The word in front of the item's name.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Anchor { .. } => "anchor",
            Self::Intermediate { .. } => "intermediate",
            Self::Maker { .. } => "maker",
            Self::Crl { .. } => "crl",
            Self::Operator { .. } => "operator",
            Self::Node(_) => "node",
            Self::Seal(_) => "seal",
        }
    }

    /// Checks that `name` is that of this content: `node:<name>`, `seal:<sm3>` from the operator
    /// and `seal:<home node>:<sm3>` from a home node, else the kind and an SM3, of the certificate,
    /// of the list's issuer (of the list itself where it stays beside a newer one) or of the key;
    /// whether that SM3 is right needs the package `certs`.
    ///
    /// # Errors
    /// A name that does not fit.
    pub fn check_name(&self, name: &str) -> Result<(), ItemError> {
        let rest = name
            .strip_prefix(self.kind())
            .and_then(|rest| rest.strip_prefix(':'))
            .filter(|_| name.len() <= ITEM_NAME_BYTES_MAX)
            .ok_or(ItemError::Name)?;
        let fits = match self {
            Self::Node(node) => rest == node.name,
            Self::Seal(seal) => match rest.rsplit_once(':') {
                Some((home, sm3)) => is_ordinary_node(home) && sm3 == seal.seal_sm3,
                None => rest == seal.seal_sm3,
            },
            _ => is_sm3_hex(rest),
        };
        fits.then_some(()).ok_or(ItemError::Name)
    }
}

impl TrustItem {
    /// Checks everything that needs no cryptography.
    ///
    /// # Errors
    /// The first part that is malformed.
    pub fn check(&self) -> Result<(), ItemError> {
        self.content.check_name(&self.name)?;
        // The store counts in signed numbers.
        if self.serial == 0 || i64::try_from(self.serial).is_err() {
            return Err(ItemError::Name);
        }
        match &self.content {
            TrustContent::Node(node) => node.check(),
            TrustContent::Seal(seal) => seal.check().map_err(|_| ItemError::Seal),
            _ => Ok(()),
        }
    }

    /// The home node in the name of a seal's item; none in the operator's items.
    #[must_use]
    pub fn seal_home(&self) -> Option<&str> {
        let (home, _) = self.name.strip_prefix("seal:")?.rsplit_once(':')?;
        Some(home)
    }
}

impl NodeItem {
    fn check(&self) -> Result<(), ItemError> {
        let ordered = |key: &NodeKey| key.not_after.is_none_or(|end| key.not_before <= end);
        let is_region = |code: &String| ProvinceCode::parse(code).is_ok();
        let fits = is_ordinary_node(&self.name)
            && (1..=NODE_KEYS_MAX).contains(&self.keys.len())
            && self.keys.iter().all(ordered)
            && self.regions.len() <= NODE_REGIONS_MAX
            && self.regions.iter().all(is_region);
        fits.then_some(()).ok_or(ItemError::Node)
    }
}

/// Name of the item of a seal: the operator's, or that of home node `home`.
#[must_use]
pub fn seal_item_name(home: Option<&str>, seal_sm3: &str) -> String {
    match home {
        Some(home) => format!("seal:{home}:{seal_sm3}"),
        None => format!("seal:{seal_sm3}"),
    }
}

/// Whether `name` can name a node that is not the operator.
#[must_use]
pub fn is_ordinary_node(name: &str) -> bool {
    is_node_name(name) && name != OPERATOR
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal_status::{SealReason, SealState};

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).expect("in range")
    }

    fn item(name: &str, content: TrustContent) -> TrustItem {
        TrustItem {
            name: name.to_owned(),
            serial: 1,
            issued_at: at(),
            state: ItemState::Listed,
            content,
        }
    }

    fn seal() -> TrustContent {
        TrustContent::Seal(SealStatus {
            seal_sm3: "ab".repeat(32),
            es_id: "1".to_owned(),
            status: SealState::Revoked,
            since: at(),
            reason: SealReason::Superseded,
            suspensions: Vec::new(),
        })
    }

    fn node(name: &str) -> NodeItem {
        NodeItem {
            name: name.to_owned(),
            role: NodeRole::Province,
            regions: vec!["33".to_owned()],
            keys: vec![NodeKey {
                signing: String::new(),
                sealing: String::new(),
                key_id: String::new(),
                not_before: at(),
                not_after: None,
            }],
            revoked: false,
        }
    }

    #[test]
    fn an_item_survives_a_round_trip() {
        for item in [
            item(&seal_item_name(None, &"ab".repeat(32)), seal()),
            item("node:zhejiang", TrustContent::Node(node("zhejiang"))),
        ] {
            let text = serde_json::to_string(&item).expect("json");
            let read: TrustItem = serde_json::from_str(&text).expect("an item");
            assert_eq!(read, item);
            assert_eq!(read.check(), Ok(()));
        }
    }

    #[test]
    fn a_name_belongs_to_its_content() {
        let sm3 = "ab".repeat(32);
        let home = item(&seal_item_name(Some("zhejiang"), &sm3), seal());
        assert_eq!(home.check(), Ok(()));
        assert_eq!(home.seal_home(), Some("zhejiang"));
        assert_eq!(item(&seal_item_name(None, &sm3), seal()).seal_home(), None);
        for name in [
            "seal:".to_owned() + &"cd".repeat(32),
            format!("seal:operator:{sm3}"),
            format!("seal:a:b:{sm3}"),
            format!("anchor:{sm3}"),
            sm3,
            "seal".to_owned(),
        ] {
            assert_eq!(item(&name, seal()).check(), Err(ItemError::Name), "{name}");
        }
        let certificate = String::new();
        let anchor = TrustContent::Anchor { certificate };
        assert_eq!(item("anchor:x", anchor).check(), Err(ItemError::Name));
    }

    #[test]
    fn malformed_nodes_are_refused() {
        let refused = |node: NodeItem| {
            let name = format!("node:{}", node.name);
            assert_eq!(
                item(&name, TrustContent::Node(node)).check(),
                Err(ItemError::Node)
            );
        };
        refused(node("operator"));
        refused(node("Zhejiang"));
        let keys = Vec::new();
        refused(NodeItem {
            keys,
            ..node("zhejiang")
        });
        let regions = vec!["99".to_owned()];
        refused(NodeItem {
            regions,
            ..node("zhejiang")
        });
        let mut backwards = node("zhejiang");
        backwards.keys[0].not_after = Some(at() - chrono::Duration::seconds(1));
        refused(backwards);
    }
}
