//! Items of the topic `trust`: what their content is, and whether it is what it claims to be.
//!
//! Who signed an item is the envelope's question; here only what it says.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use schemas::region::ProvinceCode;
use schemas::trust_item::{ItemError, NodeItem, NodeKey, NodeRole, TrustContent, TrustItem};

use super::folder::{self, Part};
use super::{Role, TrustError, role_of};
use crate::certificate::Certificate;
use crate::crl::Crl;
use crate::digest::sm3;
use crate::node_key::NodePublicKeys;

/// What a checked item holds.
#[derive(Clone, Debug)]
pub enum Material {
    /// Of an anchor, an intermediate or a seal maker.
    Certificate(Arc<Certificate>),
    /// DER of a revocation list.
    Crl(Arc<[u8]>),
    /// The operator's next key.
    Operator {
        /// Id of the key that it follows.
        follows: String,
        /// The key.
        key: Box<KnownKey>,
    },
    /// A node.
    Node(KnownNode),
    /// The status of a seal, which needs no cryptography.
    Seal,
}

/// Public keys with their time.
#[derive(Clone, Debug)]
pub struct KnownKey {
    /// The keys.
    pub keys: NodePublicKeys,
    /// From when on they count.
    pub not_before: DateTime<Utc>,
    /// Until when they count; none while no end is set.
    pub not_after: Option<DateTime<Utc>>,
}

/// A node of the routing table.
#[derive(Clone, Debug)]
pub struct KnownNode {
    /// What it is in the exchange.
    pub role: NodeRole,
    /// Provinces whose licences it is home of.
    pub regions: Vec<ProvinceCode>,
    /// Its keys, oldest first.
    pub keys: Vec<KnownKey>,
    /// Whether nothing of it is believed any more.
    pub revoked: bool,
}

/// Checks an item and reads what it holds.
///
/// # Errors
/// A name that does not fit, a malformed part, a certificate of another kind.
pub fn check_item(item: &TrustItem) -> Result<Material, ItemError> {
    item.check()?;
    if let Some(name) = item_name_of(&item.content)
        && name != item.name
        && older_list_name_of(&item.content).as_ref() != Some(&item.name)
    {
        return Err(ItemError::Name);
    }
    match &item.content {
        TrustContent::Anchor { certificate } => certificate_of(certificate, Role::Anchor),
        TrustContent::Intermediate { certificate } => {
            certificate_of(certificate, Role::Intermediate)
        }
        TrustContent::Maker { certificate } => certificate_of(certificate, Role::SealMaker),
        TrustContent::Crl { list } => {
            let der = decode(list)?;
            Crl::parse(&der).map_err(|_| ItemError::Material)?;
            Ok(Material::Crl(der.into()))
        }
        TrustContent::Operator { follows, key } => Ok(Material::Operator {
            follows: follows.clone(),
            key: Box::new(KnownKey::parse(key)?),
        }),
        TrustContent::Node(node) => KnownNode::parse(node).map(Material::Node),
        TrustContent::Seal(_) => Ok(Material::Seal),
    }
}

/// Name of the item of a certificate, a list or a key: its kind and an SM3. None where the name
/// follows from the content without cryptography, or the content cannot be read.
#[must_use]
pub fn item_name_of(content: &TrustContent) -> Option<String> {
    let kind = content.kind();
    let named = |bytes: &[u8]| format!("{kind}:{}", hex::encode(sm3(bytes)));
    match content {
        TrustContent::Anchor { certificate }
        | TrustContent::Intermediate { certificate }
        | TrustContent::Maker { certificate } => Some(named(&decode(certificate).ok()?)),
        // By issuer: a newer list takes the place of the older one.
        TrustContent::Crl { list } => {
            let list = Crl::parse(&decode(list).ok()?).ok()?;
            Some(named(list.issuer()))
        }
        // By the key that is followed: two successors of one key would be two truths.
        TrustContent::Operator { follows, .. } => Some(named(follows.as_bytes())),
        TrustContent::Node(_) | TrustContent::Seal(_) => None,
    }
}

/// Name of the item under which a revocation list stays beside a newer one of its issuer: by the
/// list. None for anything else.
#[must_use]
pub fn older_list_name_of(content: &TrustContent) -> Option<String> {
    let list = list_of(content)?;
    Some(format!("{}:{}", content.kind(), hex::encode(list.digest())))
}

/// Whether one revocation list was made before another.
#[must_use]
pub fn is_older_list(list: &TrustContent, other: &TrustContent) -> bool {
    let made = |content| list_of(content).map(|list| list.this_update());
    made(list) < made(other)
}

/// Whether a revocation list says more than the one that takes its place, so that it must stay:
/// authorities take expired certificates off their lists (RFC 5280 §3.3), and may have a list for
/// each of their keys.
#[must_use]
pub fn says_more(list: &TrustContent, newer: &TrustContent) -> bool {
    let (Some(list), Some(newer)) = (list_of(list), list_of(newer)) else {
        return false;
    };
    let is_named = |serial| newer.revoked_at(serial).is_some();
    list.digest() != newer.digest()
        && (list.is_partial()
            || newer.is_partial()
            || !list.named().all(|(serial, _)| is_named(serial)))
}

/// The contents of items for what a file holds: certificates by what they count as, revocation
/// lists.
///
/// # Errors
/// Anything else in the file.
pub fn contents_of_file(bytes: &[u8]) -> Result<Vec<TrustContent>, TrustError> {
    folder::parts(bytes)?
        .into_iter()
        .map(|part| match part {
            Part::Certificate(der) => {
                content_of_certificate(&der).map_err(|_| TrustError::Unrecognised)
            }
            Part::Crl(der) => {
                Crl::parse(&der)?;
                let list = STANDARD.encode(der);
                Ok(TrustContent::Crl { list })
            }
        })
        .collect()
}

/// The certificates that a file holds, whatever they are for; revocation lists are passed over.
///
/// # Errors
/// Anything else in the file.
pub fn certificates_of_file(bytes: &[u8]) -> Result<Vec<Certificate>, TrustError> {
    let parts = folder::parts(bytes)?.into_iter();
    let certificates = parts.filter_map(|part| match part {
        Part::Certificate(der) => Some(der),
        Part::Crl(_) => None,
    });
    certificates
        .map(|der| Certificate::parse(&der).map_err(|_| TrustError::Unrecognised))
        .collect()
}

/// The content of an item for a certificate, by what it counts as.
///
/// # Errors
/// Bytes that are no certificate.
pub fn content_of_certificate(der: &[u8]) -> Result<TrustContent, ItemError> {
    let parsed = Certificate::parse(der).map_err(|_| ItemError::Material)?;
    let certificate = STANDARD.encode(der);
    Ok(match role_of(&parsed).map_err(|_| ItemError::Material)? {
        Role::Anchor => TrustContent::Anchor { certificate },
        Role::Intermediate => TrustContent::Intermediate { certificate },
        Role::SealMaker => TrustContent::Maker { certificate },
    })
}

impl KnownKey {
    /// Whether the key counts at `at`.
    #[must_use]
    pub fn holds_at(&self, at: DateTime<Utc>) -> bool {
        self.not_before <= at && self.not_after.is_none_or(|end| at <= end)
    }

    /// Keys that count from the beginning and without end.
    #[must_use]
    pub fn unbounded(keys: NodePublicKeys) -> Self {
        Self {
            keys,
            not_before: DateTime::UNIX_EPOCH,
            not_after: None,
        }
    }

    /// As they stand in an item.
    #[must_use]
    pub fn to_item(&self) -> NodeKey {
        NodeKey {
            signing: hex::encode(self.keys.signing_point()),
            sealing: hex::encode(self.keys.encryption_point()),
            key_id: self.keys.key_id().to_owned(),
            not_before: self.not_before,
            not_after: self.not_after,
        }
    }

    fn parse(key: &NodeKey) -> Result<Self, ItemError> {
        let keys = NodePublicKeys::from_hex(&key.signing, &key.sealing)
            .map_err(|_| ItemError::Material)?;
        if keys.key_id() != key.key_id {
            return Err(ItemError::Material);
        }
        Ok(Self {
            keys,
            not_before: key.not_before,
            not_after: key.not_after,
        })
    }
}

impl KnownNode {
    fn parse(node: &NodeItem) -> Result<Self, ItemError> {
        let regions: Result<Vec<_>, _> = node
            .regions
            .iter()
            .map(|code| ProvinceCode::parse(code).map_err(|_| ItemError::Node))
            .collect();
        let keys: Result<Vec<_>, _> = node.keys.iter().map(KnownKey::parse).collect();
        Ok(Self {
            role: node.role,
            regions: regions?,
            keys: keys?,
            revoked: node.revoked,
        })
    }
}

fn certificate_of(text: &str, claimed: Role) -> Result<Material, ItemError> {
    let certificate = Certificate::parse(&decode(text)?).map_err(|_| ItemError::Material)?;
    match role_of(&certificate) {
        Ok(role) if role == claimed => Ok(Material::Certificate(Arc::new(certificate))),
        _ => Err(ItemError::Material),
    }
}

fn list_of(content: &TrustContent) -> Option<Crl> {
    match content {
        TrustContent::Crl { list } => Crl::parse(&decode(list).ok()?).ok(),
        _ => None,
    }
}

fn decode(text: &str) -> Result<Vec<u8>, ItemError> {
    STANDARD.decode(text).map_err(|_| ItemError::Material)
}

#[cfg(test)]
mod tests {
    use schemas::trust_item::ItemState;

    use super::*;
    use crate::node_key::NodeKeys;
    use crate::testing::{Authority, CertificateSpec, CrlSpec};

    fn item(content: TrustContent) -> TrustItem {
        let name = match &content {
            TrustContent::Node(node) => format!("node:{}", node.name),
            content => item_name_of(content).expect("a name"),
        };
        TrustItem {
            name,
            serial: 1,
            issued_at: DateTime::UNIX_EPOCH,
            state: ItemState::Listed,
            content,
        }
    }

    #[test]
    fn certificates_are_what_they_claim_to_be() {
        let root = Authority::root("Root CA", 1);
        let issuing = root.issue(&CertificateSpec::authority("Issuing CA"), 2);
        let (root, issuing) = (root.certificate().der(), issuing.certificate().der());
        for der in [root, issuing] {
            let content = content_of_certificate(der).expect("a certificate");
            let checked = check_item(&item(content)).expect("holds");
            let Material::Certificate(found) = checked else {
                panic!("a certificate");
            };
            assert_eq!(found.der(), der);
        }
        let certificate = STANDARD.encode(issuing);
        let lie = item(TrustContent::Anchor { certificate });
        assert_eq!(check_item(&lie).err(), Some(ItemError::Material));
        let mut other = item(content_of_certificate(root).expect("a certificate"));
        other.name = format!("anchor:{}", "ab".repeat(32));
        assert_eq!(check_item(&other).err(), Some(ItemError::Name));
    }

    #[test]
    fn a_list_is_named_by_its_issuer() {
        let root = Authority::root("Root CA", 1);
        let list = STANDARD.encode(root.crl(&CrlSpec::default()));
        let item = item(TrustContent::Crl { list });
        assert!(matches!(check_item(&item), Ok(Material::Crl(_))));
        let issuer = hex::encode(sm3(root.certificate().subject()));
        assert_eq!(item.name, format!("crl:{issuer}"));
    }

    #[test]
    fn a_list_that_says_more_than_the_newer_one_stays_by_a_name_of_its_own() {
        let root = Authority::root("Root CA", 1);
        let list = |this_update, revoked| TrustContent::Crl {
            list: STANDARD.encode(root.crl(&CrlSpec {
                this_update,
                revoked,
                ..CrlSpec::default()
            })),
        };
        let since = "20250601000000Z";
        let old = list("20260101000000Z", vec![(7, since)]);
        let [more, less] = [vec![(7, since), (8, since)], vec![(8, since)]]
            .map(|revoked| list("20260201000000Z", revoked));
        assert!(says_more(&old, &less));
        assert!(!says_more(&old, &more));
        assert!(!says_more(&old, &old));
        assert!(is_older_list(&old, &less));
        assert!(!is_older_list(&less, &old));

        let mut stays = item(old.clone());
        stays.name = older_list_name_of(&old).expect("a name");
        assert!(matches!(check_item(&stays), Ok(Material::Crl(_))));
        stays.content = less;
        assert_eq!(check_item(&stays).err(), Some(ItemError::Name));
    }

    #[test]
    fn a_nodes_keys_are_points_with_their_own_names() {
        let keys = NodeKeys::generate().expect("keys").public();
        let node = |key: NodeKey| {
            TrustContent::Node(NodeItem {
                name: "zhejiang".to_owned(),
                role: NodeRole::Province,
                regions: vec!["33".to_owned()],
                keys: vec![key],
                revoked: false,
            })
        };
        let good = KnownKey::unbounded(keys).to_item();
        let known = check_item(&item(node(good.clone()))).expect("holds");
        assert!(matches!(known, Material::Node(known) if known.keys.len() == 1));
        let mut lie = good.clone();
        lie.key_id = "00".repeat(8);
        let mut off_curve = good;
        off_curve.signing = format!("04{}", "11".repeat(64));
        for key in [lie, off_curve] {
            let refused = check_item(&item(node(key)));
            assert_eq!(refused.err(), Some(ItemError::Material));
        }
    }
}
