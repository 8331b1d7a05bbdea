//! Many at once do what one after another does, and older tables get what newer ones have.

use super::*;

/// An entry of its own for each number.
pub(super) fn revised(number: u64, revision: u64) -> Entry {
    let mut entry = entry();
    let serial = format!("2024{number:08}");
    let (kind, issuer) = ("11990000MB999999XE001", "11330105002500287C");
    entry.public.identifier =
        schemas::identifier::Identifier::build(kind, issuer, &serial, 1).unwrap();
    entry.public.revision = revision;
    entry
}

#[tokio::test]
async fn a_batch_of_entries_is_one_after_another() {
    use entries::Upserted::{Inserted, Older, Updated};
    let bench = Bench::new().await;
    let (log, keys) = (&bench.log, &*bench.keys);
    let upsert = async |entries: &[Entry]| {
        let entries: Vec<&Entry> = entries.iter().collect();
        let entries = &entries;
        bench
            .store
            .run_tx::<_, StoreError, _>("batch", |tx| {
                Box::pin(async move {
                    leaf(log, tx).await?;
                    entries::upsert_all(tx, entries, keys, instant()).await
                })
            })
            .await
            .unwrap()
    };
    let mut many: Vec<Entry> = (0..300).map(|number| revised(number, 2)).collect();
    assert_eq!(upsert(&many).await, vec![Inserted; 300]);
    // The same licence version several times: the newest one stays, with its holders alone.
    many = vec![revised(7, 3), revised(7, 5), revised(7, 4), revised(400, 1)];
    many[1].private.holders.clear();
    assert_eq!(upsert(&many).await, [Updated, Updated, Older, Inserted]);
    assert_eq!(upsert(&many).await, [Older; 4]);
    assert_eq!(upsert(&[]).await, []);
    let reader = bench.store.reader();
    let found = entries::find(reader, &many[1].public.identifier, keys.column_key()).await;
    assert_eq!(found.unwrap(), Some(many[1].clone()));
    assert_eq!(entries::count(reader).await.unwrap(), 301);
    let token = keys.token_key().holder_token(HOLDER_CODE);
    let held = entries::find_by_holder_token(reader, &token, None, 1_000, keys.column_key()).await;
    assert_eq!(held.unwrap().len(), 300);
    assert!(
        entries::opens_with(reader, keys.column_key())
            .await
            .unwrap()
    );
    let others = NodeKeys::generate().unwrap();
    assert!(
        !entries::opens_with(reader, others.column_key())
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_load_keeps_the_newest() {
    let bench = Bench::new().await;
    let (log, keys) = (&bench.log, &*bench.keys);
    let load = async |entries: &[Entry]| {
        let entries: Vec<&Entry> = entries.iter().collect();
        let entries = &entries;
        bench
            .store
            .run_tx::<_, StoreError, _>("load", |tx| {
                Box::pin(async move {
                    leaf(log, tx).await?;
                    entries::load(tx, entries, keys, instant()).await
                })
            })
            .await
            .unwrap()
    };
    let mut many: Vec<Entry> = (0..700).map(|number| revised(number, 2)).collect();
    // What means something to `copy`, and a holder that is named twice.
    many[3].public.licence_name = "一\t二\\N\n三".to_owned();
    let again = many[3].private.holders[0].clone();
    many[3].private.holders.push(again);
    assert_eq!(load(&many).await, 700);
    assert_eq!(load(&many).await, 0);
    let newer = [revised(1, 1), revised(2, 3), revised(2, 4), revised(900, 1)];
    assert!(
        [2, 3].contains(&load(&newer).await),
        "two, one of them in two steps"
    );
    let (reader, key) = (bench.store.reader(), keys.column_key());
    for (entry, revision) in [(&many[3], 2), (&many[1], 2), (&newer[2], 4), (&newer[3], 1)] {
        let found = entries::find(reader, &entry.public.identifier, key).await;
        let found = found.unwrap().unwrap();
        assert_eq!(found.public.revision, revision);
    }
    let found = entries::find(reader, &many[3].public.identifier, key).await;
    assert_eq!(found.unwrap(), Some(many[3].clone()));
    assert_eq!(entries::count(reader).await.unwrap(), 701);
    let token = keys.token_key().holder_token(HOLDER_CODE);
    let held = entries::find_by_holder_token(reader, &token, None, 1_000, key).await;
    assert_eq!(held.unwrap().len(), 701);
}

#[tokio::test]
async fn marks_receipts_and_registrations_in_batches() {
    let bench = Bench::new().await;
    let (log, keys) = (&bench.log, &*bench.keys);
    let receipt = |id: &str| DirectoryReceipt {
        message_id: id.to_owned(),
        home_node: "zhejiang".to_owned(),
        identifier: "i".to_owned(),
        revision: 1,
        outcome: ReceiptOutcome::Accepted,
        reasons: Vec::new(),
        applied_at: instant(),
    };
    let registration = |identifier: &str, revision: u64| Registration {
        identifier: identifier.to_owned(),
        revision,
        content_token: content_token(keys, b"content"),
        message_id: format!("{identifier}-{revision}"),
        outcome: None,
        registered_at: instant(),
        library_status: None,
    };
    let receipts = [receipt("a"), receipt("b"), receipt("a")];
    let receipts: &Vec<&DirectoryReceipt> = &receipts.iter().collect();
    let all = [
        registration("x", 1),
        registration("y", 2),
        registration("x", 3),
    ];
    let all: &Vec<&Registration> = &all.iter().collect();
    for first in [true, false] {
        bench
            .store
            .run_tx::<_, StoreError, _>("batch", |tx| {
                Box::pin(async move {
                    leaf(log, tx).await?;
                    let marks = [("n", "1"), ("n", "2"), ("n", "1"), ("m", "1")];
                    let marked = applied::mark_all(tx, &marks, instant()).await?;
                    assert_eq!(marked, [first, first, false, first]);
                    let recorded = receipts::record_all(tx, receipts).await?;
                    assert_eq!(recorded, [first, first, false]);
                    registrations::upsert_all(tx, all).await
                })
            })
            .await
            .unwrap();
    }
    let found = registrations::find(bench.store.reader(), "x")
        .await
        .unwrap();
    assert_eq!(found.unwrap().revision, 3);
}

/// A file of before regions: every entry is found again, whatever its identifier looks like.
#[tokio::test]
async fn an_older_file_learns_its_regions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.sqlite");
    sqlite::open_at_version(&path, 7).await.unwrap();
    let mut insert = String::new();
    let identifiers = [
        (
            "1.2.156.3005.2.11990000MB999999XE001.11330105002500287C.1.001.X",
            "33",
        ),
        ("1.2.156.3005.2.TYPE.1151X.1.001.X", "51"),
        ("1.2.156.3005.2.TYPE.ISSUER.1.001.X", "00"),
    ];
    for (identifier, _) in identifiers {
        insert += &format!(
            "insert into entry values ('{identifier}', 'k', 1, 't', '01', 'n', 1, '2024-01-01', \
             '{{}}', x'00', 's', 'u'); \
             insert into entry_holder values ('{}', '{identifier}', 't');",
            "a".repeat(64)
        );
    }
    let scratch = Scratch::file(folder.path());
    scratch.tamper(&insert, "").await.unwrap();
    let store = scratch.open().await.unwrap();
    const REGIONS: Sql = Sql::new(
        "select e.identifier, e.region, h.region from entry e \
         join entry_holder h on h.identifier = e.identifier order by e.region desc",
    );
    let mut rows: Vec<(String, String, String)> =
        REGIONS.query().all(store.reader()).await.unwrap();
    rows.sort();
    let mut expected = Vec::new();
    for (identifier, region) in identifiers {
        assert_eq!(schemas::identifier::region_of(identifier), region);
        let region = region.to_owned();
        expected.push((identifier.to_owned(), region.clone(), region));
    }
    expected.sort();
    assert_eq!(rows, expected);
    store.close().await;
}
