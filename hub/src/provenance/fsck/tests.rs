//! What the check finds after someone changed the database file.

use std::path::Path;

use schemas::leaf::{Activity, EntityReference};

use crate::provenance::tests::{Bench, at, leaf};
use crate::store::tests::{HOLDER_CODE, entry};
use crate::store::{StoreError, entries, positions};

/// A log of 9 leaves, a head at 9, an entry with its leaf, a consumed position.
async fn filled() -> Bench {
    let bench = Bench::new().await;
    bench.append(9).await;
    bench.log.head(&bench.store, at()).await.unwrap();
    let (log, keys, entry) = (&bench.log, &*bench.keys, &entry());
    bench
        .store
        .run_tx::<_, StoreError, _>("apply", |tx| {
            Box::pin(async move {
                entries::upsert_all(tx, &[entry], keys, at()).await?;
                positions::advance(tx, "directory.changes", 0, 4).await?;
                let mut leaf = leaf(9);
                leaf.activity = Activity::Apply;
                leaf.identifier = Some(entry.public.identifier.as_str().to_owned());
                leaf.entity = Some(EntityReference {
                    revision: Some(entry.public.revision),
                    file_sm3: entry.public.file.as_ref().map(|file| file.sm3.clone()),
                    peer: None,
                });
                leaf.message = Some(schemas::leaf::MessageReference {
                    id: "m".to_owned(),
                    topic: Some("directory.changes".to_owned()),
                    partition: None,
                    position: Some(4),
                });
                log.append(tx, leaf, None).await
            })
        })
        .await
        .unwrap();
    bench
}

#[track_caller]
fn check(tampering: &'static str, expected: &'static [&'static str]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let found = runtime.block_on(async {
        let bench = filled().await;
        assert!(bench.faults().await.is_empty(), "clean before");
        bench.tamper(tampering).await;
        bench.faults().await
    });
    assert_eq!(found, expected, "{tampering}");
}

const NO_LEAF_GUARDS: &str =
    "drop trigger log_leaf_never_changes; drop trigger log_leaf_never_goes;";

#[test]
fn fsck_finds_a_changed_leaf() {
    let sql = "drop trigger log_leaf_never_changes; update log_leaf set bytes = \
        cast(replace(cast(bytes as text), '\"OK\"', '\"KO\"') as blob) where position = 4;";
    // The head at 9 was signed over the leaf as it was.
    check(
        sql,
        &[
            "FSCK_HEAD_ROOT",
            "FSCK_LEAF_HASH",
            "FSCK_LOG_FRONTIER",
            "FSCK_NODE_HASH",
        ],
    );
}

#[test]
fn fsck_finds_a_leaf_filed_elsewhere() {
    let sql = "drop trigger log_leaf_never_changes; \
        update log_leaf set identifier = 'other' where position = 3;";
    check(sql, &["FSCK_LEAF_IDENTIFIER"]);
}

#[tokio::test]
async fn fsck_finds_a_removed_leaf() {
    let bench = filled().await;
    bench.tamper(NO_LEAF_GUARDS).await;
    bench
        .tamper("delete from log_leaf where position = 5")
        .await;
    let faults = bench.faults().await;
    assert!(faults.contains(&"FSCK_LEAF_MISSING"), "{faults:?}");
    assert!(faults.contains(&"FSCK_HEAD_BEYOND"), "{faults:?}");
}

#[test]
fn fsck_finds_a_changed_node() {
    let sql = "drop trigger log_node_never_changes; \
        update log_node set hash = zeroblob(32) where level = 1 and position = 1;";
    check(sql, &["FSCK_NODE_HASH"]);
}

#[test]
fn fsck_finds_a_removed_node() {
    let sql = "drop trigger log_node_never_goes; delete from log_node where level = 2;";
    check(sql, &["FSCK_NODE_MISSING"]);
}

#[test]
fn fsck_finds_a_rewritten_head() {
    let sql = "drop trigger log_head_never_changes; update log_head set \
        root = zeroblob(32), note = replace(note, 'hub.zhejiang', 'hub.sichuan');";
    check(sql, &["FSCK_HEAD_SIGNATURE"]);
}

#[test]
fn fsck_finds_a_replaced_private_detail() {
    let sql = "update log_private set sealed = \
        (select sealed from log_private where position = 0) where position = 3;";
    check(sql, &["FSCK_PRIVATE_SEAL"]);
}

#[test]
fn fsck_accepts_an_erased_private_detail() {
    check(
        "update log_private set sealed = null where position = 3;",
        &[],
    );
}

#[test]
fn fsck_finds_a_removed_private_detail() {
    check(
        "delete from log_private where position = 3;",
        &["FSCK_PRIVATE_MISSING"],
    );
}

#[test]
fn fsck_finds_a_changed_entry() {
    let sql = "update entry set public = replace(public, '\"01\"', '\"07\"'), status = '07';";
    check(sql, &["FSCK_ENTRY_SEAL"]);
}

#[test]
fn fsck_finds_a_changed_status_column() {
    check("update entry set status = '07';", &["FSCK_ENTRY_COLUMNS"]);
}

#[test]
fn fsck_finds_a_removed_entry() {
    check(
        "delete from entry_holder; delete from entry;",
        &["FSCK_ENTRY_MISSING"],
    );
}

#[test]
fn fsck_finds_a_changed_holder() {
    let sql = "update entry_holder set holder_token = lower(hex(zeroblob(32)));";
    check(sql, &["FSCK_ENTRY_HOLDERS"]);
}

#[test]
fn fsck_finds_a_position_that_went_back() {
    check(
        "update consumed_partition set position = 3;",
        &["FSCK_POSITION"],
    );
}

#[test]
fn fsck_finds_a_cut_log() {
    let sql = "drop trigger log_leaf_never_goes; drop trigger log_never_shrinks; \
        delete from log_leaf where position >= 8; update log set size = 8;";
    // The entry's own leaf went with the rest.
    check(
        sql,
        &[
            "FSCK_ENTRY_NO_LEAF",
            "FSCK_HEAD_BEYOND",
            "FSCK_LOG_FRONTIER",
            "FSCK_NODE_EXTRA",
        ],
    );
}

#[tokio::test]
async fn nothing_personal_stands_in_the_file() {
    let bench = filled().await;
    bench.store.close().await;
    for name in std::fs::read_dir(bench.folder.path()).unwrap() {
        let path = name.unwrap().path();
        check_absent(
            &path,
            &["OPERATOR-NAME", HOLDER_CODE, "测试企业", "示建字第0001号"],
        );
    }
}

#[track_caller]
fn check_absent(path: &Path, texts: &[&str]) {
    let bytes = std::fs::read(path).unwrap();
    for text in texts {
        let found = bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes());
        assert!(!found, "{text} stands in clear in {}", path.display());
    }
}
