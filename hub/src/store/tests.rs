//! Tests of transactions and tables.

mod batches;
mod server;
mod statements;
mod transactions;

use std::sync::Arc;

use certs::node_key::NodeKeys;
use chrono::{DateTime, Utc};
use schemas::entry::{Entry, SourceEntry};
use schemas::leaf::{Activity, Leaf};
use schemas::message::{DirectoryReceipt, ReceiptOutcome};
use tempfile::TempDir;

use super::outbox::Outgoing;
use super::registrations::{Registration, content_token};
use super::rejections::Rejection;
use super::scratch::Scratch;
use super::*;
use crate::provenance::ProvenanceLog;

/// Code of the holder of [`entry`].
pub(crate) const HOLDER_CODE: &str = "11370800MB28559184";

/// A time.
pub(crate) fn instant() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

/// An entry; its people and firms do not exist.
pub(crate) fn entry() -> Entry {
    let line = serde_json::json!({
        "identifier": "1.2.156.3005.2.11990000MB999999XE001.11330105002500287C.20240001.001.X",
        "licence_name": "示例施工许可证",
        "type_name": "示例施工许可证",
        "type_code": "11990000MB999999XE001",
        "issuer_name": "示例区建设局",
        "issuer_code": "11330105002500287C",
        "issued_on": "20240629",
        "region": "330105000000",
        "number": "示建字第0001号",
        "holders": [{"name": "测试企业", "code": HOLDER_CODE, "code_type": "001"}],
    });
    SourceEntry::parse_line(line.to_string().as_bytes())
        .unwrap()
        .into_entry("zhejiang", 1, None)
        .unwrap()
}

struct Bench {
    scratch: Scratch,
    _folder: TempDir,
    store: Store,
    log: ProvenanceLog,
    keys: Arc<NodeKeys>,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Arc::new(NodeKeys::generate().unwrap());
        let scratch = Scratch::new(folder.path()).await.unwrap();
        let store = scratch.open().await.unwrap();
        let log = ProvenanceLog::open(&store, "zhejiang", &keys)
            .await
            .unwrap();
        Self {
            scratch,
            _folder: folder,
            store,
            log,
            keys,
        }
    }
}

/// Appends a leaf, so that the transaction may change state.
async fn leaf(log: &ProvenanceLog, tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let leaf = Leaf::new("id".to_owned(), instant(), "zhejiang", Activity::Apply);
    log.append(tx, leaf, None).await.map(|_| ())
}

#[tokio::test]
async fn the_newest_revision_wins() {
    let bench = Bench::new().await;
    let upsert = async |revision: u64, name: &str| {
        let mut entry = entry();
        entry.public.revision = revision;
        entry.public.licence_name = name.to_owned();
        let (log, keys, entry) = (&bench.log, &*bench.keys, &entry);
        bench
            .store
            .run_tx::<_, StoreError, _>("apply", |tx| {
                Box::pin(async move {
                    leaf(log, tx).await?;
                    let done = entries::upsert_all(tx, &[entry], keys, instant()).await?;
                    Ok(done[0])
                })
            })
            .await
            .unwrap()
    };
    assert_eq!(upsert(2, "two").await, entries::Upserted::Inserted);
    assert_eq!(upsert(2, "again").await, entries::Upserted::Older);
    assert_eq!(upsert(1, "one").await, entries::Upserted::Older);
    assert_eq!(upsert(3, "three").await, entries::Upserted::Updated);

    let (reader, key) = (bench.store.reader(), bench.keys.column_key());
    let identifier = entry().public.identifier;
    let found = entries::find(reader, &identifier, key)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.public.revision, found.public.licence_name.as_str()),
        (3, "three")
    );
    assert_eq!(found.private, entry().private);
    let latest = entries::latest_of_licence(reader, &identifier.licence_key(), key).await;
    assert_eq!(latest.unwrap(), Some(found.clone()));
    let token = bench.keys.token_key().holder_token(HOLDER_CODE);
    for (type_code, count) in [
        (None, 1),
        (Some("11990000MB999999XE001"), 1),
        (Some("x"), 0),
    ] {
        let held = entries::find_by_holder_token(reader, &token, type_code, 10, key).await;
        assert_eq!(held.unwrap().len(), count);
    }
    assert_eq!(
        entries::page(reader, None, 10).await.unwrap(),
        [found.public]
    );
    assert_eq!(
        entries::page(reader, Some(identifier.as_str()), 10)
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn the_outbox_keeps_order_until_sent() {
    let bench = Bench::new().await;
    let log = &bench.log;
    let message = |id: &str| Outgoing {
        message_id: id.to_owned(),
        topic: "directory.changes".to_owned(),
        key: "key".to_owned(),
        headers: vec![("ce_id".to_owned(), id.to_owned())],
        body: vec![1, 2, 3],
    };
    let messages = &[message("b"), message("a"), message("c")];
    bench
        .store
        .run_tx::<_, StoreError, _>("enqueue", |tx| {
            Box::pin(async move {
                leaf(log, tx).await?;
                for message in messages {
                    outbox::enqueue(tx, message).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
    let waiting = outbox::pending(bench.store.reader(), &[], 2).await.unwrap();
    assert_eq!(
        waiting.iter().map(|row| &row.message).collect::<Vec<_>>(),
        [&messages[0], &messages[1]]
    );
    let sent = &[waiting[0].number, waiting[1].number];
    bench
        .store
        .run_tx_without_leaf::<_, StoreError, _>("sent", |tx| {
            Box::pin(async move { outbox::mark_sent(tx, sent).await })
        })
        .await
        .unwrap();
    let waiting = outbox::pending(bench.store.reader(), &[], 10)
        .await
        .unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].message, messages[2]);
    let held = [messages[2].topic.clone()];
    let others = outbox::pending(bench.store.reader(), &held, 10).await;
    assert_eq!(others.unwrap(), []);
    assert_eq!(outbox::count(bench.store.reader()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_message_is_applied_and_received_once() {
    let bench = Bench::new().await;
    let log = &bench.log;
    let receipt = &DirectoryReceipt {
        message_id: "m".to_owned(),
        home_node: "zhejiang".to_owned(),
        identifier: "i".to_owned(),
        revision: 1,
        outcome: ReceiptOutcome::Rejected,
        reasons: Vec::new(),
        applied_at: instant(),
    };
    let rejection = &Rejection {
        subject: "zhejiang/m".to_owned(),
        home_node: "zhejiang".to_owned(),
        identifier: None,
        revision: Some(1),
        source_line: Some(7),
        public: Some(entry().public),
        reasons: Vec::new(),
        rejected_at: instant(),
    };
    for is_first in [true, false] {
        bench
            .store
            .run_tx::<_, StoreError, _>("receive", |tx| {
                Box::pin(async move {
                    leaf(log, tx).await?;
                    let marked = applied::mark_all(tx, &[("national", "m")], instant()).await?;
                    assert_eq!(marked, [is_first]);
                    assert_eq!(receipts::record_all(tx, &[receipt]).await?, [is_first]);
                    let twice = [rejection.clone(), rejection.clone()];
                    let recorded = rejections::record_all(tx, &twice).await?;
                    assert_eq!(recorded, [is_first, false]);
                    Ok(())
                })
            })
            .await
            .unwrap();
    }
    let reader = bench.store.reader();
    assert!(applied::is_applied(reader, "national", "m").await.unwrap());
    assert!(!applied::is_applied(reader, "sichuan", "m").await.unwrap());
    assert_eq!(receipts::counts(reader).await.unwrap().rejected, 1);
    assert_eq!(
        receipts::for_identifier(reader, "i").await.unwrap()[0].receipt,
        *receipt
    );
    assert_eq!(
        rejections::page(reader, 0, 9).await.unwrap()[0].rejection,
        *rejection
    );
    assert!(rejections::page(reader, 1, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_registration_knows_its_content_without_telling() {
    let bench = Bench::new().await;
    let (log, keys) = (&bench.log, &*bench.keys);
    let registration = &Registration {
        identifier: "i".to_owned(),
        revision: 1,
        content_token: content_token(keys, HOLDER_CODE.as_bytes()),
        message_id: "m".to_owned(),
        outcome: None,
        registered_at: instant(),
        library_status: None,
    };
    assert_ne!(
        registration.content_token,
        content_token(&NodeKeys::generate().unwrap(), HOLDER_CODE.as_bytes())
    );
    bench
        .store
        .run_tx::<_, StoreError, _>("register", |tx| {
            Box::pin(async move {
                leaf(log, tx).await?;
                registrations::upsert_all(tx, &[registration]).await
            })
        })
        .await
        .unwrap();
    let reader = bench.store.reader();
    assert_eq!(registrations::count_awaiting(reader).await.unwrap(), 1);
    // About another revision than the last, about it, and about it once more.
    let mut receipt = DirectoryReceipt {
        message_id: "m".to_owned(),
        home_node: "zhejiang".to_owned(),
        identifier: "i".to_owned(),
        revision: 2,
        outcome: ReceiptOutcome::Accepted,
        reasons: Vec::new(),
        applied_at: instant(),
    };
    let other = receipt.clone();
    receipt.revision = 1;
    let mut earlier = receipt.clone();
    earlier.outcome = ReceiptOutcome::Superseded;
    for (receipts, awaiting) in [(&[&other][..], 1), (&[&earlier, &receipt], 0), (&[], 0)] {
        bench
            .store
            .run_tx::<_, StoreError, _>("receipt", |tx| {
                Box::pin(async move {
                    leaf(log, tx).await?;
                    registrations::set_outcomes(tx, receipts).await
                })
            })
            .await
            .unwrap();
        let count = registrations::count_awaiting(reader).await.unwrap();
        assert_eq!(count, awaiting);
    }
    let found = registrations::find(reader, "i").await.unwrap().unwrap();
    assert_eq!(found.outcome, Some(ReceiptOutcome::Accepted));
    assert_eq!(registrations::count_awaiting(reader).await.unwrap(), 0);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let bench = Bench::new().await;
    bench.store.close().await;
    let later = "insert into _sqlx_migrations \
                 (version, description, success, checksum, execution_time) values (9999, 'later', ";
    let (sqlite, postgres) = (
        format!("{later} 1, x'00', 0)"),
        format!("{later} true, '', 0)"),
    );
    bench.scratch.tamper(&sqlite, &postgres).await.unwrap();
    let refused = bench.scratch.open().await;
    assert!(matches!(
        refused,
        Err(StoreError::NewerDatabase { version: 9999 })
    ));
}

#[tokio::test]
async fn a_missing_database_is_not_made_when_it_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.sqlite");
    assert!(Store::open_existing(&path).await.is_err());
    assert!(!path.exists());
}

#[tokio::test]
async fn readers_cannot_write() {
    let bench = Bench::new().await;
    const REMOVE: Sql = Sql::new("delete from entry returning identifier");
    let refused = REMOVE.query().all::<(String,)>(bench.store.reader()).await;
    assert!(matches!(refused, Err(StoreError::NotReading)));
    // What looks like a read is refused by the database.
    const SLY: Sql = Sql::each(
        "with one as (select 1) delete from entry",
        "with gone as (delete from entry returning 1) select 1",
    );
    let refused = SLY.query().all::<(i64,)>(bench.store.reader()).await;
    assert!(matches!(refused, Err(StoreError::Database(_))));
}

#[tokio::test]
async fn a_store_that_does_not_work_is_told_from_a_row_that_it_refuses() {
    let bench = Bench::new().await;
    let log = &bench.log;
    let refused = bench
        .store
        .run_tx::<_, StoreError, _>("row", |tx| {
            Box::pin(async move {
                leaf(log, tx).await?;
                applied::mark_all(tx, &[("", "b")], instant()).await?;
                Ok(())
            })
        })
        .await;
    assert!(!refused.expect_err("refused").is_of_the_store());
    bench.store.close().await;
    let unreachable = applied::is_applied(bench.store.reader(), "a", "b").await;
    assert!(unreachable.expect_err("closed").is_of_the_store());
}
