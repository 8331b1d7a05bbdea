//! What the topic `trust` holds, for a list and for revoking what is on it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use certs::envelope_security::check_envelope;
use certs::trust::{Material, check_item};
use connectors::bus::{BusRecord, Sharing};
use schemas::envelope::topic;
use schemas::trust_item::{ItemState, NodeItem, TrustContent, TrustItem};

use crate::cli::out::outln;
use crate::cli::serve::open_bus;
use crate::config::Config;
use crate::exchange::trust::said_item;
use crate::node::{Peer, Peers, node_keys};

/// The topic has been read when nothing more has come for this long: what is there is given
/// without a pause, and a broker answers within milliseconds.
const QUIET: Duration = Duration::from_secs(3);

/// What the topic holds.
#[derive(Default)]
pub(super) struct Topic {
    /// The newest item of every name that somebody signed who may say it.
    items: BTreeMap<String, Found>,
    /// Keys of records that no node takes in, with the reason.
    refused: Vec<(String, &'static str)>,
    /// Id of the operator's present key, where the configuration names an operator.
    operator: Option<String>,
}

/// An item with who signed it.
struct Found {
    item: TrustItem,
    signed_by: String,
}

impl Topic {
    /// The serial of an item; none when there is no such item.
    pub(super) fn serial(&self, name: &str) -> Option<u64> {
        self.items.get(name).map(|found| found.item.serial)
    }

    /// Refuses keys that the nodes do not take for the operator's: they would pass over in silence
    /// what these sign.
    pub(super) fn check_operator(&self, key_id: &str) -> anyhow::Result<()> {
        match &self.operator {
            Some(present) if present != key_id => anyhow::bail!(
                "these are not the operator's keys: the nodes take {present} for them, not {key_id}"
            ),
            _ => Ok(()),
        }
    }

    /// The newest item of a node.
    pub(super) fn node(&self, name: &str) -> anyhow::Result<NodeItem> {
        let found = self.items.get(&format!("node:{name}"));
        match found.map(|found| &found.item.content) {
            Some(TrustContent::Node(node)) => Ok(node.clone()),
            _ => anyhow::bail!(
                "the topic does not list node {name}: sign its item with `revoked` set to true \
                 and give it to `hub trust add node`"
            ),
        }
    }

    /// Takes in a record as the nodes do: signed by the operator's key of that time, or by the home
    /// node that the item names, and newer than what is known.
    fn take(&mut self, record: &BusRecord, peers: &mut Peers) -> Result<(), &'static str> {
        let keys = |origin: &str, key_id: &str| peers.signing_keys(origin, key_id);
        let envelope = check_envelope(&record.headers, &record.topic, &record.body, &keys)
            .map_err(|cause| cause.code())?;
        let is_revoked = |(name, peer): (&str, &Peer)| name == envelope.origin && peer.revoked;
        if peers.iter().any(is_revoked) {
            return Err("NODE_REVOKED");
        }
        let item = said_item(&envelope, record)?;
        if self.serial(&item.name) >= Some(item.serial) {
            return Err("TRUST_ITEM_SERIAL");
        }
        match check_item(&item).map_err(|_| "TRUST_ITEM_MALFORMED")? {
            Material::Operator { follows, key } => {
                peers.follow_operator(&follows, &key);
            }
            Material::Node(mut node) => {
                node.revoked |= item.state == ItemState::Withdrawn;
                peers.put(item.name.strip_prefix("node:").unwrap_or_default(), &node);
            }
            _ => {}
        }
        let signed_by = envelope.origin;
        self.items
            .insert(item.name.clone(), Found { item, signed_by });
        Ok(())
    }
}

/// Prints one line per item, and one per record that is refused; whether there is any such.
pub(super) async fn list(config: &Path) -> anyhow::Result<bool> {
    let topic = read(config).await?;
    // Beside the list, which programs may read line by line.
    if topic.operator.is_none() {
        eprintln!(
            "没有配置运营方公钥，其条目不予采信：请在 [node] 中写明 operator \
             no operator is configured, so nothing of an operator is believed: name `operator` in \
             [node]"
        );
    }
    if topic.items.is_empty() && topic.refused.is_empty() {
        eprintln!("主题 {0} 是空的 the topic {0} is empty", topic::TRUST);
    }
    for (name, found) in &topic.items {
        let state = match found.item.state {
            ItemState::Listed => "listed",
            ItemState::Withdrawn => "withdrawn",
        };
        outln!(
            "{name}  #{}  {state}{}  {}  {}",
            found.item.serial,
            detail(&found.item.content),
            found.item.issued_at.to_rfc3339(),
            found.signed_by
        )?;
    }
    for (key, reason) in &topic.refused {
        outln!("{key}  不予采信 refused {reason}")?;
    }
    Ok(!topic.refused.is_empty())
}

fn detail(content: &TrustContent) -> String {
    match content {
        TrustContent::Seal(seal) => format!(" {}", seal.status.as_str()),
        TrustContent::Node(node) => {
            let keys: Vec<&str> = node.keys.iter().map(|key| key.key_id.as_str()).collect();
            format!(" [{}] {}", node.regions.join(" "), keys.join(" "))
        }
        _ => String::new(),
    }
}

/// Reads the topic from its beginning, as a node does that is new.
pub(super) async fn read(config: &Path) -> anyhow::Result<Topic> {
    let config = Config::load(config)?.node;
    let mut peers = Peers::from_config(&config, &node_keys(&config.data)?)?;
    let bus = open_bus(&config).await?;
    let mut subscription = bus
        .subscribe(topic::TRUST, Sharing::Whole, Arc::new(None))
        .await
        .context("the topic cannot be read")?;
    let mut topic = Topic::default();
    while let Ok(records) = tokio::time::timeout(QUIET, subscription.next()).await {
        for record in records? {
            if let Err(reason) = topic.take(&record, &mut peers) {
                topic.refused.push((record.key, reason));
            }
        }
    }
    topic.operator = peers.operator().map(|key| key.key_id().to_owned());
    Ok(topic)
}
