//! The node's own keys.

use std::path::{Path, PathBuf};

use certs::node_key::NodeKeys;

use super::{NodeError, database_path, part};
use crate::store::{Store, entries};

/// Path of a node's keys below its data folder.
#[must_use]
pub fn keys_path(data: &Path) -> PathBuf {
    data.join("node.keys")
}

/// Reads the node's keys; makes them on the very first start, when there is no database yet.
///
/// # Errors
/// A file that cannot be read or written; a database without keys.
pub fn node_keys(data: &Path) -> Result<NodeKeys, NodeError> {
    let path = keys_path(data);
    if path.exists() {
        return NodeKeys::from_file(&path).map_err(part("the file of keys"));
    }
    // New keys could not open the sealed columns of an old database: it would look damaged.
    if database_path(data).exists() {
        return Err(NodeError::KeysMissing(data.to_owned()));
    }
    std::fs::create_dir_all(data).map_err(|source| NodeError::Folder {
        path: data.to_owned(),
        source,
    })?;
    let keys = NodeKeys::generate().map_err(part("the random source"))?;
    keys.to_file(&path).map_err(part("the file of keys"))?;
    Ok(keys)
}

/// Checks that the database was written with these keys: on a server a database may meet a data
/// folder that is not its own.
///
/// # Errors
/// They open none of the first entries; failures of the database.
pub(super) async fn check_belongs(
    store: &Store,
    keys: &NodeKeys,
    data: &Path,
) -> Result<(), NodeError> {
    let opens = entries::opens_with(store.reader(), keys.column_key()).await;
    if opens.map_err(part("the directory"))? {
        Ok(())
    } else {
        Err(NodeError::KeysOther(data.to_owned()))
    }
}
