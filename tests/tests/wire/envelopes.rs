//! Headers: nothing of a message is believed before they are right.

use chrono::Duration;
use connectors::bus::OutgoingRecord;
use tests::{NATIONAL, SICHUAN, ZHEJIANG, noon};

use super::message::{Message, instant, lookup};
use super::stage::{Case, Expected, Stage};

pub(super) const MALFORMED: Expected = Expected::Refused("ENVELOPE_MALFORMED");
const TOO_LARGE: Expected = Expected::NotPublished("BUS_TOO_LARGE");

/// One way to spoil an honest message before it is signed.
type Spoil = fn(Message) -> Message;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_headers_are_refused() {
    let stage = Stage::start().await;
    let spoils: Vec<(&str, Spoil, Expected)> = [
        missing(),
        repeated(),
        odd_values(),
        odd_origins_and_types(),
        too_much(),
        odd_times(),
    ]
    .concat();
    assert!(spoils.len() >= 35, "only {}", spoils.len());
    let cases = spoils.into_iter().map(|(name, spoil, expected)| {
        let record = spoil(lookup(&stage.hub)).signed(&stage.hub.node(SICHUAN).keys);
        case(name, record, expected)
    });
    stage.check(cases.collect()).await;
    stage.hub.stop().await;
}

fn missing() -> Vec<(&'static str, Spoil, Expected)> {
    vec![
        (
            "no ce_specversion",
            |m| m.without("ce_specversion"),
            MALFORMED,
        ),
        ("no ce_id", |m| m.without("ce_id"), MALFORMED),
        ("no ce_source", |m| m.without("ce_source"), MALFORMED),
        ("no ce_type", |m| m.without("ce_type"), MALFORMED),
        ("no ce_time", |m| m.without("ce_time"), MALFORMED),
        (
            "no ce_recipient",
            |m| m.without("ce_recipient"),
            Expected::Refused("WRONG_RECIPIENT"),
        ),
    ]
}

fn repeated() -> Vec<(&'static str, Spoil, Expected)> {
    vec![
        (
            "ce_specversion twice",
            |m| m.twice("ce_specversion", "1.0"),
            MALFORMED,
        ),
        ("ce_id twice", |m| m.twice("ce_id", "another"), MALFORMED),
        (
            "ce_source twice",
            |m| m.twice("ce_source", "/nodes/zhejiang"),
            MALFORMED,
        ),
        (
            "ce_type twice",
            |m| m.twice("ce_type", "hub.file.request.v1"),
            MALFORMED,
        ),
        (
            "ce_time twice",
            |m| m.twice("ce_time", &instant(noon())),
            MALFORMED,
        ),
        (
            "ce_recipient twice",
            |m| m.twice("ce_recipient", SICHUAN),
            MALFORMED,
        ),
        (
            "ce_correlation twice",
            |m| m.twice("ce_correlation", "c"),
            MALFORMED,
        ),
        (
            "hubsig twice",
            |m| m.twice("hubsig", "keyid=00;sig="),
            MALFORMED,
        ),
    ]
}

fn odd_values() -> Vec<(&'static str, Spoil, Expected)> {
    vec![
        (
            "unknown CloudEvents version",
            |m| m.set("ce_specversion", "0.3"),
            MALFORMED,
        ),
        ("empty ce_id", |m| m.set("ce_id", ""), MALFORMED),
        (
            "ce_id of 129 bytes",
            |m| m.set("ce_id", "i".repeat(129)),
            MALFORMED,
        ),
        (
            "ce_correlation of 129 bytes",
            |m| m.set("ce_correlation", "c".repeat(129)),
            MALFORMED,
        ),
        (
            "header of 4097 bytes",
            |m| m.set("ce_subject", "s".repeat(4097)),
            TOO_LARGE,
        ),
        (
            "header name of 4097 bytes",
            |m| m.set(&"n".repeat(4097), "v"),
            TOO_LARGE,
        ),
        (
            "line break that forges a header",
            |m| m.set("ce_id", "a\nce_source:/nodes/national"),
            MALFORMED,
        ),
        (
            "NUL in ce_recipient",
            |m| m.set("ce_recipient", "national\0"),
            MALFORMED,
        ),
        (
            "C1 control in ce_subject",
            |m| m.set("ce_subject", "a\u{85}b"),
            MALFORMED,
        ),
    ]
}

fn odd_origins_and_types() -> Vec<(&'static str, Spoil, Expected)> {
    vec![
        (
            "ce_source without its prefix",
            |m| m.set("ce_source", SICHUAN),
            MALFORMED,
        ),
        (
            "ce_source in upper case",
            |m| m.set("ce_source", "/nodes/Sichuan"),
            MALFORMED,
        ),
        (
            "ce_source with a path",
            |m| m.set("ce_source", "/nodes/../national"),
            MALFORMED,
        ),
        (
            "ce_source of 64 characters",
            |m| m.set("ce_source", format!("/nodes/{}", "s".repeat(64))),
            MALFORMED,
        ),
        (
            "ce_source in Chinese",
            |m| m.set("ce_source", "/nodes/四川"),
            MALFORMED,
        ),
        (
            "ce_type of a later version",
            |m| m.set("ce_type", "hub.lookup.request.v2"),
            MALFORMED,
        ),
        ("empty ce_type", |m| m.set("ce_type", ""), MALFORMED),
        (
            "a reply among the requests",
            |m| m.set("ce_type", "hub.lookup.reply.v1"),
            MALFORMED,
        ),
        (
            "a change among the requests",
            |m| m.set("ce_type", "hub.directory.change.v1"),
            MALFORMED,
        ),
        (
            "for another node",
            |m| m.set("ce_recipient", ZHEJIANG),
            Expected::Refused("WRONG_RECIPIENT"),
        ),
    ]
}

fn too_much() -> Vec<(&'static str, Spoil, Expected)> {
    vec![
        (
            "64 headers, one of them wrong",
            |m| crowd(m.set("ce_id", ""), 64),
            MALFORMED,
        ),
        ("65 headers", |m| crowd(m, 65), TOO_LARGE),
        (
            "key of 1025 bytes",
            |mut m| {
                m.key = "k".repeat(1025);
                m
            },
            TOO_LARGE,
        ),
        (
            "topic with a slash",
            |mut m| {
                m.topic = "requests/national".to_owned();
                m
            },
            Expected::NotPublished("BUS_TOPIC"),
        ),
    ]
}

fn odd_times() -> Vec<(&'static str, Spoil, Expected)> {
    vec![
        ("ce_time in words", |m| m.set("ce_time", "noon"), MALFORMED),
        (
            "ce_time with an offset",
            |m| m.set("ce_time", "2026-11-21T12:00:00.000000+08:00"),
            MALFORMED,
        ),
        (
            "ce_time without fraction",
            |m| m.set("ce_time", "2026-11-21T04:00:00Z"),
            MALFORMED,
        ),
        (
            "ce_time in year 10000",
            |m| m.set("ce_time", "+10000-01-01T00:00:00.000000Z"),
            MALFORMED,
        ),
        (
            "ce_deadline in words",
            |m| m.set("ce_deadline", "soon"),
            MALFORMED,
        ),
        (
            "deadline over",
            |m| m.set("ce_deadline", at(-Duration::microseconds(1))),
            Expected::PassedOver,
        ),
        (
            "clock eight days behind",
            |m| m.set("ce_time", at(-Duration::days(8))),
            Expected::PassedOver,
        ),
        (
            "clock two days ahead",
            |m| m.set("ce_time", at(Duration::days(2))),
            Expected::PassedOver,
        ),
        (
            "clock fifty years ahead, a far deadline",
            |m| {
                m.set("ce_time", at(Duration::days(18_000)))
                    .set("ce_deadline", at(Duration::days(18_001)))
            },
            Expected::PassedOver,
        ),
    ]
}

/// A message for the national node.
pub(super) fn case(name: &str, record: OutgoingRecord, expected: Expected) -> Case {
    Case {
        name: name.to_owned(),
        record,
        reader: NATIONAL,
        expected,
    }
}

/// With headers that nobody knows, so many in all with the signature.
fn crowd(message: Message, count: usize) -> Message {
    let own = message.headers.len() + 1;
    (own..count).fold(message, |message, number| {
        message.set(&format!("x_{number}"), "x")
    })
}

/// An instant of the day on which the tests play, as an envelope writes it.
pub(super) fn at(later: Duration) -> String {
    instant(noon() + later)
}
