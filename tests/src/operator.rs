//! The operator of the nodes of a test: signs what goes onto the topic `trust`.

use std::path::Path;
use std::sync::Arc;

use certs::envelope_security::sign_envelope;
use certs::mint::certificate::Revocation;
use certs::node_key::{NodeKeys, NodePublicKeys};
use certs::trust::{TrustStore, contents_of_file, item_name_of};
use chrono::{DateTime, Utc};
use connectors::bus::OutgoingRecord;
use hub::node::Node;
use schemas::envelope::{Envelope, MessageType, OPERATOR, topic};
use schemas::trust_item::{ItemState, TrustContent, TrustItem, seal_item_name};
use tempfile::TempDir;

use crate::{TestHub, eventually, noon};

/// Keys with which trust items are signed.
pub struct Operator(NodeKeys);

impl Operator {
    /// An operator with new keys.
    #[must_use]
    pub fn new() -> Self {
        Self(NodeKeys::generate().expect("keys"))
    }

    /// What the nodes know of it.
    #[must_use]
    pub fn public(&self) -> NodePublicKeys {
        self.0.public()
    }

    /// Its keys, for what it has no right to say.
    #[must_use]
    pub fn keys(&self) -> &NodeKeys {
        &self.0
    }

    /// The signed message of an item.
    #[must_use]
    pub fn record(&self, item: &TrustItem) -> OutgoingRecord {
        signed(&self.0, OPERATOR, topic::TRUST, item)
    }
}

impl Default for Operator {
    fn default() -> Self {
        Self::new()
    }
}

/// The message of an item as `origin` signs it for `topic`; it goes to the topic `trust`.
#[must_use]
pub fn signed(keys: &NodeKeys, origin: &str, topic: &str, item: &TrustItem) -> OutgoingRecord {
    let envelope = Envelope {
        id: uuid::Uuid::new_v4().to_string(),
        origin: origin.to_owned(),
        message_type: MessageType::TrustItem,
        subject: Some(item.name.clone()),
        time: item.issued_at,
        recipient: None,
        correlation: None,
        deadline: None,
    };
    let body = serde_json::to_vec(item).expect("json");
    OutgoingRecord {
        topic: topic::TRUST.to_owned(),
        key: item.name.clone(),
        headers: sign_envelope(&envelope, topic, &body, keys).expect("signed"),
        body: body.into(),
    }
}

/// An item, named as it must be.
#[must_use]
pub fn item(
    content: TrustContent,
    state: ItemState,
    serial: u64,
    issued_at: DateTime<Utc>,
) -> TrustItem {
    let name = match &content {
        TrustContent::Node(node) => format!("node:{}", node.name),
        TrustContent::Seal(seal) => seal_item_name(None, &seal.seal_sm3),
        other => item_name_of(other).expect("a name"),
    };
    TrustItem {
        name,
        serial,
        issued_at,
        state,
        content,
    }
}

/// Every certificate and revocation list of a trust folder.
#[must_use]
pub fn contents_of(folder: &Path) -> Vec<TrustContent> {
    let files = std::fs::read_dir(folder).expect("a folder");
    let read = |file: std::fs::DirEntry| {
        let bytes = std::fs::read(file.path()).expect("a file");
        contents_of_file(&bytes).expect("trust")
    };
    files.flat_map(|file| read(file.expect("a file"))).collect()
}

impl TestHub {
    /// What the nodes trust, with the signers of Zhejiang's files revoked since before they signed.
    #[must_use]
    pub fn trust_with_revoked_signers(&self) -> TrustStore {
        let folder = self.folder_with_revoked_signers();
        TrustStore::from_folder(&folder.path().join("trust")).expect("trust")
    }

    /// The same as a folder, below `trust/`.
    #[must_use]
    pub fn folder_with_revoked_signers(&self) -> TempDir {
        let since = noon() - chrono::Duration::days(8 * 365);
        let revoked: Vec<Revocation> = self
            .kits
            .iter()
            .map(|kit| Revocation {
                serial: kit.signer().serial().to_vec(),
                since,
            })
            .collect();
        let folder = TempDir::new().expect("a temporary folder");
        let saved = self.pki.save(folder.path(), &revoked, noon());
        saved.expect("a trust folder");
        folder
    }

    /// Every running node.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.running.values().map(|running| &running.node)
    }

    /// Publishes records on the topic `trust` and waits until every running node has read them.
    pub async fn say(&self, records: Vec<OutgoingRecord>) {
        self.bus.publish(records).await.expect("publishes");
        let end = i64::try_from(self.records(topic::TRUST).await.len()).expect("in range");
        eventually("every node has read what it may trust", async || {
            for node in self.nodes() {
                let reader = node.store.reader();
                let last = hub::store::positions::last(reader, topic::TRUST, 0).await;
                let epoch = hub::store::trust_items::epoch(reader).await;
                let is_taken_up = node.trust.state().epoch == epoch.expect("an epoch");
                if last.expect("a position").unwrap_or_default() < end || !is_taken_up {
                    return false;
                }
            }
            true
        })
        .await;
    }

    /// The operator says one thing.
    pub async fn operator_says(&self, content: TrustContent, state: ItemState, serial: u64) {
        use hub::clock::Clock as _;
        let item = item(content, state, serial, self.clock.now());
        self.say(vec![self.operator.record(&item)]).await;
    }
}
