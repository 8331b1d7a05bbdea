//! What a node still knows after a restart.

use hub::store::sql::Sql;
use hub::{directory, upkeep};
use schemas::identifier::Identifier;
use tests::{NATIONAL, SICHUAN, TestHub, ZHEJIANG, caller, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_node_hands_files_out_without_reading_its_library_again() {
    let mut hub = TestHub::start(2, 2).await;
    hub.sync().await;
    hub.stop_node(ZHEJIANG).await;
    hub.start_node(ZHEJIANG).await;
    // Whoever lists the library now finds nothing in it.
    std::fs::write(hub.library().join("entries.jsonl"), "").expect("writes");
    for number in [0, 1] {
        let delivery = hub.deliver(&hub.identifier(number)).await;
        let delivery = delivery.expect("delivered");
        assert_eq!(Some(delivery.bytes().to_vec()), hub.items[number].file);
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_database_learns_where_its_originals_are() {
    let hub = TestHub::start(1, 1).await;
    hub.sync().await;
    let store = &hub.node(ZHEJIANG).store;
    const OLDER: &str = "delete from original";
    let older = hub.database(ZHEJIANG).tamper(OLDER, OLDER).await;
    older.expect("deletes");
    hub.sync().await;
    let identifier = hub.identifier(0);
    let asked = vec![identifier.to_string()];
    let noted = hub::store::originals::noted(store.reader(), asked).await;
    assert_eq!(noted.expect("reads").len(), 1);
    hub.deliver(&identifier).await.expect("delivered");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_messages_are_not_lost_and_not_applied_again_when_their_marks_are_gone() {
    let mut hub = TestHub::start(3, 0).await;
    hub.sync().await;
    let identifier = hub.identifier(0);
    look_up(&hub, &identifier).await;
    let mut old = hub.records("directory.changes").await;
    old.extend(hub.records("requests.national").await);
    let receipts = hub.records("directory.receipts").await;

    // A change waits while the national node stands still for longer than marks are kept.
    hub.stop_node(NATIONAL).await;
    hub.items[0].entry.licence_name = "示例证照".to_owned();
    hub.write_library();
    let report = directory::register_source(hub.node(ZHEJIANG)).await;
    assert_eq!(report.expect("registers").changed, 1);
    hub.clock.advance(chrono::Duration::days(10));
    hub.start_node(NATIONAL).await;
    hub.settle().await;
    assert_eq!(hub.leaves(NATIONAL, "apply", "OK").await, 4, "not lost");

    hub.clock.advance(chrono::Duration::days(10));
    for name in [NATIONAL, ZHEJIANG] {
        upkeep::run(hub.node(name)).await.expect("lets go");
        assert_eq!(marks(&hub, name).await, 0);
    }
    hub.bus.publish(old).await.expect("publishes");
    hub.bus.publish(receipts).await.expect("publishes");
    for (name, topic, position) in [
        (NATIONAL, "directory.changes", 7),
        (NATIONAL, "requests.national", 2),
        (ZHEJIANG, "directory.receipts", 7),
    ] {
        eventually("the old messages are read", async || {
            let reader = hub.node(name).store.reader();
            let last = hub::store::positions::last(reader, topic, 0).await;
            last.expect("reads") == Some(position)
        })
        .await;
    }
    assert_eq!(hub.leaves(NATIONAL, "apply", "*").await, 4);
    assert_eq!(hub.leaves(NATIONAL, "answer_lookup", "*").await, 1);
    assert_eq!(hub.leaves(ZHEJIANG, "receipt", "*").await, 4);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_alone_reads_leaves_the_bus_when_it_was_read() {
    // Brokers let records go by their age.
    if tests::bus::is_kafka() {
        return;
    }
    let mut hub = TestHub::start(2, 2).await;
    hub.sync().await;
    for number in [0, 1] {
        hub.deliver(&hub.identifier(number))
            .await
            .expect("delivered");
    }
    for topic in READ_BY_ONE {
        assert!(hub.records(topic).await.len() >= 2, "{topic}");
    }
    let changes = hub.records("directory.changes").await.len();
    for name in [NATIONAL, ZHEJIANG, SICHUAN] {
        upkeep::run(hub.node(name)).await.expect("lets go");
    }
    for topic in READ_BY_ONE {
        assert_eq!(hub.records(topic).await.len(), 1, "{topic}");
    }
    assert_eq!(hub.records("directory.changes").await.len(), changes);
    // And the paths go on as before.
    hub.stop_node(SICHUAN).await;
    hub.start_node(SICHUAN).await;
    hub.deliver(&hub.identifier(0)).await.expect("delivered");
    hub.stop().await;
}

const READ_BY_ONE: [&str; 3] = ["requests.national", "requests.zhejiang", "files.sichuan"];

async fn look_up(hub: &TestHub, identifier: &Identifier) {
    let found = directory::lookup(hub.node(SICHUAN), &caller(), identifier).await;
    assert!(found.expect("an answer").is_some());
}

async fn marks(hub: &TestHub, name: &str) -> i64 {
    const COUNT: Sql = Sql::new("select count(*) from applied");
    let count = COUNT.query().value(hub.node(name).store.reader()).await;
    count.expect("counts")
}
