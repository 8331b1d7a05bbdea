//! What a transaction refuses, above all a change of state without a leaf (invariant 2).

use super::*;

#[tokio::test]
async fn a_change_of_state_without_a_leaf_is_refused() {
    let bench = Bench::new().await;
    let (keys, entry) = (&*bench.keys, &entry());
    let refused = bench
        .store
        .run_tx::<_, StoreError, _>("forgetful", |tx| {
            Box::pin(async move { entries::upsert_all(tx, &[entry], keys, instant()).await })
        })
        .await;
    assert!(matches!(
        refused,
        Err(StoreError::NoLeaf {
            transaction: "forgetful"
        })
    ));
    assert_eq!(entries::count(bench.store.reader()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_statement_without_a_leaf_is_refused_too() {
    const WRITE: Sql = Sql::new("insert into applied values ('a', 'b', 'c', 'd')");
    let bench = Bench::new().await;
    let refused = bench
        .store
        .run_tx::<_, StoreError, _>("sly", |tx| {
            Box::pin(async move {
                WRITE.query().write(tx).await?;
                Ok(())
            })
        })
        .await;
    assert!(matches!(refused, Err(StoreError::NoLeaf { .. })));
    // Nor is there a way past the count.
    const SLY: Sql = Sql::new("insert into applied values ('a', 'b', 'c', 'd') returning origin");
    let refused = bench
        .store
        .run_tx::<_, StoreError, _>("slyer", |tx| {
            Box::pin(async move { SLY.query().all::<(String,)>(tx).await })
        })
        .await;
    assert!(matches!(refused, Err(StoreError::NotReading)));
    let found = applied::is_applied(bench.store.reader(), "a", "b")
        .await
        .unwrap();
    assert!(!found);
}

#[tokio::test]
async fn bookkeeping_cannot_change_state() {
    let bench = Bench::new().await;
    let (keys, entry) = (&*bench.keys, &entry());
    let refused = bench
        .store
        .run_tx_without_leaf::<_, StoreError, _>("books", |tx| {
            Box::pin(async move { entries::upsert_all(tx, &[entry], keys, instant()).await })
        })
        .await;
    assert!(matches!(refused, Err(StoreError::NotBookkeeping { .. })));
}

#[tokio::test]
async fn a_position_moves_forwards_only_and_needs_no_leaf() {
    let bench = Bench::new().await;
    let advance = async |position: i64| {
        bench
            .store
            .run_tx::<_, StoreError, _>("advance", |tx| {
                Box::pin(async move { positions::advance(tx, "topic", 0, position).await })
            })
            .await
    };
    advance(3).await.unwrap();
    advance(4).await.unwrap();
    for position in [4, 1] {
        let refused = advance(position).await;
        assert!(matches!(refused, Err(StoreError::PositionBackwards { .. })));
    }
    assert_eq!(
        positions::last(bench.store.reader(), "topic", 0)
            .await
            .unwrap(),
        Some(4)
    );
    assert_eq!(
        positions::last(bench.store.reader(), "other", 0)
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_full_database_works_again_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("hub.sqlite"))
        .await
        .unwrap();
    let keys = Arc::new(NodeKeys::generate().unwrap());
    let log = ProvenanceLog::open(&store, "zhejiang", &keys)
        .await
        .unwrap();
    let send = async |body_bytes: usize| {
        let message = &Outgoing {
            message_id: "id".to_owned(),
            topic: "directory.changes".to_owned(),
            key: "key".to_owned(),
            headers: Vec::new(),
            body: vec![0; body_bytes],
        };
        let log = &log;
        store
            .run_tx::<_, StoreError, _>("send", |tx| {
                Box::pin(async move {
                    leaf(log, tx).await?;
                    outbox::enqueue(tx, message).await
                })
            })
            .await
    };
    // As large as the file is now: SQLite then ends the transaction by itself, as on a full disk.
    let Writer::Sqlite(pool) = &store.writer else {
        panic!("not a file")
    };
    sqlx::query("pragma max_page_count = 1")
        .execute(pool)
        .await
        .unwrap();
    let refused = send(1 << 20).await.unwrap_err();
    assert!(refused.is_of_the_store(), "{refused}");
    sqlx::query("pragma max_page_count = 100000")
        .execute(pool)
        .await
        .unwrap();
    send(1 << 20).await.unwrap();
    assert_eq!(outbox::count(store.reader()).await.unwrap(), 1);
}

/// The futures of the store can be spawned.
#[tokio::test]
async fn transactions_can_run_in_tasks() {
    let bench = Bench::new().await;
    let (store, log) = (bench.store.clone(), bench.log.clone());
    let task = tokio::spawn(async move {
        let log = &log;
        store
            .run_tx::<_, StoreError, _>("task", |tx| Box::pin(async move { leaf(log, tx).await }))
            .await
    });
    task.await.unwrap().unwrap();
}
