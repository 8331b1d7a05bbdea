//! What the topic `trust` holds, for a list and for revoking what is on it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use certs::crl::Crl;
use certs::envelope_security::check_envelope;
use certs::trust::{Material, check_item};
use chrono::{DateTime, SecondsFormat, Utc};
use connectors::bus::{BusRecord, Sharing};
use schemas::date::day_in_shanghai;
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

/// An item with what it holds and who signed it.
struct Found {
    item: TrustItem,
    material: Material,
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

    /// What an item holds; none when there is no such item, or it is withdrawn.
    pub(super) fn content(&self, name: &str) -> Option<&TrustContent> {
        let found = self.items.get(name).map(|found| &found.item);
        let listed = found.filter(|item| item.state == ItemState::Listed);
        listed.map(|item| &item.content)
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
        let material = check_item(&item).map_err(|_| "TRUST_ITEM_MALFORMED")?;
        match &material {
            Material::Operator { follows, key } => {
                peers.follow_operator(follows, key);
            }
            Material::Node(node) => {
                let mut node = node.clone();
                node.revoked |= item.state == ItemState::Withdrawn;
                peers.put(item.name.strip_prefix("node:").unwrap_or_default(), &node);
            }
            _ => {}
        }
        let found = Found {
            material,
            signed_by: envelope.origin,
            item,
        };
        self.items.insert(found.item.name.clone(), found);
        Ok(())
    }

    /// What an item is about, for people: a digest alone tells nobody whose certificate it is.
    fn detail(&self, found: &Found) -> String {
        match (&found.item.content, &found.material) {
            (TrustContent::Seal(seal), _) => format!(" {}", seal.status.as_str()),
            (TrustContent::Node(node), _) => {
                let keys: Vec<&str> = node.keys.iter().map(|key| key.key_id.as_str()).collect();
                format!(" [{}] {}", node.regions.join(" "), keys.join(" "))
            }
            (_, Material::Certificate(certificate)) => format!(
                "  {}  {} – {}",
                certificate.subject_text(),
                day(certificate.not_before()),
                day(certificate.not_after())
            ),
            (_, Material::Crl(der)) => self.list_detail(der),
            _ => String::new(),
        }
    }

    /// Whose revocation list it is, how many it names, and when the next one is due.
    fn list_detail(&self, der: &[u8]) -> String {
        let Ok(list) = Crl::parse(der) else {
            return String::new();
        };
        let issuer = self.items.values().find_map(|found| match &found.material {
            Material::Certificate(one) if one.subject() == list.issuer() => Some(one),
            _ => None,
        });
        let issuer = issuer.map_or("签发者未列出 issuer not listed", |one| {
            one.subject_text()
        });
        let next = list.next_update().map_or("-".to_owned(), day);
        format!(
            "  {issuer}  {} 个已吊销 revoked, 下次更新 next {next}",
            list.entries()
        )
    }
}

fn day(time: DateTime<Utc>) -> String {
    day_in_shanghai(time).to_string()
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
            topic.detail(found),
            found
                .item
                .issued_at
                .to_rfc3339_opts(SecondsFormat::Secs, true),
            found.signed_by
        )?;
    }
    for (key, reason) in &topic.refused {
        outln!("{key}  不予采信 refused {reason}")?;
    }
    Ok(!topic.refused.is_empty())
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
