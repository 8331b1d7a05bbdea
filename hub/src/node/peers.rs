//! The nodes that a node knows: their keys, their part in the exchange, their regions.

use std::collections::BTreeMap;

use anyhow::Context;
use certs::node_key::{NodeKeys, NodePublicKeys};
use schemas::region::ProvinceCode;

use super::{NodeError, part};
use crate::config::{NodeConfig, PeerKeys, Role};

/// One known node.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Keys that check its signatures and seal what only it may read.
    pub keys: NodePublicKeys,
    /// What it is in the exchange.
    pub role: Role,
    /// Provinces whose entries it may register.
    pub regions: Vec<ProvinceCode>,
}

/// The known nodes by name, the own one included.
#[derive(Clone, Debug)]
pub struct Peers(BTreeMap<String, Peer>);

impl Peers {
    /// Reads the peers of a configuration and adds the node itself.
    ///
    /// # Errors
    /// A file of keys that cannot be read, an unknown province, two peers of one name.
    pub fn from_config(config: &NodeConfig, keys: &NodeKeys) -> Result<Self, NodeError> {
        let own = Peer {
            keys: keys.public(),
            role: config.role,
            regions: provinces(&config.regions)?,
        };
        let mut peers = BTreeMap::from([(config.name.clone(), own)]);
        for peer in &config.peers {
            let known = Peer {
                keys: public_keys(&peer.keys)?,
                role: peer.role,
                regions: provinces(&peer.regions)?,
            };
            if peers.insert(peer.name.clone(), known).is_some() {
                let cause = anyhow::anyhow!("node {} is named twice", peer.name);
                return Err(NodeError::Part {
                    what: "the list of peers",
                    cause,
                });
            }
        }
        Ok(Self(peers))
    }

    /// One node by name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Peer> {
        self.0.get(name)
    }

    /// The keys of `origin` if its signing key has the id `key_id`.
    #[must_use]
    pub fn signing_keys(&self, origin: &str, key_id: &str) -> Option<NodePublicKeys> {
        let peer = self.0.get(origin)?;
        (peer.keys.key_id() == key_id).then(|| peer.keys.clone())
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
