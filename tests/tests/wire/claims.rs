//! Receipts that no nation gave, licences that a node has no right to, and revisions that go
//! back.

use hub::store::{entries, rejections};
use schemas::envelope::MessageType;
use schemas::identifier::Identifier;
use schemas::region::RegionCode;
use serde_json::{Value, json};
use tests::{NATIONAL, SICHUAN, TestHub, ZHEJIANG};

use super::bodies::BODY;
use super::envelopes::{MALFORMED, case};
use super::message::{Message, change, change_of, receipt, revoked};
use super::stage::{Case, Expected, Stage, state};

const ORIGIN: Expected = Expected::Refused("WRONG_ORIGIN");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_that_no_nation_gave_are_refused() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    let honest = receipt(hub);
    let by = |node: &str, message: Message| {
        let message = message.set("ce_source", format!("/nodes/{node}"));
        message.signed(&hub.node(node).keys)
    };
    let for_zhejiang = |name: &str, record, expected| Case {
        reader: ZHEJIANG,
        ..case(name, record, expected)
    };
    let mut cases = vec![
        for_zhejiang("from a province", by(SICHUAN, honest.clone()), ORIGIN),
        for_zhejiang("from oneself", by(ZHEJIANG, honest.clone()), ORIGIN),
        for_zhejiang(
            "about another node's licence",
            by(NATIONAL, honest.clone().at("/home_node", json!(SICHUAN))),
            ORIGIN,
        ),
        for_zhejiang(
            "for nobody",
            by(NATIONAL, honest.clone().without("ce_recipient")),
            Expected::PassedOver,
        ),
        for_zhejiang(
            "for the nation",
            by(NATIONAL, honest.clone().set("ce_recipient", NATIONAL)),
            Expected::PassedOver,
        ),
        Case {
            reader: SICHUAN,
            ..case(
                "sent to the wrong node",
                by(NATIONAL, honest.clone().set("ce_recipient", SICHUAN)),
                ORIGIN,
            )
        },
        for_zhejiang(
            "a change among the receipts",
            by(
                NATIONAL,
                honest
                    .clone()
                    .set("ce_type", MessageType::DirectoryChange.as_str()),
            ),
            MALFORMED,
        ),
    ];
    for (name, pointer, value) in values() {
        let record = by(NATIONAL, honest.clone().at(pointer, value));
        cases.push(for_zhejiang(name, record, BODY));
    }
    for member in ["/message_id", "/outcome", "/reasons", "/applied_at"] {
        let record = by(NATIONAL, honest.clone().missing(member));
        cases.push(for_zhejiang(&format!("no {member}"), record, BODY));
    }
    stage.check(cases).await;
    stage.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_has_no_right_to_stays_out_of_the_directory() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    let before = state(hub).await;
    let new = |serial: &str| {
        let known = hub.identifier(0);
        let built = Identifier::build(known.type_code(), known.issuer_code(), serial, 1);
        built.expect("an identifier")
    };
    let claims = [
        ("Q-REGION", claim(hub, (new("1"), 9), "330100")),
        ("Q-REGION", claim(hub, (new("2"), 9), "110000")),
        ("Q-HOME-NODE", claim(hub, (hub.identifier(0), 9), "510100")),
        ("Q-HOME-NODE", claim(hub, (hub.identifier(1), 9), "510100")),
    ];
    for (number, (rule, message)) in claims.iter().enumerate() {
        let record = message.signed(&hub.node(SICHUAN).keys);
        hub.bus.publish(vec![record]).await.expect("publishes");
        tests::eventually("the claim is rejected", async || {
            hub.leaves(NATIONAL, "reject", "*").await > i64::try_from(number).expect("few")
        })
        .await;
        assert!(hub.leaves(NATIONAL, "reject", rule).await > 0, "{rule}");
    }
    hub.settle().await;
    // The queue of rejections and the receipts say so; nothing else is different.
    let reader = hub.node(NATIONAL).store.reader();
    assert_eq!(
        rejections::page(reader, 0, 10).await.expect("pages").len(),
        4
    );
    assert_eq!(entries::count(reader).await.expect("counts"), 2);
    let mut after = state(hub).await;
    let mut before = before;
    for node in [NATIONAL, SICHUAN] {
        for table in ["rejection", "receipt"] {
            for state in [&mut before, &mut after] {
                state.get_mut(node).expect("a node").remove(table);
            }
        }
    }
    assert_eq!(before, after);
    stage.check_alive(NATIONAL, "claims").await;
    stage.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revisions_never_go_back() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    let mut before = state(hub).await;
    // Signed by the home node itself, with another status under a revision that is known.
    for count in 1..=3 {
        let record = change(hub, 0, 1).signed(&hub.node(ZHEJIANG).keys);
        hub.bus.publish(vec![record]).await.expect("publishes");
        tests::eventually("the change is judged", async || {
            hub.leaves(NATIONAL, "apply", "SUPERSEDED").await == count
        })
        .await;
    }
    hub.settle().await;
    let mut after = state(hub).await;
    // The home node is told what became of its own messages.
    for table in ["receipt", "registration"] {
        for state in [&mut before, &mut after] {
            state.get_mut(ZHEJIANG).expect("a node").remove(table);
        }
    }
    assert_eq!(before, after);
    stage.check_alive(NATIONAL, "old revisions").await;
    stage.hub.stop().await;
}

/// A licence as Sichuan claims it: properly signed and sealed, in a region of its choice.
/// Sichuan's claim of a licence, in a revision, as of its own region.
pub(super) fn claim(
    hub: &TestHub,
    (identifier, revision): (Identifier, u64),
    region: &str,
) -> Message {
    let mut entry = revoked(hub, 0, revision);
    entry.public.identifier = identifier;
    entry.public.home_node = SICHUAN.to_owned();
    entry.public.region = RegionCode::parse(region).expect("a region");
    change_of(hub, SICHUAN, entry)
}

fn values() -> Vec<(&'static str, &'static str, Value)> {
    let long_rule = json!([{ "rule": "r".repeat(100_000), "rejecting": true, "zh": "", "en": "" }]);
    vec![
        (
            "a message of 129 bytes",
            "/message_id",
            json!("m".repeat(129)),
        ),
        ("a message with a NUL", "/message_id", json!("m\u{0}")),
        ("unknown outcome", "/outcome", json!("perhaps")),
        ("two outcomes", "/outcome", json!(["accepted", "rejected"])),
        ("revision below zero", "/revision", json!(-1)),
        ("greatest revision", "/revision", json!(u64::MAX)),
        ("revision 0", "/revision", json!(0)),
        ("revision in a text", "/revision", json!("1")),
        ("reasons in a text", "/reasons", json!("none")),
        (
            "reason without its rule",
            "/reasons",
            json!([{ "rejecting": true }]),
        ),
        ("rule of 100 KB", "/reasons", long_rule),
        (
            "identifier of 100 KB",
            "/identifier",
            json!("1".repeat(100_000)),
        ),
        ("identifier that is none", "/identifier", json!("a\u{0}b")),
        ("time in words", "/applied_at", json!("noon")),
    ]
}
