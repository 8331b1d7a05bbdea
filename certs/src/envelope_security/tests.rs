//! Tests of the node signature.

use chrono::DateTime;
use schemas::envelope::MessageType;

use super::*;

const TOPIC: &str = "requests.national";

fn envelope() -> Envelope {
    Envelope {
        id: "0190f1d2-7c1e-7000-8000-000000000001".to_owned(),
        origin: "zhejiang".to_owned(),
        message_type: MessageType::LookupRequest,
        subject: Some("a subject".to_owned()),
        time: DateTime::from_timestamp(1_790_000_000, 5_000).expect("in range"),
        recipient: Some("national".to_owned()),
        correlation: None,
        deadline: None,
    }
}

struct Sent {
    keys: NodeKeys,
    headers: Vec<(String, String)>,
}

impl Sent {
    fn new() -> Self {
        let keys = NodeKeys::generate().expect("keys");
        let headers = sign_envelope(&envelope(), TOPIC, b"body", &keys).expect("signed");
        Self { keys, headers }
    }

    fn received(&self, topic: &str, body: &[u8]) -> Result<Envelope, &'static str> {
        let public = self.keys.public();
        let peers = move |origin: &str, _: &str| (origin == "zhejiang").then(|| public.clone());
        check_envelope(&self.headers, topic, body, &peers).map_err(|error| error.code())
    }
}

#[track_caller]
fn check_changed(change: impl FnOnce(&mut Vec<(String, String)>), expected: &str) {
    let mut sent = Sent::new();
    change(&mut sent.headers);
    assert_eq!(sent.received(TOPIC, b"body"), Err(expected));
}

#[test]
fn what_was_signed_is_accepted() {
    let mut sent = Sent::new();
    assert_eq!(sent.received(TOPIC, b"body"), Ok(envelope()));
    sent.headers
        .push(("traceparent".to_owned(), "00-aa-bb-01".to_owned()));
    assert_eq!(sent.received(TOPIC, b"body"), Ok(envelope()));
}

#[test]
fn topic_and_body_are_bound() {
    let sent = Sent::new();
    assert_eq!(
        sent.received("replies.national", b"body"),
        Err("ENVELOPE_SIGNATURE")
    );
    assert_eq!(sent.received(TOPIC, b"boda"), Err("ENVELOPE_SIGNATURE"));
    let long = vec![0; BODY_BYTES_MAX + 1];
    assert_eq!(sent.received(TOPIC, &long), Err("BODY_TOO_LARGE"));
}

#[test]
fn every_signed_header_is_bound() {
    let changes = [
        ("ce_id", "0190f1d2-7c1e-7000-8000-000000000002"),
        ("ce_type", "hub.lookup.reply.v1"),
        ("ce_time", "2026-09-21T14:13:20.000006Z"),
        ("ce_subject", "b subject"),
        ("ce_recipient", "jiangsu"),
    ];
    for (name, value) in changes {
        let change = |headers: &mut Vec<(String, String)>| {
            let header = headers.iter_mut().find(|(found, _)| found == name);
            header.expect("a header").1 = value.to_owned();
        };
        check_changed(change, "ENVELOPE_SIGNATURE");
    }
    check_changed(
        |headers| headers.retain(|(name, _)| name != "ce_subject"),
        "ENVELOPE_SIGNATURE",
    );
    let added = ("ce_correlation".to_owned(), "c".to_owned());
    check_changed(|headers| headers.push(added), "ENVELOPE_SIGNATURE");
}

#[test]
fn strangers_and_faulty_signatures_are_refused() {
    let stranger = NodeKeys::generate().expect("keys");
    let origin = "/nodes/jiangsu".to_owned();
    check_changed(move |headers| headers[2].1 = origin, "UNKNOWN_NODE");
    let forged = sign_envelope(&envelope(), TOPIC, b"body", &stranger).expect("signed");
    check_changed(|headers| *headers = forged, "UNKNOWN_NODE");
    check_changed(
        |headers| headers.truncate(headers.len() - 1),
        "ENVELOPE_MALFORMED",
    );
    check_changed(
        |headers| headers.push(headers[headers.len() - 1].clone()),
        "ENVELOPE_MALFORMED",
    );
    check_changed(
        |headers| {
            if let Some((_, value)) = headers.last_mut() {
                value.push('!');
            }
        },
        "ENVELOPE_MALFORMED",
    );
    let filler = ("x".to_owned(), "y".to_owned());
    check_changed(
        |headers| headers.resize(HEADERS_MAX + 1, filler),
        "ENVELOPE_MALFORMED",
    );
}

#[test]
fn a_key_id_that_lies_is_refused() {
    let mut sent = Sent::new();
    let stranger = NodeKeys::generate().expect("keys");
    let input = envelope().signing_input(TOPIC, &body_sm3(b"body"));
    let signature = STANDARD.encode(stranger.sign(&input).expect("signed"));
    let value = format!("keyid={};sig={signature}", sent.keys.public().key_id());
    if let Some(last) = sent.headers.last_mut() {
        last.1 = value;
    }
    assert_eq!(sent.received(TOPIC, b"body"), Err("ENVELOPE_SIGNATURE"));
}

#[test]
fn what_a_receiver_would_refuse_is_not_signed() {
    let keys = NodeKeys::generate().expect("keys");
    let broken = Envelope {
        subject: Some("a\nb".to_owned()),
        ..envelope()
    };
    assert!(sign_envelope(&broken, TOPIC, b"", &keys).is_err());
    let long = vec![0; BODY_BYTES_MAX + 1];
    assert!(sign_envelope(&envelope(), TOPIC, &long, &keys).is_err());
}

/// Messages that were signed together, in their order.
struct Batch {
    keys: NodeKeys,
    messages: Vec<(String, Vec<(String, String)>)>,
}

impl Batch {
    fn of(count: usize) -> Self {
        let keys = NodeKeys::generate().expect("keys");
        let bodies: Vec<String> = (0..count).map(|number| format!("body {number}")).collect();
        let envelope = envelope();
        let unsigned: Vec<_> = bodies
            .iter()
            .map(|body| Unsigned {
                envelope: &envelope,
                topic: TOPIC,
                body: body.as_bytes(),
            })
            .collect();
        let headers = sign_envelopes_by(&unsigned, &keys, keys.public_keys().key_id());
        let messages = bodies.into_iter().zip(headers.expect("signed")).collect();
        Self { keys, messages }
    }

    fn check(
        &self,
        known: &CheckedBatches,
        headers: &[(String, String)],
        body: &str,
    ) -> Result<(), &'static str> {
        let public = self.keys.public();
        let peers = move |_: &str, _: &str| Some(public.clone());
        let checked = check_envelope_knowing(known, headers, TOPIC, body.as_bytes(), &peers);
        checked.map(|_| ()).map_err(|error| error.code())
    }
}

#[test]
fn each_message_of_a_batch_stands_by_itself() {
    for count in [
        1,
        2,
        3,
        5,
        8,
        100,
        BATCH_MESSAGES_MAX,
        BATCH_MESSAGES_MAX + 3,
    ] {
        let (batch, known) = (Batch::of(count), CheckedBatches::default());
        assert_eq!(batch.messages.len(), count);
        for (number, (body, headers)) in batch.messages.iter().enumerate() {
            assert_eq!(
                batch.check(&known, headers, body),
                Ok(()),
                "{number} of {count}"
            );
            let other = format!("body {}", number + 1);
            for known in [&known, &CheckedBatches::default()] {
                let refused = batch.check(known, headers, &other);
                assert_eq!(refused, Err("ENVELOPE_SIGNATURE"), "{number} of {count}");
            }
        }
    }
}

#[test]
fn a_signature_that_was_found_good_says_nothing_about_other_keys_and_messages() {
    let (batch, known) = (Batch::of(4), CheckedBatches::default());
    let (body, headers) = &batch.messages[2];
    assert_eq!(batch.check(&known, headers, body), Ok(()));
    let stranger = Batch {
        keys: NodeKeys::generate().expect("keys"),
        messages: Vec::new(),
    };
    // The same header, with the name of the stranger's key in it.
    let own = batch.keys.public_keys().key_id();
    let renamed = |(name, value): &(String, String)| {
        let value = value.replace(own, stranger.keys.public_keys().key_id());
        (name.clone(), value)
    };
    let renamed: Vec<_> = headers.iter().map(renamed).collect();
    let refused = stranger.check(&known, &renamed, body);
    assert_eq!(refused, Err("ENVELOPE_SIGNATURE"));
    for (other, _) in batch.messages.iter().filter(|(other, _)| other != body) {
        assert_eq!(
            batch.check(&known, headers, other),
            Err("ENVELOPE_SIGNATURE")
        );
    }
}

#[test]
fn places_of_a_batch_that_lie_are_refused() {
    let batch = Batch::of(5);
    let (body, headers) = &batch.messages[2];
    let known = CheckedBatches::default();
    let path_of = |number: usize| {
        let (_, value) = batch.messages[number].1.last().expect("a signature");
        let path = value.split(";path=").nth(1).expect("a path");
        path.split(';').next().expect("a path").to_owned()
    };
    let (own, other) = (path_of(2), path_of(0));
    let short = STANDARD.encode([0; 31]);
    let cases = [
        ("place=2/5", "place=1/5", "ENVELOPE_SIGNATURE"),
        ("place=2/5", "place=3/5", "ENVELOPE_SIGNATURE"),
        ("place=2/5", "place=2/4", "ENVELOPE_SIGNATURE"),
        ("place=2/5", "place=2/6", "ENVELOPE_SIGNATURE"),
        ("place=2/5", "place=2/256", "ENVELOPE_SIGNATURE"),
        ("place=2/5", "place=2/257", "ENVELOPE_MALFORMED"),
        ("place=2/5", "place=5/5", "ENVELOPE_MALFORMED"),
        ("place=2/5", "place=0/1", "ENVELOPE_MALFORMED"),
        ("place=2/5", "place=0/0", "ENVELOPE_MALFORMED"),
        ("place=2/5", "place=02/5", "ENVELOPE_MALFORMED"),
        ("place=2/5", "place=+2/5", "ENVELOPE_MALFORMED"),
        ("place=2/5", "place=-2/5", "ENVELOPE_MALFORMED"),
        ("place=2/5", "place=2", "ENVELOPE_MALFORMED"),
        ("place=2/5", "place=", "ENVELOPE_MALFORMED"),
        ("place=2/5", "seat=2/5", "ENVELOPE_MALFORMED"),
        ("place=2/5;", "", "ENVELOPE_MALFORMED"),
        (&own, &other, "ENVELOPE_SIGNATURE"),
        (&own, "", "ENVELOPE_SIGNATURE"),
        (&own, &short, "ENVELOPE_MALFORMED"),
        (&own, "!", "ENVELOPE_MALFORMED"),
        (&format!(";place=2/5;path={own}"), "", "ENVELOPE_SIGNATURE"),
    ];
    for (from, to, code) in cases {
        let mut changed = headers.clone();
        let value = &mut changed.last_mut().expect("a signature").1;
        assert!(value.contains(from), "{value}");
        *value = value.replacen(from, to, 1);
        assert_eq!(
            batch.check(&known, &changed, body),
            Err(code),
            "{from} to {to}"
        );
    }
    assert_eq!(batch.check(&known, headers, body), Ok(()));
}
