//! A node that is known, signs properly, and means harm.

use bytes::Bytes;
use hub::directory;
use schemas::envelope::{Envelope, MessageType, topic};
use schemas::message::{Asker, DirectoryChange, LookupRequest};
use tests::{NATIONAL, SICHUAN, TestHub, caller};

use super::exchange::{consumed, envelope, signed};

/// Sends messages of Sichuan to the national node, then looks something up: nothing that the one
/// sends may keep the other from its answer.
async fn check(messages: &[(Envelope, &str, Vec<u8>)], code: &str) {
    let hub = TestHub::start(1, 0).await;
    hub.sync().await;
    let mut records = Vec::new();
    for (envelope, topic, body) in messages {
        let mut record = signed(&hub, envelope, topic, &Bytes::from(body.clone()));
        record.key = "k".to_owned();
        records.push(record);
    }
    hub.bus.publish(records).await.expect("publishes");
    let found = directory::lookup(hub.node(SICHUAN), &caller(), &hub.identifier(0)).await;
    assert!(found.expect("an answer").is_some());
    hub.settle().await;
    let count = i64::try_from(messages.len()).expect("few");
    assert_eq!(hub.leaves(NATIONAL, "refuse", code).await, count);
    hub.stop().await;
}

fn lookup(caller: String) -> Vec<u8> {
    let asker = Asker {
        organisation: "o".to_owned(),
        caller,
    };
    let identifier = "1.2.156.3005.2.11990000MB999999XE001.11330105002500287C.20240001.001.X";
    serde_json::to_vec(&LookupRequest::Identifier {
        identifier: identifier.to_owned(),
        asker,
    })
    .expect("json")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_messages_that_no_answer_can_repeat_are_refused() {
    let hub = TestHub::start(1, 0).await;
    let good = envelope(&hub, MessageType::LookupRequest, NATIONAL);
    hub.stop().await;
    let (mut long_question, mut long_id) = (good.clone(), good.clone());
    long_question.correlation = Some("c".repeat(2_000));
    long_id.id = "i".repeat(2_000);
    let requests = topic::requests(NATIONAL);
    let messages = [long_question, long_id].map(|one| (one, &*requests, lookup("c".to_owned())));
    check(&messages, "ENVELOPE_MALFORMED").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_must_fit_into_the_record() {
    let hub = TestHub::start(1, 0).await;
    let asks = envelope(&hub, MessageType::LookupRequest, NATIONAL);
    hub.stop().await;
    let requests = topic::requests(NATIONAL);
    check(
        &[(asks, &requests, lookup("c".repeat(500_000)))],
        "BODY_MALFORMED",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_that_no_store_can_count_is_refused() {
    let hub = TestHub::start(1, 0).await;
    hub.sync().await;
    let genuine = hub.records(topic::DIRECTORY_CHANGES).await.swap_remove(0);
    let mut change: DirectoryChange = serde_json::from_slice(&genuine.body).expect("a change");
    change.entry.revision = u64::MAX;
    change.entry.home_node = SICHUAN.to_owned();
    let says = envelope(&hub, MessageType::DirectoryChange, NATIONAL);
    let body = Bytes::from(serde_json::to_vec(&change).expect("json"));
    let record = signed(&hub, &says, topic::DIRECTORY_CHANGES, &body);
    hub.bus.publish(vec![record]).await.expect("publishes");
    consumed(&hub, NATIONAL, topic::DIRECTORY_CHANGES, 2).await;
    assert_eq!(hub.leaves(NATIONAL, "refuse", "BODY_MALFORMED").await, 1);
    hub.stop().await;
}
