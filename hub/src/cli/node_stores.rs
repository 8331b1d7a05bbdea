//! The databases of nodes: files below one data folder – in each node's folder `hub.sqlite`, with
//! the node's keys beside it in `node.keys` – or what nodes' configurations name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use certs::node_key::NodeKeys;

use crate::config::Config;
use crate::node::keys_path;
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

/// Which databases.
#[derive(clap::Args, Debug)]
#[group(required = true, multiple = true)]
pub(crate) struct NodeStoreArgs {
    /// Folder with one folder per node: `data` of `hub serve`, or that of `hub demo --data`.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Configuration file of a node, whose database may be on PostgreSQL; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Vec<PathBuf>,
}

/// Opens the databases of all nodes that are named.
pub(super) async fn open_all(args: &NodeStoreArgs) -> anyhow::Result<Vec<NodeStore>> {
    let mut stores = match &args.data {
        Some(data) => open_below(data).await?,
        None => Vec::new(),
    };
    for file in &args.config {
        let config = Config::load(file)?.node;
        let keys = Arc::new(NodeKeys::from_file(&keys_path(&config.data))?);
        let store = Store::visit_node(&config).await;
        let store = store.with_context(|| format!("database of node {}", config.name))?;
        stores.push(opened(store, keys).await?);
    }
    Ok(stores)
}

/// Opens the databases of all nodes below `data`, in the order of their folders; also that of a
/// node whose own folder `data` is.
pub(super) async fn open_below(data: &Path) -> anyhow::Result<Vec<NodeStore>> {
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

async fn open(folder: &Path) -> anyhow::Result<NodeStore> {
    let keys = Arc::new(NodeKeys::from_file(&folder.join(KEYS))?);
    let store = Store::open_existing(&folder.join(DATABASE)).await?;
    opened(store, keys).await
}

/// The database says whose it is: its folder may have any name.
async fn opened(store: Store, keys: Arc<NodeKeys>) -> anyhow::Result<NodeStore> {
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
