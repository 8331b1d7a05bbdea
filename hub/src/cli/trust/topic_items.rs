//! What the topic `trust` holds, for a list and for revoking what is on it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use certs::envelope_security::check_envelope;
use certs::node_key::NodePublicKeys;
use connectors::bus::{BusRecord, Sharing};
use schemas::envelope::topic;
use schemas::trust_item::{ItemState, NodeItem, TrustContent, TrustItem};

use crate::cli::out::outln;
use crate::cli::serve::open_bus;
use crate::config::Config;
use crate::node::{Peers, node_keys};

/// The topic has been read when nothing more has come for this long: what is there is given
/// without a pause, and a broker answers within milliseconds.
const QUIET: Duration = Duration::from_secs(3);

/// One record of the topic.
struct Found {
    item: TrustItem,
    /// Who signed it, when the signature holds with a key that the configuration knows.
    signed_by: Option<String>,
}

/// Prints one line per item.
pub(super) async fn list(config: &Path) -> anyhow::Result<()> {
    for (name, found) in read(config).await? {
        let state = match found.item.state {
            ItemState::Listed => "listed",
            ItemState::Withdrawn => "withdrawn",
        };
        let signed_by = found
            .signed_by
            .unwrap_or_else(|| "签名者未知 signer not known here".to_owned());
        outln!(
            "{name}  #{}  {state}{}  {}  {signed_by}",
            found.item.serial,
            detail(&found.item.content),
            found.item.issued_at.to_rfc3339()
        )?;
    }
    Ok(())
}

/// The newest item of a node.
pub(super) async fn node(config: &Path, name: &str) -> anyhow::Result<NodeItem> {
    let mut items = read(config).await?;
    let found = items.remove(&format!("node:{name}"));
    match found.map(|found| found.item.content) {
        Some(TrustContent::Node(node)) => Ok(node),
        _ => anyhow::bail!(
            "the topic does not list node {name}: sign its item with `revoked` set to true and \
             give it to `hub trust add node`"
        ),
    }
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

/// The newest record of every name.
async fn read(config: &Path) -> anyhow::Result<BTreeMap<String, Found>> {
    let config = Config::load(config)?.node;
    let peers = Peers::from_config(&config, &node_keys(&config.data)?)?;
    let keys = |origin: &str, key_id: &str| -> Option<NodePublicKeys> {
        peers.signing_keys(origin, key_id)
    };
    let bus = open_bus(&config).await?;
    let mut subscription = bus
        .subscribe(topic::TRUST, Sharing::Whole, Arc::new(None))
        .await
        .context("the topic cannot be read")?;
    let mut items = BTreeMap::new();
    while let Ok(records) = tokio::time::timeout(QUIET, subscription.next()).await {
        for record in records? {
            let Ok(item) = serde_json::from_slice::<TrustItem>(&record.body) else {
                outln!("{}  无法解析 cannot be read", record.key)?;
                continue;
            };
            let signed_by = signer(&record, &keys);
            items.insert(record.key, Found { item, signed_by });
        }
    }
    Ok(items)
}

fn signer(
    record: &BusRecord,
    keys: &dyn Fn(&str, &str) -> Option<NodePublicKeys>,
) -> Option<String> {
    let checked = check_envelope(&record.headers, &record.topic, &record.body, keys);
    checked.ok().map(|envelope| envelope.origin)
}
