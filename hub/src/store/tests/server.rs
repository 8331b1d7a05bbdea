//! What only a database server does: locks between processes, connections that break, roles.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::provenance::fsck;
use crate::store::sql::Sql;

/// A node's database on PostgreSQL; none, said aloud, when no server is named.
async fn server() -> Option<(Scratch, Store)> {
    let Some(scratch) = Scratch::on_postgres().await.unwrap() else {
        scratch::say_skipped("a test of PostgreSQL");
        return None;
    };
    let store = scratch.open().await.unwrap();
    Some((scratch, store))
}

async fn log_of(store: &Store) -> ProvenanceLog {
    let keys = Arc::new(NodeKeys::generate().unwrap());
    ProvenanceLog::open(store, "zhejiang", &keys).await.unwrap()
}

async fn mark(store: &Store, log: &ProvenanceLog, id: &str) -> Result<bool, StoreError> {
    store
        .run_tx("mark", |tx| {
            Box::pin(async move {
                leaf(log, tx).await?;
                Ok(applied::mark_all(tx, &[("national", id)], instant()).await?[0])
            })
        })
        .await
}

/// Transactions of each of two that write side by side.
const DECISIONS: u64 = 20;

/// Ends every other connection of this database, as a server that restarts does.
const BREAK_ALL: &str = "select pg_terminate_backend(pid) from pg_stat_activity \
                         where datname = current_database() and pid <> pg_backend_pid()";

#[tokio::test]
async fn every_statement_can_be_prepared_on_the_server() {
    let Some((_scratch, store)) = server().await else {
        return;
    };
    store.check_statements().await.unwrap();
    store.close().await;
}

#[test]
fn both_databases_have_the_same_versions() {
    assert_eq!(sqlite::versions(), postgres::versions());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_decides_while_the_node_writes() {
    let Some((scratch, store)) = server().await else {
        return;
    };
    let log = log_of(&store).await;
    let operator = scratch.decide().await.unwrap();
    let (beside, log_beside) = (operator.clone(), log.clone());
    let decisions = tokio::spawn(async move {
        for number in 0..DECISIONS {
            let id = format!("operator {number}");
            assert!(mark(&beside, &log_beside, &id).await.unwrap());
        }
    });
    for number in 0..DECISIONS {
        assert!(mark(&store, &log, &format!("node {number}")).await.unwrap());
    }
    decisions.await.unwrap();
    let state = log::state(store.reader()).await.unwrap().unwrap();
    assert_eq!(state.size, 2 * DECISIONS);
    operator.close().await;
    store.close().await;
}

#[tokio::test]
async fn a_second_process_cannot_write() {
    let Some((scratch, store)) = server().await else {
        return;
    };
    let log = log_of(&store).await;
    // A command beside the node reads and signs heads, and changes no state.
    let visitor = scratch.visit().await.unwrap();
    let refused = mark(&visitor, &log, "a").await;
    assert!(matches!(refused, Err(StoreError::Visitor { .. })));
    log.head(&visitor, instant()).await.unwrap();
    // A second node waits for the first one, and goes on where it ended.
    let second = tokio::spawn(async move {
        let store = scratch.open().await;
        (scratch, store)
    });
    assert!(mark(&store, &log, "a").await.unwrap());
    store.close().await;
    let (_scratch, store) = second.await.unwrap();
    let store = store.unwrap();
    assert!(!mark(&store, &log, "a").await.unwrap());
    assert!(mark(&store, &log, "b").await.unwrap());
    store.close().await;
}

#[tokio::test]
async fn a_server_that_restarts_costs_nothing_but_time() {
    let Some((scratch, store)) = server().await else {
        return;
    };
    let log = log_of(&store).await;
    assert!(mark(&store, &log, "before").await.unwrap());
    // Idle connections are found to be broken, by writers and readers.
    scratch.tamper("", BREAK_ALL).await.unwrap();
    let reader = store.reader();
    assert!(
        applied::is_applied(reader, "national", "before")
            .await
            .unwrap()
    );
    scratch.tamper("", BREAK_ALL).await.unwrap();
    let error = match mark(&store, &log, "after").await {
        Ok(marked) => {
            assert!(marked);
            None
        }
        Err(error) => Some(error),
    };
    // The first statement of a transaction may be the one that finds out.
    if let Some(error) = error {
        assert!(error.is_of_the_store(), "{error}");
        assert!(mark(&store, &log, "after").await.unwrap());
    }
    assert!(!mark(&store, &log, "after").await.unwrap());
    // One that breaks in the middle leaves nothing behind and is nobody's fault but the store's.
    let (log, scratch) = (&log, &scratch);
    let broken = store
        .run_tx::<_, StoreError, _>("broken", |tx| {
            Box::pin(async move {
                leaf(log, tx).await?;
                applied::mark_all(tx, &[("national", "broken")], instant()).await?;
                scratch.tamper("", BREAK_ALL).await?;
                Ok(())
            })
        })
        .await;
    assert!(broken.expect_err("broken").is_of_the_store());
    assert!(mark(&store, log, "broken").await.unwrap());
    store.close().await;
}

#[tokio::test]
async fn a_transaction_that_meets_another_runs_again() {
    const ROW: Sql = Sql::new("select position from consumed_partition where topic = 'met'");
    const ADVANCE: Sql =
        Sql::new("update consumed_partition set position = $1 where topic = 'met'");
    let Some((scratch, store)) = server().await else {
        return;
    };
    let row = "insert into consumed_partition values ('met', 0, 1, 't')";
    scratch.tamper("", row).await.unwrap();
    let (tries, scratch) = (&AtomicU32::new(0), &scratch);
    let position = store
        .run_tx::<_, StoreError, _>("meet", |tx| {
            Box::pin(async move {
                let found: i64 = ROW.query().value(&mut *tx).await?;
                if tries.fetch_add(1, Ordering::Relaxed) == 0 {
                    // Someone else changes what this transaction decides on.
                    let other = "update consumed_partition set position = 7 where topic = 'met'";
                    scratch.tamper("", other).await?;
                }
                ADVANCE.bind(found + 1).keep_books(tx).await?;
                Ok(found + 1)
            })
        })
        .await;
    assert_eq!(position.unwrap(), 8);
    assert_eq!(tries.load(Ordering::Relaxed), 2);
    store.close().await;
}

#[tokio::test]
async fn a_failure_that_was_ignored_is_not_committed() {
    const WRONG: Sql = Sql::new("insert into applied values ('', 'b', 'c', 'd')");
    let Some((_scratch, store)) = server().await else {
        return;
    };
    let log = &log_of(&store).await;
    let done = store
        .run_tx::<_, StoreError, _>("careless", |tx| {
            Box::pin(async move {
                leaf(log, tx).await?;
                // An origin must not be empty.
                let refused = WRONG.query().write(tx).await;
                assert!(refused.is_err());
                Ok(())
            })
        })
        .await;
    assert!(matches!(done, Err(StoreError::FailureIgnored { .. })));
    assert!(mark(&store, log, "next").await.unwrap());
    store.close().await;
}

#[tokio::test]
async fn the_log_cannot_be_changed_by_its_owner_either() {
    let Some((_scratch, store)) = server().await else {
        return;
    };
    let log = &log_of(&store).await;
    mark(&store, log, "a").await.unwrap();
    log.head(&store, instant()).await.unwrap();
    const CHANGES: [Sql; 7] = [
        Sql::new("update log_leaf set identifier = 'x'"),
        Sql::new("delete from log_leaf"),
        Sql::new("truncate log_leaf cascade"),
        Sql::new("delete from log_head"),
        Sql::new("update log_head set note = 'x'"),
        Sql::new("delete from log_node"),
        Sql::new("update log set size = 0"),
    ];
    for change in &CHANGES {
        let refused = store
            .run_tx_without_leaf::<_, StoreError, _>("change", |tx| {
                Box::pin(async move { change.query().keep_books(tx).await })
            })
            .await;
        let error = refused.expect_err("refused").to_string();
        assert!(error.contains("never"), "{error}");
    }
    store.close().await;
}

#[tokio::test]
async fn what_another_process_appended_is_not_written_over() {
    let Some((scratch, store)) = server().await else {
        return;
    };
    let log = log_of(&store).await;
    let operator = scratch.decide().await.unwrap();
    // The node knows the log as it left it, and it is another each time.
    for number in 0..3 {
        assert!(mark(&store, &log, &format!("node {number}")).await.unwrap());
        assert!(record(&store, &log, 1).await.unwrap());
        let beside = mark(&operator, &log, &format!("operator {number}")).await;
        assert!(beside.unwrap());
        assert!(record(&store, &log, 1).await.unwrap());
        let beside = mark(&operator, &log, &format!("again {number}")).await;
        assert!(beside.unwrap());
        assert!(mark(&store, &log, &format!("more {number}")).await.unwrap());
    }
    operator.close().await;
    assert_eq!(faults(&store, &log).await, (18, 0));
    store.close().await;
}

#[tokio::test]
async fn a_transaction_of_many_leaves_is_written_like_one_of_few() {
    let Some((_scratch, store)) = server().await else {
        return;
    };
    let log = log_of(&store).await;
    // Up to what one statement takes, and beyond.
    let counts = [1, 1_024, 1_025, 2, 3_000];
    for count in counts {
        assert!(record(&store, &log, count).await.unwrap());
    }
    assert_eq!(faults(&store, &log).await, (counts.iter().sum(), 0));
    store.close().await;
}

#[tokio::test]
async fn a_transaction_of_one_statement_has_no_second() {
    const ADD: Sql = Sql::new(
        "insert into consumed_partition (topic, partition, position, updated_by) \
         values ($1, 0, 1, 'test')",
    );
    let Some((_scratch, store)) = server().await else {
        return;
    };
    let add = async |topics: &'static [&'static str]| {
        store
            .run_single_without_leaf::<_, StoreError, _>("single", |tx| {
                Box::pin(async move {
                    for topic in topics {
                        ADD.bind(*topic).keep_books(tx).await?;
                    }
                    Ok(())
                })
            })
            .await
    };
    add(&["a"]).await.unwrap();
    assert_eq!(add(&["b", "c"]).await.unwrap_err().code(), "STORE_DATABASE");
    // The connection is as good as before.
    add(&["d"]).await.unwrap();
    let position = async |topic| positions::last(store.reader(), topic, 0).await.unwrap();
    assert_eq!(position("a").await, Some(1));
    // It was a transaction by itself.
    assert_eq!(position("b").await, Some(1));
    assert_eq!(position("c").await, None);
    assert_eq!(position("d").await, Some(1));
    store.close().await;
}

/// A transaction of nothing but leaves, as reads are recorded.
async fn record(store: &Store, log: &ProvenanceLog, count: u64) -> Result<bool, StoreError> {
    store
        .run_tx("record", |tx| {
            Box::pin(async move {
                for _ in 0..count {
                    leaf(log, tx).await?;
                }
                Ok(true)
            })
        })
        .await
}

/// Leaves of the log, and how many faults it has.
async fn faults(store: &Store, log: &ProvenanceLog) -> (u64, usize) {
    let report = fsck::fsck(store, log).await.unwrap();
    (report.leaves, report.faults.len())
}
