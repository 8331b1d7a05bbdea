//! Compares what was acknowledged with what the databases hold, without the program's own code.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::history::History;

/// What the checker found.
pub(super) struct Found {
    /// Each violation, in words.
    pub(super) faults: Vec<String>,
    /// Changes in the national log.
    pub(super) applied: usize,
}

type Revisions = BTreeMap<String, Vec<u64>>;

/// Every acknowledged change stands in the national log exactly once and in order; the national
/// directory holds the newest; each has one receipt.
pub(super) async fn check(history: &History, national: &str, home: &str) -> Found {
    let mut faults = Vec::new();
    let registered = revisions(home, "register").await;
    let all_applied = revisions(national, "apply").await;
    // The other province's licences are in the national log as well.
    let applied: Revisions = all_applied
        .into_iter()
        .filter(|(identifier, _)| registered.contains_key(identifier))
        .collect();
    for (identifier, revisions) in &registered {
        let expected: Vec<u64> = (1..).take(revisions.len()).collect();
        if *revisions != expected {
            faults.push(format!("{identifier} was registered as {revisions:?}"));
        }
        let there = applied.get(identifier).cloned().unwrap_or_default();
        if there != *revisions {
            faults.push(format!(
                "{identifier}: registered {revisions:?}, applied {there:?}"
            ));
        }
    }
    let mut newest: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for change in history.read() {
        let times = applied.get(&change.identifier).map_or(0, |all| {
            all.iter().filter(|one| **one == change.revision).count()
        });
        if times != 1 {
            faults.push(format!(
                "{change:?} was acknowledged and applied {times} times"
            ));
        }
        let newest = newest.entry(change.identifier).or_default();
        if change.revision <= newest.0 {
            faults.push(format!(
                "revision {} came after {newest:?}",
                change.revision
            ));
        }
        *newest = (change.revision, change.status);
    }
    let entries = entries(national).await;
    for (identifier, newest) in &newest {
        let there = entries.get(identifier);
        if there != Some(newest) {
            faults.push(format!("{identifier} should be {newest:?}, is {there:?}"));
        }
    }
    let count = applied.values().map(Vec::len).sum();
    let receipts = receipts(home).await;
    if receipts != count {
        faults.push(format!("{count} changes, {receipts} receipts"));
    }
    Found {
        faults,
        applied: count,
    }
}

/// Rows of a table; none while the database is away.
pub(super) async fn count(url: &str, table: &str) -> Option<u64> {
    let mut connection = PgConnection::connect(url).await.ok()?;
    let query = AssertSqlSafe(format!("select count(*) from {table}"));
    let count: i64 = sqlx::query_scalar(query)
        .fetch_one(&mut connection)
        .await
        .ok()?;
    u64::try_from(count).ok()
}

/// Revisions by licence that the log tells of, in the log's order.
async fn revisions(url: &str, activity: &str) -> Revisions {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let leaves: Vec<(Vec<u8>,)> = sqlx::query_as("select bytes from log_leaf order by position")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let mut found = Revisions::new();
    for (bytes,) in leaves {
        let leaf: Value = serde_json::from_slice(&bytes).unwrap();
        if leaf["activity"] == activity && leaf["result"] == "OK" {
            let identifier = leaf["identifier"].as_str().unwrap().to_owned();
            let revision = leaf["entity"]["revision"].as_u64().unwrap();
            found.entry(identifier).or_default().push(revision);
        }
    }
    found
}

/// Revision and status of each entry.
async fn entries(url: &str) -> BTreeMap<String, (u64, String)> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let rows: Vec<(String, i64, String)> =
        sqlx::query_as("select identifier, revision, status from entry")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let entries = rows.into_iter().map(|(identifier, revision, status)| {
        (identifier, (u64::try_from(revision).unwrap(), status))
    });
    entries.collect()
}

async fn receipts(url: &str) -> usize {
    usize::try_from(count(url, "receipt").await.unwrap()).unwrap()
}
