//! Tests of the log, the recorder, the proofs and the check of the whole.

use std::sync::Arc;

use certs::merkle::{LogHash, verify_consistency, verify_inclusion};
use certs::node_key::NodeKeys;
use certs::note::verify_checkpoint;
use chrono::{DateTime, Utc};
use schemas::leaf::{Activity, Leaf, PrivateDetail};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::fsck::fsck;
use super::recorder::BATCH_MAX;
use super::{ProvenanceLog, RecordError, Recorder};
use crate::prove::{self, TrustedNodes, Unproven, Voucher};
use crate::store::scratch::Scratch;
use crate::store::tests::instant;
use crate::store::{Store, StoreError, leaves, log};

const NODE: &str = "zhejiang";
const LICENCE: &str = "1.2.156.3005.2.TEST";

/// A node's database and log in a folder of their own.
pub(super) struct Bench {
    pub(super) scratch: Scratch,
    pub(super) folder: TempDir,
    pub(super) store: Store,
    pub(super) log: ProvenanceLog,
    pub(super) keys: Arc<NodeKeys>,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Arc::new(NodeKeys::generate().unwrap());
        let scratch = Scratch::new(folder.path()).await.unwrap();
        let store = scratch.open().await.unwrap();
        let log = ProvenanceLog::open(&store, NODE, &keys).await.unwrap();
        Self {
            scratch,
            folder,
            store,
            log,
            keys,
        }
    }

    pub(super) async fn append(&self, count: u64) {
        let log = &self.log;
        self.store
            .run_tx::<_, StoreError, _>("test", |tx| {
                Box::pin(async move {
                    for number in 0..count {
                        let private = (number % 3 == 0).then(detail);
                        log.append(tx, leaf(number), private).await?;
                    }
                    Ok(())
                })
            })
            .await
            .unwrap();
    }

    fn trusted(&self) -> TrustedNodes {
        let mut trusted = TrustedNodes::default();
        trusted.insert(NODE, self.keys.public());
        trusted
    }

    async fn size(&self) -> u64 {
        log::state(self.store.reader()).await.unwrap().unwrap().size
    }

    /// Runs SQL as whoever holds the database file could, past every guard of the program.
    pub(super) async fn tamper(&self, sql: &str) {
        let postgres = in_postgres(sql);
        self.scratch.tamper(sql, &postgres).await.unwrap();
    }

    pub(super) async fn faults(&self) -> Vec<&'static str> {
        let report = fsck(&self.store, &self.log).await.unwrap();
        let mut codes: Vec<_> = report.faults.iter().map(|fault| fault.code).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// The same in the words of PostgreSQL, where tampering passes the triggers.
fn in_postgres(sql: &str) -> String {
    let statements = sql.split(';').map(str::trim);
    let kept: Vec<_> = statements
        .filter(|one| !one.starts_with("drop trigger"))
        .collect();
    kept.join(";")
        .replace("lower(hex(zeroblob(32)))", "repeat('0', 64)")
        .replace("zeroblob(32)", "decode(repeat('00', 32), 'hex')")
        .replace(
            "cast(replace(cast(bytes as text),",
            "convert_to(replace(convert_from(bytes, 'UTF8'),",
        )
        .replace("as blob)", ", 'UTF8')")
}

pub(super) fn leaf(number: u64) -> Leaf {
    let mut leaf = Leaf::new(format!("id-{number}"), instant(), NODE, Activity::Lookup);
    leaf.identifier = Some(LICENCE.to_owned());
    leaf
}

fn detail() -> PrivateDetail {
    PrivateDetail {
        operator: Some("OPERATOR-NAME".to_owned()),
        ..PrivateDetail::default()
    }
}

pub(super) fn at() -> DateTime<Utc> {
    instant()
}

#[tokio::test]
async fn every_proof_of_a_thousand_leaves_verifies() {
    let bench = Bench::new().await;
    for count in [1, 2, 700, 297] {
        bench.append(count).await;
    }
    let head = bench.log.head(&bench.store, at()).await.unwrap();
    assert_eq!(head.size, 1_000);
    let signed = verify_checkpoint(&head.note, bench.log.origin(), &bench.keys.public()).unwrap();
    assert_eq!(signed.root, head.root);
    let trail = bench
        .log
        .trail(&bench.store, LICENCE, 0, at())
        .await
        .unwrap();
    assert_eq!(trail.len(), 1_000);
    for item in &trail {
        let proven = prove::verify(&item.proof, &bench.trusted()).unwrap();
        assert_eq!(proven.index, item.index);
        assert_eq!(proven.voucher, Voucher::Node(NODE.to_owned()));
    }
    for size in [1, 3, 512, 999] {
        let leaf = leaves::find(bench.store.reader(), size - 1)
            .await
            .unwrap()
            .unwrap();
        let path = bench
            .log
            .inclusion_proof(&bench.store, size - 1, 1_000)
            .await
            .unwrap();
        assert!(verify_inclusion(
            LogHash::Sm3,
            &leaf.hash,
            size - 1,
            1_000,
            &path,
            &head.root
        ));
    }
    assert!(bench.faults().await.is_empty());
}

#[tokio::test]
async fn heads_are_signed_once_and_consistent() {
    let bench = Bench::new().await;
    bench.append(5).await;
    let old = bench.log.head(&bench.store, at()).await.unwrap();
    assert_eq!(old, bench.log.head(&bench.store, at()).await.unwrap());
    bench.append(8).await;
    let new = bench.log.head(&bench.store, at()).await.unwrap();
    let path = bench
        .log
        .consistency_proof(&bench.store, 5, 13)
        .await
        .unwrap();
    assert!(verify_consistency(
        LogHash::Sm3,
        5,
        &old.root,
        13,
        &new.root,
        &path
    ));
    assert!(!verify_consistency(
        LogHash::Sm3,
        5,
        &new.root,
        13,
        &new.root,
        &path
    ));
    assert!(
        bench
            .log
            .inclusion_proof(&bench.store, 13, 13)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_failed_transaction_leaves_no_leaf() {
    let bench = Bench::new().await;
    bench.append(3).await;
    let log = &bench.log;
    let failed = bench
        .store
        .run_tx::<(), StoreError, _>("test", |tx| {
            Box::pin(async move {
                log.append(tx, leaf(7), Some(detail())).await?;
                Err(StoreError::Leaf)
            })
        })
        .await;
    assert!(matches!(failed, Err(StoreError::Leaf)));
    assert_eq!(bench.size().await, 3);
    bench.append(1).await;
    assert_eq!(bench.size().await, 4);
    assert!(bench.faults().await.is_empty());
}

#[tokio::test]
async fn a_record_is_on_disk_before_its_answer() {
    let bench = Bench::new().await;
    let (recorder, writer) = Recorder::start(bench.store.clone(), bench.log.clone());
    let recorded = (0..600).map(|number| recorder.record(leaf(number), Some(detail())));
    let mut indexes: Vec<u64> = futures_util::future::join_all(recorded)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    // Another process sees all of them, with the writer still running.
    let other = bench.scratch.visit().await.unwrap();
    assert_eq!(log::state(other.reader()).await.unwrap().unwrap().size, 600);
    indexes.sort_unstable();
    assert_eq!(indexes, (0..600).collect::<Vec<_>>());
    recorder.close().await;
    writer.await.unwrap();
    assert_eq!(
        recorder.record(leaf(9), None).await,
        Err(RecordError::Stopped)
    );
    assert!(bench.faults().await.is_empty());
}

#[tokio::test]
async fn an_overloaded_recorder_refuses_and_loses_nothing() {
    const BOUND: usize = 8;
    let bench = Bench::new().await;
    let (recorder, writer) = Recorder::start_bounded(bench.store.clone(), bench.log.clone(), BOUND);
    // Another transaction holds the database until it is told to go on.
    let (held, is_held) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    let store = bench.store.clone();
    let holder = tokio::spawn(async move {
        let mut signals = Some((held, released));
        store
            .run_tx::<_, StoreError, _>("hold", |_| {
                let signals = signals.take();
                Box::pin(async move {
                    if let Some((held, released)) = signals {
                        held.send(()).unwrap();
                        released.await.unwrap();
                    }
                    Ok(())
                })
            })
            .await
            .unwrap();
    });
    is_held.await.unwrap();
    // One at a time until the first refusal: the batch under way and the queue are full then.
    let mut accepted = Vec::new();
    let refusal = loop {
        let mut record = Box::pin(recorder.record(leaf(accepted.len() as u64), None));
        let answer = tokio::select! {
            biased;
            answer = &mut record => Some(answer),
            () = std::future::ready(()) => None,
        };
        match answer {
            Some(answer) => break answer,
            None => accepted.push(record),
        }
        assert!(
            accepted.len() <= 2 * BATCH_MAX + BOUND,
            "the queue has no bound"
        );
        tokio::task::yield_now().await;
    };
    assert_eq!(refusal, Err(RecordError::Overloaded));
    release.send(()).unwrap();
    let count = accepted.len() as u64;
    for answer in futures_util::future::join_all(accepted).await {
        answer.unwrap();
    }
    assert_eq!(bench.size().await, count);
    recorder.close().await;
    writer.await.unwrap();
    holder.await.unwrap();
}

#[tokio::test]
async fn a_changed_proof_proves_nothing() {
    let bench = Bench::new().await;
    bench.append(6).await;
    let proof = bench.log.proof(&bench.store, 2, at()).await.unwrap();
    let text = proof.to_text();
    let nobody = prove::verify(&text, &TrustedNodes::default()).unwrap();
    assert_eq!(nobody.voucher, Voucher::Nobody);

    let mut stranger = TrustedNodes::default();
    stranger.insert(NODE, NodeKeys::generate().unwrap().public());
    let refused = prove::verify(&text, &stranger);
    assert!(matches!(refused, Err(Unproven::Signature { .. })));

    let mut other_leaf = proof.clone();
    other_leaf.extra = Some(leaf(3).to_bytes().unwrap());
    let refused = prove::verify(&other_leaf.to_text(), &bench.trusted());
    assert!(matches!(refused, Err(Unproven::Path)));

    let mut other_index = proof;
    other_index.index = 3;
    assert!(prove::verify(&other_index.to_text(), &bench.trusted()).is_err());
}

#[tokio::test]
async fn a_leaf_of_another_node_is_not_proven_by_this_log() {
    let bench = Bench::new().await;
    let log = &bench.log;
    bench
        .store
        .run_tx::<_, StoreError, _>("test", |tx| {
            Box::pin(async move {
                let foreign = Leaf::new("id".to_owned(), at(), "sichuan", Activity::Lookup);
                log.append(tx, foreign, None).await
            })
        })
        .await
        .unwrap();
    let proof = bench
        .log
        .proof(&bench.store, 0, at())
        .await
        .unwrap()
        .to_text();
    assert!(matches!(
        prove::verify(&proof, &bench.trusted()),
        Err(Unproven::OtherLog { .. })
    ));
    assert_eq!(bench.faults().await, ["FSCK_LEAF_NODE"]);
}

#[tokio::test]
async fn the_log_of_another_node_is_refused() {
    let bench = Bench::new().await;
    let refused = ProvenanceLog::open(&bench.store, "sichuan", &bench.keys).await;
    assert!(matches!(refused, Err(StoreError::OtherLog { .. })));
}
