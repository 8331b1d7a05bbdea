//! What a node's database holds, read beside the node.

use std::collections::BTreeMap;

use certs::digest::sm3;
use hub::store::sql::{Reader, Sql};
use serde_json::Value;
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

const TABLES: Sql = Sql::each(
    "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' \
     order by name",
    "select cast(relname as text) from pg_class where relkind in ('r', 'p') \
     and not relispartition and relnamespace = current_schema()::regnamespace order by relname",
);

/// Digest of every table of state of a node, by table: nothing changed while it is the same.
pub(crate) async fn digests(hub: &TestHub, node: &str) -> BTreeMap<String, String> {
    let reader = hub.node(node).store.reader();
    let tables: Vec<String> = TABLES.query().values(reader).await.expect("reads");
    let mut digests = BTreeMap::new();
    for table in tables {
        if !NO_STATE.contains(&table.as_str()) {
            let digest = digest(reader, &table).await;
            digests.insert(table, digest);
        }
    }
    assert!(digests.len() > 5, "only {} tables of state", digests.len());
    digests
}

/// Every leaf of a node's log, in order.
pub(crate) async fn leaves(hub: &TestHub, node: &str) -> Vec<Value> {
    const BYTES: Sql = Sql::new("select bytes from log_leaf order by position");
    let leaves = BYTES.query().values(hub.node(node).store.reader()).await;
    let leaves: Vec<Vec<u8>> = leaves.expect("reads");
    let parsed = leaves
        .iter()
        .map(|bytes| serde_json::from_slice(bytes).expect("JSON"));
    parsed.collect()
}

/// How far a node has read a topic, over all its partitions.
pub(crate) async fn positions(hub: &TestHub, node: &str, topic: &str) -> i64 {
    const READ: Sql = Sql::new(
        "select cast(coalesce(sum(position), 0) as bigint) from consumed_partition \
         where topic = $1",
    );
    let reader = hub.node(node).store.reader();
    READ.bind(topic).value(reader).await.expect("reads")
}

async fn digest(reader: &Reader, table: &str) -> String {
    const COLUMNS: Sql = Sql::each(
        "select name from pragma_table_info($1) order by cid",
        "select 'all' where $1 <> ''",
    );
    let columns = COLUMNS.bind(table).values(reader).await;
    let columns: Vec<String> = columns.expect("columns");
    let quoted: Vec<String> = columns
        .iter()
        .map(|name| format!("quote(\"{name}\")"))
        .collect();
    let row = quoted.join(" || '|' || ");
    // The order of the rows is none of the state. A few tables: what is leaked is little.
    let rows = Sql::each(
        format!("select {row} as line from \"{table}\" order by line").leak(),
        format!("select t::text as line from \"{table}\" t order by line").leak(),
    );
    let rows: Vec<String> = rows.query().values(reader).await.expect("rows");
    hex::encode(sm3(rows.join("\n").as_bytes()))
}
