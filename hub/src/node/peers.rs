//! The nodes that a node knows, with their keys and regions: the routing table.
//!
//! The configuration is where it begins; what the operator says on the topic `trust` stands above
//! it.

use std::collections::BTreeMap;

use anyhow::Context;
use certs::node_key::{NodeKeys, NodePublicKeys};
use certs::trust::{KnownKey, KnownNode};
use chrono::{DateTime, Duration, Utc};
use schemas::envelope::OPERATOR;
use schemas::identifier::Identifier;
use schemas::region::ProvinceCode;
use schemas::trust_item::NodeRole;

use super::{NodeError, part};
use crate::config::{NodeConfig, PeerKeys, Role};

/// How long after the end of a key a message that was signed before it may still arrive: as long
/// as messages wait on the bus. Who holds an old key could date messages back for that long; a
/// key in other hands is revoked, not left to expire.
const KEY_GRACE: Duration = Duration::days(7);

/// How far the clocks of two nodes may be apart when a key begins to count.
const CLOCK_SKEW: Duration = Duration::minutes(5);

/// A node that may take part in the exchange.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its keys, oldest first.
    pub keys: Vec<KnownKey>,
    /// What it is in the exchange.
    pub role: Role,
    /// Provinces whose entries it may register.
    pub regions: Vec<ProvinceCode>,
    /// Whether nothing of it is believed any more.
    pub revoked: bool,
}

/// The known nodes by name, the own one included, and the operator's keys.
#[derive(Clone, Debug)]
pub struct Peers {
    own: String,
    nodes: BTreeMap<String, Peer>,
    /// The operator's key of the configuration and those that followed it, the present one last.
    operator: Vec<KnownKey>,
}

/// Why a message with a good signature is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyDoubt {
    /// The node is revoked.
    Revoked,
    /// The key did not count any more when the message was made, or it arrived long after.
    Expired,
    /// The key did not count yet.
    Early,
}

impl KeyDoubt {
    /// Stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Revoked => "NODE_REVOKED",
            Self::Expired => "NODE_KEY_EXPIRED",
            Self::Early => "NODE_KEY_EARLY",
        }
    }
}

impl Peers {
    /// Reads the peers of a configuration and adds the node itself.
    ///
    /// # Errors
    /// A file of keys that cannot be read, an unknown province, two peers of one name.
    pub fn from_config(config: &NodeConfig, keys: &NodeKeys) -> Result<Self, NodeError> {
        let peer = |keys: NodePublicKeys, role: Role, regions: &[String]| {
            Ok::<_, NodeError>(Peer {
                keys: vec![KnownKey::unbounded(keys)],
                role,
                regions: provinces(regions)?,
                revoked: false,
            })
        };
        let own = peer(keys.public(), config.role, &config.regions)?;
        let mut nodes = BTreeMap::from([(config.name.clone(), own)]);
        for known in &config.peers {
            let one = peer(public_keys(&known.keys)?, known.role, &known.regions)?;
            if nodes.insert(known.name.clone(), one).is_some() {
                let cause = anyhow::anyhow!("node {} is named twice", known.name);
                return Err(NodeError::Part {
                    what: "the list of peers",
                    cause,
                });
            }
        }
        let operator = config.operator.as_ref().map(public_keys).transpose()?;
        Ok(Self {
            own: config.name.clone(),
            nodes,
            operator: operator.into_iter().map(KnownKey::unbounded).collect(),
        })
    }

    /// One node by name, unless it is revoked.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Peer> {
        self.nodes.get(name).filter(|peer| !peer.revoked)
    }

    /// Every known node by name, the revoked ones too.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Peer)> {
        self.nodes.iter().map(|(name, peer)| (name.as_str(), peer))
    }

    /// The node that is home of a province's licences.
    #[must_use]
    pub fn home_of(&self, province: ProvinceCode) -> Option<&str> {
        let is_home = |peer: &Peer| !peer.revoked && peer.regions.contains(&province);
        let mut homes = self.nodes.iter().filter(|(_, peer)| is_home(peer));
        homes.next().map(|(name, _)| name.as_str())
    }

    /// The node that is home of the licences of the province in this identifier.
    #[must_use]
    pub fn home_of_licence(&self, identifier: &Identifier) -> Option<&str> {
        self.home_of(ProvinceCode::parse(identifier.region()).ok()?)
    }

    /// The keys of `origin` whose signing key has the id `key_id`, whether they count now or not:
    /// see [`Peers::doubt`].
    #[must_use]
    pub fn signing_keys(&self, origin: &str, key_id: &str) -> Option<NodePublicKeys> {
        self.known_key(origin, key_id).map(|key| key.keys.clone())
    }

    /// Whether a message that `origin` signed at `signed_at` with this key, and that arrives now,
    /// may be believed; none when it may.
    #[must_use]
    pub fn doubt(
        &self,
        origin: &str,
        key_id: &str,
        signed_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<KeyDoubt> {
        if self.nodes.get(origin).is_some_and(|peer| peer.revoked) {
            return Some(KeyDoubt::Revoked);
        }
        let key = self.known_key(origin, key_id)?;
        if signed_at < key.not_before - CLOCK_SKEW {
            return Some(KeyDoubt::Early);
        }
        let is_over = |end: DateTime<Utc>| signed_at > end || now > end + KEY_GRACE;
        key.not_after
            .is_some_and(is_over)
            .then_some(KeyDoubt::Expired)
    }

    /// Ids of this node's signing keys that count at `at`, the newest first.
    pub fn own_key_ids(&self, at: DateTime<Utc>) -> impl Iterator<Item = &str> {
        let own = self.nodes.get(&self.own).into_iter();
        let keys = own.flat_map(|peer| peer.keys.iter().rev());
        keys.filter(move |key| key.holds_at(at))
            .map(|key| key.keys.key_id())
    }

    /// The operator's present key.
    #[must_use]
    pub fn operator(&self) -> Option<&NodePublicKeys> {
        self.operator.last().map(|key| &key.keys)
    }

    /// Puts what the operator says of a node in the place of what is known of it.
    pub(crate) fn put(&mut self, name: &str, known: &KnownNode) {
        let peer = Peer {
            keys: known.keys.clone(),
            role: match known.role {
                NodeRole::National => Role::National,
                NodeRole::Province => Role::Province,
            },
            regions: known.regions.clone(),
            revoked: known.revoked,
        };
        self.nodes.insert(name.to_owned(), peer);
    }

    /// Lets the operator's key be followed by another; false when the one it follows is not the
    /// present one.
    pub(crate) fn follow_operator(&mut self, follows: &str, key: &KnownKey) -> bool {
        let is_next = self
            .operator()
            .is_some_and(|present| present.key_id() == follows)
            && !self.operator.iter().any(|known| known.keys == key.keys);
        if is_next {
            self.operator.push(key.clone());
        }
        is_next
    }

    fn known_key(&self, origin: &str, key_id: &str) -> Option<&KnownKey> {
        if origin == OPERATOR {
            // Only the present one: whoever finds an older one can do nothing with it.
            return self
                .operator
                .last()
                .filter(|key| key.keys.key_id() == key_id);
        }
        let keys = &self.nodes.get(origin)?.keys;
        keys.iter().find(|key| key.keys.key_id() == key_id)
    }
}

impl Peer {
    /// The keys to seal to: the newest that count at `at`; when none does, the newest of all, which
    /// the node can still open.
    #[must_use]
    pub fn sealing_keys(&self, at: DateTime<Utc>) -> Option<&NodePublicKeys> {
        let newest = |key: &&KnownKey| key.holds_at(at);
        let key = self.keys.iter().rev().find(newest);
        key.or(self.keys.last()).map(|key| &key.keys)
    }
}

fn public_keys(keys: &PeerKeys) -> Result<NodePublicKeys, NodeError> {
    const WHAT: &str = "the public keys of a peer";
    match keys {
        PeerKeys::Inline(keys) => Ok(keys.clone()),
        PeerKeys::File(path) => {
            let text = std::fs::read(path)
                .with_context(|| {
                    format!(
                        "{}: copy the file <name>.node.json here that the peer writes into its \
                         data folder at its start",
                        path.display()
                    )
                })
                .map_err(part(WHAT))?;
            serde_json::from_slice(&text).map_err(part(WHAT))
        }
    }
}

fn provinces(codes: &[String]) -> Result<Vec<ProvinceCode>, NodeError> {
    codes
        .iter()
        .map(|code| ProvinceCode::parse(code).map_err(part("a region")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::days(20_000 + day)
    }

    fn key(from: i64, until: Option<i64>) -> KnownKey {
        KnownKey {
            keys: NodeKeys::generate().expect("keys").public(),
            not_before: at(from),
            not_after: until.map(at),
        }
    }

    fn peers(keys: Vec<KnownKey>) -> Peers {
        let peer = Peer {
            keys,
            role: Role::Province,
            regions: provinces(&["33".to_owned()]).expect("a province"),
            revoked: false,
        };
        Peers {
            own: "zhejiang".to_owned(),
            nodes: BTreeMap::from([("zhejiang".to_owned(), peer)]),
            operator: vec![key(0, None)],
        }
    }

    #[test]
    fn a_key_counts_from_its_beginning_to_its_end() {
        let (old, new) = (key(0, Some(10)), key(8, None));
        let peers = peers(vec![old.clone(), new.clone()]);
        let doubt = |key: &KnownKey, signed: i64, now: i64| {
            peers.doubt("zhejiang", key.keys.key_id(), at(signed), at(now))
        };
        assert_eq!(doubt(&old, 10, 10), None);
        assert_eq!(doubt(&old, 10, 17), None, "it waited on the bus");
        assert_eq!(doubt(&old, 10, 18), Some(KeyDoubt::Expired));
        assert_eq!(doubt(&old, 11, 11), Some(KeyDoubt::Expired));
        assert_eq!(doubt(&new, 7, 8), Some(KeyDoubt::Early));
        assert_eq!(doubt(&new, 9, 9), None, "both count in between");
        assert_eq!(doubt(&old, 9, 9), None);
        let own: Vec<_> = peers.own_key_ids(at(9)).collect();
        assert_eq!(own, [new.keys.key_id(), old.keys.key_id()]);
        let own: Vec<_> = peers.own_key_ids(at(7)).collect();
        assert_eq!(own, [old.keys.key_id()]);
        let peer = peers.find("zhejiang").expect("known");
        assert_eq!(peer.sealing_keys(at(7)), Some(&old.keys));
        assert_eq!(peer.sealing_keys(at(9)), Some(&new.keys));
    }

    #[test]
    fn a_revoked_node_is_believed_nothing_and_asked_nothing() {
        let mut peers = peers(vec![key(0, None)]);
        let province = ProvinceCode::parse("33").expect("a province");
        assert_eq!(peers.home_of(province), Some("zhejiang"));
        let known = peers.nodes["zhejiang"].clone();
        let key_id = known.keys[0].keys.key_id().to_owned();
        let revoked = KnownNode {
            role: NodeRole::Province,
            regions: known.regions,
            keys: known.keys,
            revoked: true,
        };
        peers.put("zhejiang", &revoked);
        let doubt = peers.doubt("zhejiang", &key_id, at(1), at(1));
        assert_eq!(doubt, Some(KeyDoubt::Revoked));
        assert!(peers.find("zhejiang").is_none());
        assert_eq!(peers.home_of(province), None);
    }

    #[test]
    fn the_operators_key_is_followed_only_by_one_that_names_it() {
        let mut peers = peers(Vec::new());
        let first = peers.operator().expect("a key").clone();
        let (second, third) = (key(0, None), key(0, None));
        assert!(!peers.follow_operator(second.keys.key_id(), &third));
        assert!(peers.follow_operator(first.key_id(), &second));
        assert!(!peers.follow_operator(first.key_id(), &third), "not again");
        assert_eq!(peers.operator(), Some(&second.keys));
        assert!(peers.signing_keys(OPERATOR, first.key_id()).is_none());
        let second_id = second.keys.key_id();
        assert!(peers.signing_keys(OPERATOR, second_id).is_some());
        let back = KnownKey::unbounded(first);
        assert!(!peers.follow_operator(second_id, &back), "no way back");
    }
}
