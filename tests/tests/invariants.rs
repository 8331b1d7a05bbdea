//! The invariants that ARCHITECTURE.md states: each test here fails when one is broken.

mod deliveries;
mod exchange;
mod fairness;
mod limits;
mod observed;
mod records;
mod secrets;
mod texts;
mod verdicts;

use hub::store::sql::Sql;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tests::TestHub;

/// Makes every insertion into one table of a node fail, from a connection of its own, as a full
/// disk or a damaged page would, until [`repair`].
async fn break_table(hub: &TestHub, node: &str, table: &str) {
    run_sql(
        hub,
        node,
        &format!(
            "create trigger broken before insert on {table} \
             begin select raise(abort, 'broken for a test'); end"
        ),
    )
    .await;
}

/// Ends what [`break_table`] began.
async fn repair(hub: &TestHub, node: &str) {
    run_sql(hub, node, "drop trigger broken").await;
}

async fn run_sql(hub: &TestHub, node: &str, sql: &str) {
    let file = hub.folder.path().join(node).join("hub.sqlite");
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await.expect("the node's database");
    sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await
        .expect("executes");
    connection.close().await.expect("closes");
}

/// How many rows a table of a node has.
async fn rows(hub: &TestHub, node: &str, table: &str) -> i64 {
    // A few tables per test: what is leaked is little and gone with the process.
    let text: &'static str = format!("select count(*) from {table}").leak();
    let count = Sql::new(text).query().value(hub.node(node).store.reader());
    count.await.expect("counts")
}
