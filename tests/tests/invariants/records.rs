//! Invariant 2: no state change without its leaf in the same transaction; no answer without a
//! durable record.

use bytes::Bytes;
use hub::directory;
use hub::files;
use hub::permits;
use hub::refusal::Refusal;
use hub::seals;
use hub::store::{entries, leaves};
use schemas::identifier::Identifier;
use schemas::leaf::{Agent, Leaf};
use schemas::status::LicenceStatus;
use schemas::verdict::Profile;
use tests::{MATTER, SICHUAN, TestHub, ZHEJIANG, caller};

use super::{break_table, repair, rows};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_recorded_is_not_answered() {
    let hub = TestHub::start(2, 2).await;
    hub.sync().await;
    let (identifier, cold) = (hub.identifier(0), hub.identifier(1));
    let code = hub.items[0].entry.holders[0].code.clone();
    hub.deliver(&identifier).await.expect("warms every cache");
    let decided = hub.permit(&identifier, MATTER).await.expect("decided");
    let permits_before = rows(&hub, SICHUAN, "permit").await;
    let leaves_before = rows(&hub, SICHUAN, "log_leaf").await;
    let file = Bytes::from(hub.items[0].file.clone().expect("a file"));

    break_table(&hub, SICHUAN, "log_leaf").await;
    let node = hub.node(SICHUAN);
    for identifier in [&identifier, &cold] {
        let answer = directory::lookup(node, &caller(), identifier).await;
        assert_refused("lookup", answer);
    }
    let answer = directory::search(node, &caller(), &code, None).await;
    assert_refused("search", answer);
    assert_refused("permit", hub.permit(&identifier, MATTER).await);
    assert_refused("denial", hub.permit(&identifier, "another-matter").await);
    let answer = seals::verify_posted(node, &caller(), file.clone(), Profile::Licence).await;
    assert_refused("verification", answer);
    let permit = decided.permit.expect("the duty permits");
    let answer = files::deliver(node, &caller(), permit, &identifier).await;
    assert_refused("delivery", answer);
    assert_eq!(rows(&hub, SICHUAN, "permit").await, permits_before);

    repair(&hub, SICHUAN).await;
    assert_eq!(rows(&hub, SICHUAN, "log_leaf").await, leaves_before);
    hub.deliver(&identifier).await.expect("works again");
    hub.deliver(&cold).await.expect("works again");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_cannot_be_recorded_does_not_happen() {
    let hub = TestHub::start(2, 0).await;
    break_table(&hub, ZHEJIANG, "log_leaf").await;
    let zhejiang = hub.node(ZHEJIANG);
    hub.append_line("this is no entry");
    assert_refused("register", directory::register_source(zhejiang).await);
    for table in ["entry", "registration", "outbox", "rejection"] {
        assert_eq!(rows(&hub, ZHEJIANG, table).await, 0, "{table}");
    }
    repair(&hub, ZHEJIANG).await;
    for _ in 0..2 {
        hub.sync().await;
        let leaves = hub.leaves(ZHEJIANG, "refuse", "*").await;
        assert_eq!(leaves, 1, "the line that is no entry, beside two that are");
    }
    assert_eq!(rows(&hub, ZHEJIANG, "rejection").await, 1);

    let identifier = hub.identifier(0);
    break_table(&hub, ZHEJIANG, "log_leaf").await;
    let change =
        || directory::change_status(zhejiang, &identifier, LicenceStatus::Revoked, agent());
    assert_refused("status", change().await);
    assert_eq!(rows(&hub, ZHEJIANG, "outbox").await, 0);
    assert_eq!(status(&hub, &identifier).await, hub.items[0].entry.status);
    repair(&hub, ZHEJIANG).await;
    change().await.expect("works again");
    assert_eq!(hub.leaves(ZHEJIANG, "register", "*").await, 3);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_finds_its_record_written() {
    let hub = TestHub::start(2, 1).await;
    hub.sync().await;
    let identifier = hub.identifier(0);
    let code = hub.items[0].entry.holders[0].code.clone();
    let file = Bytes::from(hub.items[0].file.clone().expect("a file"));
    let node = hub.node(SICHUAN);
    let mut before = rows(&hub, SICHUAN, "log_leaf").await;
    let mut written = async |what: &str, activity: &str, count: i64| {
        let now = rows(&hub, SICHUAN, "log_leaf").await;
        assert_eq!(now - before, count, "{what}");
        before = now;
        let last = leaves::find(node.store.reader(), now as u64 - 1).await;
        let last = last.expect("reads").expect("a leaf");
        let last: Leaf = serde_json::from_slice(&last.bytes).expect("a leaf");
        let last = serde_json::to_value(last.activity).expect("a name");
        assert_eq!(last, activity, "{what}");
    };
    directory::lookup(node, &caller(), &identifier)
        .await
        .expect("an answer");
    written("a lookup", "lookup", 1).await;
    directory::lookup(node, &caller(), &identifier)
        .await
        .expect("an answer");
    written("a lookup from memory", "lookup", 1).await;
    directory::search(node, &caller(), &code, None)
        .await
        .expect("an answer");
    written("a search", "lookup", 1).await;
    seals::verify_posted(node, &caller(), file, Profile::Licence)
        .await
        .expect("a verdict");
    written(
        "a verification with its question about the seal",
        "verify",
        2,
    )
    .await;
    let permitted = hub.permit(&identifier, MATTER).await.expect("decided");
    written("a permit with its lookup", "permit", 2).await;
    hub.permit(&identifier, "another").await.expect("decided");
    written("a denial with its lookup", "permit", 2).await;
    let permit = permitted.permit.expect("the duty permits");
    files::deliver(node, &caller(), permit, &identifier)
        .await
        .expect("delivered");
    written("fetch, verification and delivery", "deliver", 3).await;
    let resumed = permits::resume(node, &caller(), &permitted.record.id, &identifier).await;
    let permit = resumed.expect("the same permit");
    files::deliver(node, &caller(), permit, &identifier)
        .await
        .expect("delivered");
    written("a delivery from memory", "deliver", 1).await;
    hub.stop().await;
}

async fn status(hub: &TestHub, identifier: &Identifier) -> LicenceStatus {
    let node = hub.node(ZHEJIANG);
    let entry = entries::find(node.store.reader(), identifier, node.keys.column_key()).await;
    entry.expect("reads").expect("found").public.status
}

fn agent() -> Agent {
    caller().agent()
}

#[track_caller]
fn assert_refused<T>(what: &str, answer: Result<T, Refusal>) {
    match answer {
        Ok(_) => panic!("{what}: answered without a record"),
        Err(refusal) => assert_eq!(refusal.code(), "INTERNAL", "{what}"),
    }
}
