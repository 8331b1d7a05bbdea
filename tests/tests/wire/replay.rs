//! Good messages that come again.

use chrono::Duration;
use connectors::bus::OutgoingRecord;
use hub::upkeep;
use schemas::envelope::topic;
use tests::{MATTER, NATIONAL, SICHUAN, TestHub, ZHEJIANG};

use super::claims::claim;
use super::envelopes::{at, case};
use super::message::{file_request, lookup, lookup_between};
use super::stage::{Case, Expected, NODES, Stage};

const ANSWERED: Expected = Expected::Recorded("answer_lookup", "OK");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_again_is_passed_over_also_after_a_restart() {
    let hub = TestHub::start(2, 1).await;
    hub.sync().await;
    let permit = hub.permit(&hub.identifier(0), MATTER).await;
    let permit = permit.expect("decided").record;
    let mut stage = Stage::with(hub).await;
    let hub = &stage.hub;
    let asked = lookup(hub).signed(&hub.node(SICHUAN).keys);
    let wanted = file_request(hub, &permit).signed(&hub.node(SICHUAN).keys);
    let change = first(hub, topic::DIRECTORY_CHANGES).await;
    let receipt = first(hub, topic::DIRECTORY_RECEIPTS).await;
    let again = |name: &str, reader: &'static str, record: &OutgoingRecord| Case {
        reader,
        ..case(name, record.clone(), Expected::PassedOver)
    };
    let replays = || {
        vec![
            again("the lookup again", NATIONAL, &asked),
            again("the file request again", ZHEJIANG, &wanted),
            again("the change again", NATIONAL, &change),
            again("the receipt again", ZHEJIANG, &receipt),
        ]
    };
    let honest = Case {
        reader: ZHEJIANG,
        ..case(
            "the file request",
            wanted.clone(),
            Expected::Recorded("hand_out", "OK"),
        )
    };
    stage
        .check(vec![case("the lookup", asked.clone(), ANSWERED), honest])
        .await;
    stage.check(replays()).await;
    for node in [NATIONAL, ZHEJIANG] {
        stage.restart(node).await;
    }
    stage.check(replays()).await;
    stage.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_again_after_upkeep_is_passed_over() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    let asked = lookup(hub).signed(&hub.node(SICHUAN).keys);
    // Of a node whose clock is as far ahead as another clock may be.
    let ahead = lookup(hub).set("ce_time", at(Duration::days(1)));
    let ahead = ahead.signed(&hub.node(SICHUAN).keys);
    let change = first(hub, topic::DIRECTORY_CHANGES).await;
    let receipt = first(hub, topic::DIRECTORY_RECEIPTS).await;
    stage
        .check(vec![
            case("the lookup", asked.clone(), ANSWERED),
            case("the lookup ahead", ahead.clone(), ANSWERED),
        ])
        .await;
    let passed_over = |name, reader, record| Case {
        reader,
        ..case(name, record, Expected::PassedOver)
    };
    // As old as they may be that are not looked at for what they say.
    later(hub, Duration::days(7)).await;
    stage
        .check(vec![
            passed_over("the lookup again", NATIONAL, asked),
            passed_over("the change again", NATIONAL, change),
            passed_over("the receipt again", ZHEJIANG, receipt),
        ])
        .await;
    later(hub, Duration::days(1)).await;
    let again = passed_over("the lookup ahead again", NATIONAL, ahead);
    stage.check(vec![again]).await;
    stage.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_waited_long_is_rejected_once() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    // Of a licence that another node registered, in the revision that is known.
    let by_sichuan = || claim(hub, (hub.identifier(0), 1), "510100");
    let late = by_sichuan().set("ce_time", at(-Duration::days(8)));
    let record = late.signed(&hub.node(SICHUAN).keys);
    hub.bus
        .publish(vec![record.clone()])
        .await
        .expect("publishes");
    tests::eventually("the claim is rejected", async || {
        hub.leaves(NATIONAL, "reject", "Q-HOME-NODE").await == 1
    })
    .await;
    hub.settle().await;
    let receipts = hub.records(topic::DIRECTORY_RECEIPTS).await;
    let to_sichuan = ("ce_recipient".to_owned(), SICHUAN.to_owned());
    let is_told = |one: &OutgoingRecord| one.headers.contains(&to_sichuan);
    assert!(receipts.iter().any(is_told), "its maker is told");
    later(hub, Duration::days(10)).await;
    // Its mark is gone, and the rejection is on record. Another claim comes after it, in order.
    let other = by_sichuan().signed(&hub.node(SICHUAN).keys);
    let both = vec![record, other];
    hub.bus.publish(both).await.expect("publishes");
    tests::eventually("the other claim is rejected", async || {
        hub.leaves(NATIONAL, "reject", "*").await > 1
    })
    .await;
    assert_eq!(hub.leaves(NATIONAL, "reject", "*").await, 2);
    stage.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_request_that_is_too_late_is_passed_over() {
    let (stage, permit) = Stage::permitted().await;
    let hub = &stage.hub;
    let keys = &hub.node(SICHUAN).keys;
    let late = [
        ("ce_deadline", -Duration::microseconds(1)),
        ("ce_time", -Duration::days(8)),
        ("ce_time", Duration::days(2)),
    ];
    let cases = late.map(|(header, by)| {
        let request = file_request(hub, &permit).set(header, at(by));
        Case {
            reader: ZHEJIANG,
            ..case(
                &format!("{header} of {by}"),
                request.signed(keys),
                Expected::PassedOver,
            )
        }
    });
    stage.check(cases.into()).await;
    stage.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_counts_once_for_each_origin() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    let first = lookup(hub).set("ce_id", "one-name");
    let other_body = first.clone().body(b"{}".to_vec());
    let of_another = lookup_between(hub, ZHEJIANG, NATIONAL).set("ce_id", "one-name");
    let (sichuan, zhejiang) = (&hub.node(SICHUAN).keys, &hub.node(ZHEJIANG).keys);
    stage
        .check(vec![
            case("the first of its name", first.signed(sichuan), ANSWERED),
            case(
                "another body under the same name",
                other_body.signed(sichuan),
                Expected::PassedOver,
            ),
            case(
                "the same name of another node",
                of_another.signed(zhejiang),
                ANSWERED,
            ),
        ])
        .await;
    stage.hub.stop().await;
}

async fn first(hub: &TestHub, topic: &str) -> OutgoingRecord {
    hub.records(topic).await.swap_remove(0)
}

/// Lets time pass, and then every node let go of what it may.
async fn later(hub: &TestHub, by: Duration) {
    hub.clock.advance(by);
    for node in NODES {
        upkeep::run(hub.node(node)).await.expect("lets go");
    }
}
