//! The paths of ARCHITECTURE.md, Paths between three nodes: directory sync, lookup, file fetch.

mod batches;
mod dead_letters;
mod exchange;
mod hostile;
mod restart;
mod resume;
mod snapshot;
mod transfer;

use hub::directory::{self, FoundIn};
use hub::mint::Spoil;
use hub::refusal::Refusal;
use hub::store::{entries, receipts, rejections};
use schemas::leaf::Agent;
use schemas::region::RegionCode;
use schemas::status::LicenceStatus;
use schemas::verdict::FindingCode;
use tests::{NATIONAL, SICHUAN, TestHub, ZHEJIANG, caller, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_library_is_registered_once_with_a_receipt_for_every_entry() {
    let mut hub = TestHub::start(12, 0).await;
    hub.items[3].entry.region = RegionCode::parse("510100").expect("Sichuan");
    hub.write_library();
    hub.append_line("this is no entry");

    let report = hub.sync().await;
    assert_eq!((report.registered, report.unreadable), (12, 1));
    let national = hub.node(NATIONAL);
    assert_eq!(
        entries::count(national.store.reader())
            .await
            .expect("counts"),
        11
    );
    let counts = receipts::counts(hub.node(ZHEJIANG).store.reader())
        .await
        .expect("counts");
    assert_eq!((counts.accepted, counts.rejected), (11, 1));
    let queue = rejections::page(national.store.reader(), 0, 10)
        .await
        .expect("pages");
    let reasons: Vec<_> = queue[0]
        .rejection
        .reasons
        .iter()
        .map(|r| r.rule.as_str())
        .collect();
    assert!(reasons.contains(&"Q-REGION"), "{reasons:?}");
    let own = rejections::page(hub.node(ZHEJIANG).store.reader(), 0, 10)
        .await
        .expect("pages");
    assert_eq!(
        own[0].rejection.source_line,
        Some(13),
        "the unreadable line is kept"
    );

    let again = hub.sync().await;
    assert_eq!(
        (again.registered, again.changed, again.unchanged),
        (0, 0, 12)
    );
    assert_eq!(hub.leaves(ZHEJIANG, "register", "*").await, 12);
    assert_eq!(hub.leaves(ZHEJIANG, "receipt", "*").await, 12);
    assert_eq!(hub.leaves(NATIONAL, "apply", "OK").await, 11);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lookup_goes_to_the_national_node_once_and_sees_every_change() {
    let hub = TestHub::start(4, 1).await;
    hub.sync().await;
    let identifier = hub.identifier(0);
    let sichuan = hub.node(SICHUAN);
    let look = async || {
        directory::lookup(sichuan, &caller(), &identifier)
            .await
            .expect("an answer")
            .expect("found")
    };

    let cold = look().await;
    assert_eq!(cold.source, FoundIn::Node(NATIONAL.to_owned()));
    assert_eq!(
        cold.entry.private,
        hub.items[0]
            .entry
            .clone()
            .into_entry("a", 1, None)
            .unwrap()
            .private
    );
    assert_eq!(look().await.source, FoundIn::Cache);
    assert_eq!(
        hub.leaves(NATIONAL, "answer_lookup", "OK").await,
        1,
        "asked once"
    );

    hub.clock.advance(chrono::Duration::seconds(7));
    assert_eq!(look().await.age_s, 7);
    let agent = Agent {
        organisation: "o".to_owned(),
        caller: "registrar".to_owned(),
    };
    let zhejiang = hub.node(ZHEJIANG);
    directory::change_status(zhejiang, &identifier, LicenceStatus::Revoked, agent)
        .await
        .expect("the status changes");
    hub.settle().await;
    eventually("the change is announced", async || {
        look().await.entry.public.status == LicenceStatus::Revoked
    })
    .await;
    assert_eq!(look().await.entry.public.revision, 2);
    let refused = hub
        .deliver(&identifier)
        .await
        .expect_err("a revoked licence");
    assert!(matches!(
        refused,
        Refusal::NotUsable {
            status: LicenceStatus::Revoked
        }
    ));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_asked_for_once() {
    let hub = TestHub::start(1, 0).await;
    let unknown = hub.identifier(0);
    for _ in 0..3 {
        let answer = directory::lookup(hub.node(SICHUAN), &caller(), &unknown).await;
        assert_eq!(answer.expect("an answer"), None);
    }
    assert_eq!(hub.leaves(NATIONAL, "answer_lookup", "NOT_FOUND").await, 1);
    assert_eq!(
        hub.leaves(SICHUAN, "lookup", "NOT_FOUND").await,
        3,
        "each lookup is recorded"
    );

    hub.sync().await;
    let found = async || {
        let answer = directory::lookup(hub.node(SICHUAN), &caller(), &unknown).await;
        answer.expect("an answer").is_some()
    };
    eventually("the new licence is found at once", found).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_is_found_without_the_code_lying_anywhere_in_clear() {
    let hub = TestHub::start(4, 0).await;
    hub.sync().await;
    let code = hub.items[0].entry.holders[0].code.clone();
    let found = directory::search(hub.node(SICHUAN), &caller(), &code, None)
        .await
        .expect("an answer");
    assert!(
        found
            .iter()
            .any(|found| found.entry.public.identifier == hub.identifier(0))
    );
    let type_code = hub.items[1].entry.type_code.to_string();
    let none = directory::search(hub.node(SICHUAN), &caller(), &code, Some(&type_code)).await;
    assert!(
        none.expect("an answer").is_empty(),
        "only of the type asked for"
    );

    let name = hub.items[0].entry.holders[0].name.clone();
    let number = hub.items[0].entry.number.clone();
    let (folder, library) = (hub.folder.path().to_owned(), hub.library());
    let files = [
        "national/hub.sqlite",
        "zhejiang/hub.sqlite",
        "sichuan/hub.sqlite",
        "bus.sqlite",
    ];
    for file in files
        .iter()
        .flat_map(|file| [(*file).to_owned(), format!("{file}-wal")])
    {
        let bytes = std::fs::read(folder.join(&file)).unwrap_or_default();
        for secret in [&code, &name, &number] {
            assert!(
                !contains(&bytes, secret.as_bytes()),
                "{file} holds personal data"
            );
        }
    }
    let source = std::fs::read(library.join("entries.jsonl")).expect("list");
    assert!(
        contains(&source, code.as_bytes()),
        "the search would have seen it"
    );
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_fetched_across_provinces_verified_and_delivered() {
    let hub = TestHub::start(3, 2).await;
    hub.sync().await;
    let identifier = hub.identifier(0);
    let delivery = hub.deliver(&identifier).await.expect("delivered");
    assert_eq!(Some(delivery.bytes().to_vec()), hub.items[0].file);
    assert!(delivery.verdict().is_valid());
    assert_eq!(hub.leaves(ZHEJIANG, "hand_out", "OK").await, 1);
    assert_eq!(hub.leaves(SICHUAN, "fetch", "OK").await, 1);

    hub.deliver(&identifier)
        .await
        .expect("delivered from memory");
    assert_eq!(
        hub.leaves(ZHEJIANG, "hand_out", "OK").await,
        1,
        "fetched once"
    );
    assert_eq!(
        hub.leaves(SICHUAN, "deliver", "OK").await,
        2,
        "each delivery is recorded"
    );

    let none = hub
        .deliver(&hub.identifier(2))
        .await
        .expect_err("an entry without a file");
    assert!(matches!(none, Refusal::NoFile));
    let decision = hub
        .permit(&identifier, "another-matter")
        .await
        .expect("decided");
    assert!(decision.permit.is_none());
    assert_eq!(decision.record.rule, "default-deny");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tampered_file_is_refused_with_its_finding_on_record() {
    let mut hub = TestHub::start(2, 2).await;
    hub.items[0].file = Some(hub.spoiled_file(0, Spoil::Tampered));
    hub.items[1].file = Some(hub.spoiled_file(1, Spoil::Untrusted));
    hub.write_library();
    hub.sync().await;
    for (number, code) in [(0, FindingCode::RefDigest), (1, FindingCode::Untrusted)] {
        let identifier = hub.identifier(number);
        for _ in 0..2 {
            let refused = hub.deliver(&identifier).await.expect_err("not delivered");
            let Refusal::NotDelivered {
                code: found,
                verdict,
            } = refused
            else {
                panic!("{refused:?}")
            };
            assert_eq!(found, code);
            assert!(!verdict.is_valid());
        }
        assert_eq!(hub.leaves(SICHUAN, "refuse", &code.as_str()).await, 2);
    }
    assert_eq!(hub.leaves(SICHUAN, "deliver", "*").await, 0);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changed_in_the_library_does_not_leave_it() {
    let hub = TestHub::start(1, 1).await;
    hub.sync().await;
    let identifier = hub.identifier(0);
    let name = hub.items[0].entry.file.clone().expect("a file");
    std::fs::write(hub.library().join("files").join(name), b"another file").expect("writes");
    let refused = hub.deliver(&identifier).await.expect_err("not handed out");
    let Refusal::PeerRefused { node, code } = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (node.as_str(), code.as_str()),
        (ZHEJIANG, "DIGEST_MISMATCH")
    );
    assert_eq!(hub.leaves(ZHEJIANG, "refuse", "DIGEST_MISMATCH").await, 1);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_answer_is_named_after_the_deadline() {
    let mut hub = TestHub::start(1, 0).await;
    hub.sync().await;
    hub.stop_node(NATIONAL).await;
    let identifier = hub.identifier(0);
    let answer = directory::lookup(hub.node(SICHUAN), &caller(), &identifier).await;
    let refused = answer.expect_err("nobody answers");
    assert!(matches!(&refused, Refusal::PeerTimeout { node } if node == NATIONAL));
    assert_eq!(hub.leaves(SICHUAN, "lookup", "PEER_TIMEOUT").await, 1);
    let home = directory::lookup(hub.node(ZHEJIANG), &caller(), &identifier).await;
    let home = home.expect("answers");
    assert_eq!(
        home.expect("found").source,
        FoundIn::OwnStore,
        "a home node needs nobody"
    );
    hub.stop().await;
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
