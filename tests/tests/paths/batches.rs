//! Messages that one transaction applies together: each has the effect that it would have alone.

use bytes::Bytes;
use certs::envelope_security::sign_envelope;
use chrono::Duration;
use connectors::bus::OutgoingRecord;
use hub::directory;
use hub::store::{entries, outbox, receipts, registrations};
use schemas::envelope::{Envelope, MessageType, topic};
use schemas::message::{Asker, LookupRequest, ReceiptOutcome};
use schemas::status::LicenceStatus;
use tests::{NATIONAL, TestHub, ZHEJIANG, caller, eventually};

use super::exchange::{consumed, envelope, signed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_has_the_effects_of_its_messages_in_order() {
    let mut hub = TestHub::start(4, 0).await;
    hub.stop_node(NATIONAL).await;
    let zhejiang = hub.node(ZHEJIANG);
    directory::register_source(zhejiang)
        .await
        .expect("registers");
    let identifier = hub.identifier(0);
    for status in [LicenceStatus::Suspended, LicenceStatus::Revoked] {
        directory::change_status(zhejiang, &identifier, status, caller().agent())
            .await
            .expect("the status changes");
    }
    eventually("everything is on the bus", async || {
        outbox::count(zhejiang.store.reader())
            .await
            .expect("counts")
            == 0
    })
    .await;
    let changes = hub.records(topic::DIRECTORY_CHANGES).await;
    assert_eq!(changes.len(), 6);
    let unsigned = OutgoingRecord {
        headers: Vec::new(),
        ..changes[1].clone()
    };
    // What was said already, in a message of its own.
    let mut first = changes.iter().filter(|change| {
        let subject = ("ce_subject".to_owned(), identifier.to_string());
        change.headers.contains(&subject)
    });
    let again = said_again(&hub, first.next().expect("a change"));
    let more = [changes.clone(), vec![unsigned, again]].concat();
    hub.bus.publish(more).await.expect("publishes");

    hub.start_node(NATIONAL).await;
    consumed(&hub, NATIONAL, topic::DIRECTORY_CHANGES, 14).await;
    hub.settle().await;
    let national = hub.node(NATIONAL);
    let (reader, key) = (national.store.reader(), national.keys.column_key());
    let found = entries::find(reader, &identifier, key)
        .await
        .expect("reads");
    let found = found.expect("an entry").public;
    assert_eq!((found.revision, found.status), (3, LicenceStatus::Revoked));
    assert_eq!(entries::count(reader).await.expect("counts"), 4);
    assert_eq!(hub.leaves(NATIONAL, "apply", "OK").await, 6);
    assert_eq!(hub.leaves(NATIONAL, "apply", "SUPERSEDED").await, 1);
    assert_eq!(hub.leaves(NATIONAL, "refuse", "*").await, 1);
    assert_eq!(hub.records("deadletter.national").await.len(), 1);
    // Their receipts come back in the same order, and the last word is about the last revision.
    consumed(&hub, ZHEJIANG, topic::DIRECTORY_RECEIPTS, 7).await;
    let reader = hub.node(ZHEJIANG).store.reader();
    let taken = receipts::for_identifier(reader, identifier.as_str()).await;
    let taken: Vec<(u64, ReceiptOutcome)> = taken
        .expect("reads")
        .iter()
        .map(|stored| (stored.receipt.revision, stored.receipt.outcome))
        .collect();
    let accepted = ReceiptOutcome::Accepted;
    let superseded = ReceiptOutcome::Superseded;
    assert_eq!(
        taken,
        [(1, accepted), (2, accepted), (3, accepted), (1, superseded)]
    );
    let registration = registrations::find(reader, identifier.as_str()).await;
    let outcome = registration.expect("reads").expect("registered").outcome;
    assert_eq!(outcome, Some(accepted));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_question_is_not_even_told_that_the_node_is_busy() {
    let mut hub = TestHub::start(1, 0).await;
    hub.sync().await;
    hub.restart_with(NATIONAL, |config| {
        config.limits.peer_questions_per_s = 1;
        config.limits.peer_burst = 1;
    })
    .await;
    let asker = Asker {
        organisation: caller().organisation.to_string(),
        caller: caller().system,
    };
    let question = LookupRequest::Identifier {
        identifier: hub.identifier(0).to_string(),
        asker,
    };
    let body = Bytes::from(serde_json::to_vec(&question).expect("json"));
    let mut questions = Vec::new();
    for number in 0..8 {
        let mut envelope = envelope(&hub, MessageType::LookupRequest, NATIONAL);
        let wait = if number < 7 { -1 } else { 60 };
        envelope.deadline = Some(envelope.time + Duration::seconds(wait));
        questions.push(signed(&hub, &envelope, &topic::requests(NATIONAL), &body));
    }
    let before = hub.records("replies.sichuan").await.len();
    hub.bus.publish(questions).await.expect("publishes");
    consumed(&hub, NATIONAL, &topic::requests(NATIONAL), 8).await;
    hub.settle().await;
    let replies = hub.records("replies.sichuan").await.len() - before;
    assert_eq!(replies, 1, "only the one that was in time is answered");
    assert_eq!(hub.leaves(NATIONAL, "answer_lookup", "OK").await, 1);
    assert_eq!(hub.leaves(NATIONAL, "refuse", "*").await, 0);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_had_its_effect_is_no_dead_letter_when_it_does_not_open_any_more() {
    let hub = TestHub::start(1, 0).await;
    hub.sync().await;
    let changes = hub.records(topic::DIRECTORY_CHANGES).await;
    let change = changes.first().expect("a change");
    let unreadable = |envelope: &Envelope| {
        let mut body: serde_json::Value = serde_json::from_slice(&change.body).expect("json");
        // As sealed to a key that the nation has no more.
        body["private"]["recipient_key"] = "00".repeat(8).into();
        let body = Bytes::from(body.to_string());
        let (topic, keys) = (&change.topic, &hub.node(ZHEJIANG).keys);
        let headers = sign_envelope(envelope, topic, &body, keys).expect("signs");
        OutgoingRecord {
            headers,
            body,
            ..change.clone()
        }
    };
    let first = Envelope::from_headers(&change.headers).expect("an envelope");
    let mut other = first.clone();
    other.id = envelope(&hub, MessageType::DirectoryChange, NATIONAL).id;
    let records = vec![unreadable(&first), unreadable(&other)];
    hub.bus.publish(records).await.expect("publishes");
    let count = i64::try_from(changes.len()).expect("fits");
    consumed(&hub, NATIONAL, topic::DIRECTORY_CHANGES, count + 2).await;
    hub.settle().await;
    // The other one, of which nothing is known.
    assert_eq!(hub.leaves(NATIONAL, "refuse", "*").await, 1);
    let letters = hub.records(&topic::dead_letters(NATIONAL)).await;
    assert_eq!(letters.len(), 1);
    hub.stop().await;
}

/// A change of Zhejiang as a new message, signed anew.
fn said_again(hub: &TestHub, change: &OutgoingRecord) -> OutgoingRecord {
    let mut new = envelope(hub, MessageType::DirectoryChange, NATIONAL);
    new.origin = ZHEJIANG.to_owned();
    let keys = &hub.node(ZHEJIANG).keys;
    let headers = sign_envelope(&new, &change.topic, &change.body, keys).expect("signs");
    OutgoingRecord {
        headers,
        ..change.clone()
    }
}
