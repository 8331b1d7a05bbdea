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
use tests::TestHub;

/// Makes every insertion into one table of a node fail, from a connection of its own, as if the
/// row were at fault, until [`repair`]. A database without room is in `exchange/store_faults.rs`.
async fn break_table(hub: &TestHub, node: &str, table: &str) {
    let sqlite = format!(
        "create trigger broken before insert on {table} \
         begin select raise(abort, 'broken for a test'); end"
    );
    let postgres = format!(
        "create function broken() returns trigger language plpgsql as \
         $$ begin raise exception 'broken for a test'; end $$; \
         create trigger broken before insert on {table} for each row execute function broken()"
    );
    let broken = hub.database(node).tamper(&sqlite, &postgres).await;
    broken.expect("executes");
}

/// Ends what [`break_table`] began.
async fn repair(hub: &TestHub, node: &str) {
    let (sqlite, postgres) = ("drop trigger broken", "drop function broken cascade");
    let repaired = hub.database(node).tamper(sqlite, postgres).await;
    repaired.expect("executes");
}

/// How many rows a table of a node has.
async fn rows(hub: &TestHub, node: &str, table: &str) -> i64 {
    // A few tables per test: what is leaked is little and gone with the process.
    let text: &'static str = format!("select count(*) from {table}").leak();
    let count = Sql::new(text).query().value(hub.node(node).store.reader());
    count.await.expect("counts")
}
