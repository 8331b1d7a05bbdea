//! The databases of the nodes below one data folder: `DIR/<node>/hub.sqlite` with the node's keys
//! beside it in `node.keys`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use certs::node_key::NodeKeys;
use schemas::envelope::is_node_name;

use crate::provenance::ProvenanceLog;
use crate::store::Store;

/// Name of a node's database in its folder.
const DATABASE: &str = "hub.sqlite";

/// Name of the file with a node's keys in its folder.
const KEYS: &str = "node.keys";

/// One node's database, opened.
pub(super) struct NodeStore {
    pub(super) node: String,
    pub(super) store: Store,
    pub(super) log: ProvenanceLog,
    pub(super) keys: Arc<NodeKeys>,
}

/// Opens the databases of all nodes below `data`, in the order of their names.
pub(super) async fn open_all(data: &Path) -> anyhow::Result<Vec<NodeStore>> {
    let listed = std::fs::read_dir(data).with_context(|| format!("folder {}", data.display()))?;
    let mut names = Vec::new();
    for found in listed {
        let found = found?;
        let name = found.file_name().to_string_lossy().into_owned();
        if is_node_name(&name) && found.path().join(DATABASE).is_file() {
            names.push(name);
        }
    }
    names.sort_unstable();
    if names.is_empty() {
        bail!("no node's {DATABASE} below {}", data.display());
    }
    let mut stores = Vec::new();
    for node in names {
        let folder = data.join(&node);
        let opened = open(&folder, node);
        stores.push(
            opened
                .await
                .with_context(|| format!("node folder {}", folder.display()))?,
        );
    }
    Ok(stores)
}

async fn open(folder: &Path, node: String) -> anyhow::Result<NodeStore> {
    let keys = Arc::new(NodeKeys::from_file(&folder.join(KEYS))?);
    let store = Store::open_existing(&folder.join(DATABASE)).await?;
    let log = ProvenanceLog::open(&store, &node, &keys).await?;
    Ok(NodeStore {
        node,
        store,
        log,
        keys,
    })
}
