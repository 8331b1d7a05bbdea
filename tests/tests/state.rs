//! What a node's database holds, read beside the node.

use std::collections::BTreeMap;

use certs::digest::sm3;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tests::TestHub;

/// Tables that change without a change of state: the log with its head, what was read how far and
/// marked as applied, and what waits to be sent.
const NO_STATE: [&str; 9] = [
    "log",
    "log_leaf",
    "log_private",
    "log_node",
    "log_head",
    "consumed_partition",
    "applied",
    "outbox",
    "_sqlx_migrations",
];

/// Digest of every table of state of a node, by table: nothing changed while it is the same.
pub(crate) async fn digests(hub: &TestHub, node: &str) -> BTreeMap<String, String> {
    let mut connection = open(hub, node).await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' \
         order by name",
    )
    .fetch_all(&mut connection)
    .await
    .expect("reads");
    let mut digests = BTreeMap::new();
    for table in tables {
        if !NO_STATE.contains(&table.as_str()) {
            digests.insert(table.clone(), digest(&mut connection, &table).await);
        }
    }
    assert!(digests.len() > 5, "only {} tables of state", digests.len());
    connection.close().await.expect("closes");
    digests
}

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

/// How far a node has read a topic, over all its partitions.
pub(crate) async fn positions(hub: &TestHub, node: &str, topic: &str) -> i64 {
    let mut connection = open(hub, node).await;
    let read = sqlx::query_scalar(
        "select coalesce(sum(position), 0) from consumed_partition where topic = $1",
    )
    .bind(topic)
    .fetch_one(&mut connection)
    .await
    .expect("reads");
    connection.close().await.expect("closes");
    read
}

async fn digest(connection: &mut SqliteConnection, table: &str) -> String {
    let columns: Vec<String> =
        sqlx::query_scalar("select name from pragma_table_info($1) order by cid")
            .bind(table)
            .fetch_all(&mut *connection)
            .await
            .expect("columns");
    let quoted: Vec<String> = columns
        .iter()
        .map(|name| format!("quote(\"{name}\")"))
        .collect();
    let row = quoted.join(" || '|' || ");
    // The order of the rows is none of the state.
    let sql = format!("select {row} as line from \"{table}\" order by line");
    let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_all(connection)
        .await
        .expect("rows");
    hex::encode(sm3(rows.join("\n").as_bytes()))
}

async fn open(hub: &TestHub, node: &str) -> SqliteConnection {
    let file = hub.folder.path().join(node).join("hub.sqlite");
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    options.connect().await.expect("the node's database")
}
