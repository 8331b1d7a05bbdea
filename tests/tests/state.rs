//! What a node's database holds, read beside the node.

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tests::TestHub;

/// Every leaf of a node's log, in order.
pub(crate) async fn leaves(hub: &TestHub, node: &str) -> Vec<Value> {
    let mut connection = open(hub, node).await;
    let leaves: Vec<Vec<u8>> = sqlx::query_scalar("select bytes from log_leaf order by position")
        .fetch_all(&mut connection)
        .await
        .expect("reads");
    connection.close().await.expect("closes");
    let parsed = leaves
        .iter()
        .map(|bytes| serde_json::from_slice(bytes).expect("JSON"));
    parsed.collect()
}

async fn open(hub: &TestHub, node: &str) -> SqliteConnection {
    let file = hub.folder.path().join(node).join("hub.sqlite");
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    options.connect().await.expect("the node's database")
}
