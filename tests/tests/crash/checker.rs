//! Compares what was acknowledged with what the databases hold, without the program's own code.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::history::{Acknowledged, History};

/// What the checker found.
pub(crate) struct Found {
    /// Each violation, in words.
    pub(crate) faults: Vec<String>,
    /// Changes in the national log.
    pub(crate) applied: usize,
}

/// Revisions by licence, in the order of a log.
type Revisions = BTreeMap<String, Vec<u64>>;

/// Everything that is compared.
struct Evidence {
    /// What registrars were told, in their order.
    acknowledged: Vec<Acknowledged>,
    /// Changes in the home node's log.
    registered: Revisions,
    /// Changes in the national log, with those that did nothing because a newer one or the same
    /// was there: there must be none. The other provinces' are in it, too.
    applied: Revisions,
    /// Revision and status of each entry of the national directory.
    entries: BTreeMap<String, (u64, String)>,
    /// Receipts that the home node keeps.
    receipts: Revisions,
    /// Receipts in its log.
    recorded: Revisions,
}

/// Every acknowledged change stands in the national log exactly once and in order; the national
/// directory holds the newest; each has one receipt.
pub(crate) async fn check(history: &History, national: &str, home: &str) -> Found {
    let home_log = leaves(home).await;
    let evidence = Evidence {
        acknowledged: history.read(),
        // A status that was there already is asked for in vain, and recorded.
        registered: revisions(&home_log, "register", Some("OK")),
        applied: revisions(&leaves(national).await, "apply", None),
        recorded: revisions(&home_log, "receipt", None),
        entries: entries(national).await,
        receipts: receipts(home).await,
    };
    Found {
        faults: evidence.faults(),
        applied: evidence
            .registered
            .keys()
            .map(|identifier| evidence.applied_of(identifier).len())
            .sum(),
    }
}

/// Rows of a table; none while the database is away.
pub(crate) async fn count(url: &str, table: &str) -> Option<u64> {
    let mut connection = PgConnection::connect(url).await.ok()?;
    let query = AssertSqlSafe(format!("select count(*) from {table}"));
    let count: i64 = sqlx::query_scalar(query)
        .fetch_one(&mut connection)
        .await
        .ok()?;
    u64::try_from(count).ok()
}

/// Messages that a node gave up, by its log: their codes.
pub(super) async fn given_up(url: &str) -> Vec<String> {
    let leaves = leaves(url).await.into_iter();
    let refused = leaves.filter(|leaf| leaf["activity"] == "refuse");
    refused.map(|leaf| leaf["result"].to_string()).collect()
}

impl Evidence {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (identifier, registered) in &self.registered {
            let expected: Vec<u64> = (1..).take(registered.len()).collect();
            if *registered != expected {
                faults.push(format!("{identifier} was registered as {registered:?}"));
            }
            let applied = self.applied_of(identifier);
            if applied != registered {
                faults.push(format!(
                    "{identifier}: registered {registered:?}, applied {applied:?}"
                ));
            }
            // Receipts of several partitions may pass one another.
            for receipts in [&self.receipts, &self.recorded] {
                let mut receipts = receipts.get(identifier).cloned().unwrap_or_default();
                receipts.sort_unstable();
                if receipts != *registered {
                    faults.push(format!(
                        "{identifier}: registered {registered:?}, receipts for {receipts:?}"
                    ));
                }
            }
        }
        self.compare_acknowledged(&mut faults);
        faults
    }

    fn compare_acknowledged(&self, faults: &mut Vec<String>) {
        let mut newest: BTreeMap<&str, (u64, String)> = BTreeMap::new();
        for change in &self.acknowledged {
            let applied = self.applied_of(&change.identifier);
            let times = applied.iter().filter(|one| **one == change.revision);
            let times = times.count();
            if times != 1 {
                faults.push(format!(
                    "{change:?} was acknowledged and applied {times} times"
                ));
            }
            let newest = newest.entry(&change.identifier).or_default();
            if change.revision <= newest.0 {
                faults.push(format!("{change:?} was acknowledged after {newest:?}"));
            }
            *newest = (change.revision, change.status.clone());
        }
        for (identifier, newest) in &newest {
            let there = self.entries.get(*identifier);
            if there != Some(newest) {
                faults.push(format!("{identifier} should be {newest:?}, is {there:?}"));
            }
        }
    }

    fn applied_of(&self, identifier: &str) -> &[u64] {
        self.applied.get(identifier).map_or(&[], Vec::as_slice)
    }
}

/// Revisions by licence that a log tells of, in its order.
fn revisions(log: &[Value], activity: &str, result: Option<&str>) -> Revisions {
    let mut found = Revisions::new();
    for leaf in log {
        if leaf["activity"] == activity && result.is_none_or(|result| leaf["result"] == result) {
            let identifier = leaf["identifier"].as_str().unwrap().to_owned();
            let revision = leaf["entity"]["revision"].as_u64().unwrap();
            found.entry(identifier).or_default().push(revision);
        }
    }
    found
}

async fn leaves(url: &str) -> Vec<Value> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let leaves: Vec<Vec<u8>> = sqlx::query_scalar("select bytes from log_leaf order by position")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let leaves = leaves.iter();
    leaves
        .map(|bytes| serde_json::from_slice(bytes).unwrap())
        .collect()
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

async fn receipts(url: &str) -> Revisions {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let rows: Vec<(String, i64)> =
        sqlx::query_as("select identifier, revision from receipt order by number")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let mut found = Revisions::new();
    for (identifier, revision) in rows {
        let revision = u64::try_from(revision).unwrap();
        found.entry(identifier).or_default().push(revision);
    }
    found
}

mod tests {
    use super::*;

    const LICENCE: &str = "a licence";

    /// Three changes of one licence, the last two of them asked for by a registrar.
    fn whole() -> Evidence {
        let told = |revision, status: &str| Acknowledged {
            identifier: LICENCE.to_owned(),
            revision,
            status: status.to_owned(),
        };
        let revisions = Revisions::from([(LICENCE.to_owned(), vec![1, 2, 3])]);
        Evidence {
            acknowledged: vec![told(2, "02"), told(3, "01")],
            registered: revisions.clone(),
            applied: revisions.clone(),
            entries: BTreeMap::from([(LICENCE.to_owned(), (3, "01".to_owned()))]),
            receipts: revisions.clone(),
            recorded: revisions,
        }
    }

    #[track_caller]
    fn check_found(what: &str, doctor: impl Fn(&mut Evidence), says: &str) {
        let mut evidence = whole();
        doctor(&mut evidence);
        let faults = evidence.faults();
        let is_named = faults.iter().any(|fault| fault.contains(says));
        assert!(is_named, "{what}: {faults:?} do not say {says:?}");
    }

    fn put(revisions: &mut Revisions, these: &[u64]) {
        revisions.insert(LICENCE.to_owned(), these.to_vec());
    }

    #[test]
    fn a_whole_history_has_no_fault() {
        assert_eq!(whole().faults(), Vec::<String>::new());
    }

    #[test]
    fn what_was_lost_doubled_or_swapped_is_found() {
        check_found(
            "lost",
            |it| put(&mut it.applied, &[1, 2]),
            "applied 0 times",
        );
        check_found(
            "doubled",
            |it| put(&mut it.applied, &[1, 2, 3, 3]),
            "applied 2 times",
        );
        check_found(
            "swapped",
            |it| put(&mut it.applied, &[1, 3, 2]),
            "applied [1, 3, 2]",
        );
        check_found(
            "lost on both sides",
            |it| {
                put(&mut it.registered, &[1, 2]);
                put(&mut it.applied, &[1, 2]);
            },
            "applied 0 times",
        );
        check_found(
            "registered twice",
            |it| {
                put(&mut it.registered, &[1, 2, 2, 3]);
                put(&mut it.applied, &[1, 2, 2, 3]);
            },
            "registered as [1, 2, 2, 3]",
        );
        check_found(
            "a change that nobody was told of is lost",
            |it| put(&mut it.applied, &[2, 3]),
            "applied [2, 3]",
        );
    }

    #[test]
    fn a_wrong_directory_receipt_or_answer_is_found() {
        check_found(
            "an older entry",
            |it| {
                it.entries.insert(LICENCE.to_owned(), (2, "02".to_owned()));
            },
            "should be (3, \"01\")",
        );
        check_found("no entry", |it| it.entries.clear(), "is None");
        check_found(
            "no receipt",
            |it| put(&mut it.receipts, &[1, 3]),
            "receipts for [1, 3]",
        );
        check_found(
            "a second receipt",
            |it| put(&mut it.receipts, &[1, 2, 2, 3]),
            "receipts for [1, 2, 2, 3]",
        );
        check_found(
            "a receipt recorded twice",
            |it| put(&mut it.recorded, &[1, 2, 2, 3]),
            "receipts for [1, 2, 2, 3]",
        );
        check_found(
            "two requests with one answer",
            |it| it.acknowledged.push(it.acknowledged[1].clone()),
            "acknowledged after (3, \"01\")",
        );
        check_found(
            "answers out of order",
            |it| it.acknowledged.swap(0, 1),
            "acknowledged after",
        );
    }
}
