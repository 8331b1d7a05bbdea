//! What three nodes really say, record and answer fits the schemas.

use std::collections::BTreeSet;

use connectors::bus::OutgoingRecord;
use hub::{directory, files};
use schemas::envelope::topic;
use serde_json::{Map, Value, json};
use tests::{MATTER, NATIONAL, SICHUAN, TestHub, ZHEJIANG, caller, eventually};

use super::Schemas;
use crate::state::leaves;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nodes_say_and_record_fits_the_schemas() {
    let (mut hub, schemas) = (TestHub::start(4, 2).await, Schemas::load());
    // One entry is refused: a receipt with reasons, a rejection.
    hub.items[3].entry.type_name = "另一名称".to_owned();
    hub.write_library();
    hub.sync().await;
    let (node, identifier) = (hub.node(SICHUAN), hub.identifier(0));
    let found = directory::lookup(node, &caller(), &identifier).await;
    let entry = found.expect("an answer").expect("an entry").entry;
    schemas.check("entry-public", &json!(entry.public), "an entry");
    schemas.check("entry-private", &json!(entry.private), "an entry");
    let code = &entry.private.holders[0].code;
    let answer = directory::search(node, &caller(), code, None).await;
    assert!(!answer.expect("an answer").is_empty());
    let decision = hub.permit(&identifier, MATTER).await.expect("decided");
    schemas.check("permit-record", &json!(decision.record), "a permit");
    schemas.check("purpose", &json!(decision.record.purpose), "a purpose");
    let permit = decision.permit.expect("the duty permits");
    let delivery = files::deliver(node, &caller(), permit, &identifier).await;
    let verdict = json!(delivery.expect("delivered").verdict());
    schemas.check("verdict", &verdict, "a verdict");
    let refused = hub.deliver(&hub.identifier(2)).await;
    assert_eq!(refused.expect_err("no file").code(), "NO_FILE");
    let mut spoilt = hub.records(topic::DIRECTORY_CHANGES).await.swap_remove(0);
    spoilt.body = b"{}".to_vec().into();
    hub.bus.publish(vec![spoilt]).await.expect("publishes");
    eventually("the spoilt message is refused", async || {
        hub.leaves(NATIONAL, "refuse", "ENVELOPE_SIGNATURE").await == 1
    })
    .await;
    hub.settle().await;

    let said = check_bus(&hub, &schemas).await;
    for kind in [
        "dead-letter",
        "directory-change",
        "directory-receipt",
        "file-chunk",
        "file-request",
        "lookup-reply",
        "lookup-request",
        "snapshot-page",
        "snapshot-request",
    ] {
        assert!(said.contains(kind), "no {kind} among {said:?}");
    }
    check_leaves(&hub, &schemas).await;
    hub.stop().await;
}

/// Checks every record of every topic; the kinds that there are.
async fn check_bus(hub: &TestHub, schemas: &Schemas) -> BTreeSet<String> {
    let mut said = BTreeSet::new();
    let mut topics = vec![
        topic::DIRECTORY_CHANGES.to_owned(),
        topic::DIRECTORY_RECEIPTS.to_owned(),
        topic::TRUST.to_owned(),
    ];
    for node in [NATIONAL, ZHEJIANG, SICHUAN] {
        topics.push(topic::requests(node));
        topics.push(topic::replies(node));
        topics.push(topic::files(node));
        topics.push(topic::dead_letters(node));
    }
    for topic in topics {
        for record in hub.records(&topic).await {
            let headers = headers(&record);
            if topic.starts_with("deadletter.") {
                schemas.check("dead-letter", &headers, &topic);
                said.insert("dead-letter".to_owned());
                continue;
            }
            schemas.check("envelope", &headers, &topic);
            let message_type = headers["ce_type"].as_str().expect("text");
            let schema = message_type
                .strip_prefix("hub.")
                .and_then(|rest| rest.strip_suffix(".v1"))
                .expect("a type of version 1")
                .replace('.', "-");
            let Ok(body) = serde_json::from_slice::<Value>(&record.body) else {
                panic!("{topic}: no JSON")
            };
            // The spoilt one was published past all nodes.
            if body != json!({}) {
                schemas.check(&schema, &body, &topic);
                said.insert(schema);
            }
        }
    }
    said
}

async fn check_leaves(hub: &TestHub, schemas: &Schemas) {
    let mut activities = BTreeSet::new();
    for node in [NATIONAL, ZHEJIANG, SICHUAN] {
        for leaf in leaves(hub, node).await {
            schemas.check("leaf", &leaf, node);
            activities.insert(leaf["activity"].as_str().expect("text").to_owned());
        }
    }
    for activity in [
        "register",
        "apply",
        "reject",
        "receipt",
        "lookup",
        "answer_lookup",
        "permit",
        "fetch",
        "hand_out",
        "verify",
        "deliver",
        "refuse",
        "snapshot",
    ] {
        assert!(activities.contains(activity), "no leaf of {activity}");
    }
}

fn headers(record: &OutgoingRecord) -> Value {
    let headers = record.headers.iter();
    let headers: Map<String, Value> = headers
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    assert_eq!(headers.len(), record.headers.len(), "each header once");
    Value::Object(headers)
}
