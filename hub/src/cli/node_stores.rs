//! The databases of the nodes below one data folder: in each node's folder `hub.sqlite`, with the
//! node's keys beside it in `node.keys`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use certs::node_key::NodeKeys;

use crate::provenance::{ProvenanceLog, node_of};
use crate::store::{Store, log};

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

/// Opens the databases of all nodes below `data`, in the order of their folders; also that of a
/// node whose own folder `data` is.
pub(super) async fn open_all(data: &Path) -> anyhow::Result<Vec<NodeStore>> {
    let listed = std::fs::read_dir(data).with_context(|| format!("folder {}", data.display()))?;
    let mut folders = vec![data.to_owned()];
    for found in listed {
        folders.push(found?.path());
    }
    folders.retain(|folder| folder.join(DATABASE).is_file());
    folders.sort_unstable();
    if folders.is_empty() {
        bail!("no node's {DATABASE} in {} or its folders", data.display());
    }
    let mut stores = Vec::new();
    for folder in folders {
        let opened = open(&folder).await;
        stores.push(opened.with_context(|| format!("node folder {}", folder.display()))?);
    }
    Ok(stores)
}

/// The database says whose it is: its folder may have any name.
async fn open(folder: &Path) -> anyhow::Result<NodeStore> {
    let keys = Arc::new(NodeKeys::from_file(&folder.join(KEYS))?);
    let store = Store::open_existing(&folder.join(DATABASE)).await?;
    let state = log::state(store.reader()).await?;
    let node = state
        .as_ref()
        .and_then(|state| node_of(&state.origin))
        .context("the database holds no log of a node")?
        .to_owned();
    let log = ProvenanceLog::open(&store, &node, &keys).await?;
    Ok(NodeStore {
        node,
        store,
        log,
        keys,
    })
}
