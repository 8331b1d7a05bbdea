//! Signatures: what the origin did not sign, byte by byte, is not used.

use certs::node_key::NodeKeys;
use chrono::Duration;
use schemas::envelope::topic;
use tests::{NATIONAL, SICHUAN, TestHub, ZHEJIANG};

use super::envelopes::{MALFORMED, at, case};
use super::message::{Message, lookup};
use super::stage::{Case, Expected, Stage};

const SIGNATURE: Expected = Expected::Refused("ENVELOPE_SIGNATURE");
const UNKNOWN: Expected = Expected::Refused("UNKNOWN_NODE");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_origin_did_not_sign_is_refused() {
    let stage = Stage::start().await;
    let mut cases = odd_signatures(&stage.hub);
    cases.extend(other_names(&stage.hub));
    cases.extend(changed_after_signing(&stage.hub));
    cases.extend(flipped(&stage.hub));
    assert!(cases.len() >= 40, "only {}", cases.len());
    stage.check(cases).await;
    stage.hub.stop().await;
}

fn odd_signatures(hub: &TestHub) -> Vec<Case> {
    let keys = &hub.node(SICHUAN).keys;
    let honest = lookup(hub);
    let signature = keys.sign(&honest.signing_input()).expect("signs");
    let own = keys.public();
    let with = |signature: &[u8]| honest.with_signature(own.key_id(), signature);
    let header = |value: &str| {
        let mut record = honest.unsigned();
        record.headers.push(("hubsig".to_owned(), value.to_owned()));
        record
    };
    let mut doubled = signature.clone();
    doubled.extend(&signature);
    vec![
        case("no signature", honest.unsigned(), MALFORMED),
        case("signature without key id", header("sig=AA=="), MALFORMED),
        case(
            "signature in bad base64",
            header("keyid=00;sig=A"),
            MALFORMED,
        ),
        case("empty hubsig", header(""), MALFORMED),
        case(
            "key id alone",
            header(&format!("keyid={}", own.key_id())),
            MALFORMED,
        ),
        case("empty signature", with(b""), SIGNATURE),
        case("signature of zeros", with(&[0; 72]), SIGNATURE),
        case("signature cut short", with(&signature[..20]), SIGNATURE),
        case("signature with a tail", with(&doubled), SIGNATURE),
        case("signature that is no DER", with(&[0x5a; 64]), SIGNATURE),
        case(
            "empty key id",
            honest.with_signature("", &signature),
            UNKNOWN,
        ),
    ]
}

/// Messages in the name of somebody else.
fn other_names(hub: &TestHub) -> Vec<Case> {
    let (sichuan, zhejiang) = (&hub.node(SICHUAN).keys, &hub.node(ZHEJIANG).keys);
    let stranger = NodeKeys::generate().expect("keys");
    let honest = lookup(hub);
    let said_by = |name: &str| honest.clone().set("ce_source", format!("/nodes/{name}"));
    let borrowed = said_by(ZHEJIANG);
    let signature = sichuan.sign(&borrowed.signing_input()).expect("signs");
    vec![
        case(
            "unknown node",
            said_by("nowhere").signed(&stranger),
            UNKNOWN,
        ),
        case(
            "unknown key of a known node",
            honest.signed(&stranger),
            UNKNOWN,
        ),
        case(
            "name of another node",
            said_by(ZHEJIANG).signed(sichuan),
            UNKNOWN,
        ),
        case(
            "name of the reader",
            said_by(NATIONAL).signed(sichuan),
            UNKNOWN,
        ),
        case(
            "name of the operator",
            said_by("operator").signed(sichuan),
            UNKNOWN,
        ),
        // Its key is known, and good for trust alone.
        case(
            "the operator itself",
            said_by("operator").signed(hub.operator.keys()),
            UNKNOWN,
        ),
        case(
            "name and key id of another node",
            borrowed.with_signature(zhejiang.public().key_id(), &signature),
            SIGNATURE,
        ),
    ]
}

fn changed_after_signing(hub: &TestHub) -> Vec<Case> {
    let keys = &hub.node(SICHUAN).keys;
    let honest = lookup(hub).set("ce_deadline", at(Duration::seconds(5)));
    // What was signed, and what is sent in its place.
    let replaced = |signed: &Message, sent: &Message| {
        let signature = keys.sign(&signed.signing_input()).expect("signs");
        sent.with_signature(keys.public().key_id(), &signature)
    };
    let mut moved = honest.clone();
    moved.topic = topic::requests(ZHEJIANG);
    let changed = |name: &str, value: &str| replaced(&honest, &honest.clone().set(name, value));
    vec![
        case(
            "signed for another topic",
            replaced(&moved, &honest),
            SIGNATURE,
        ),
        case(
            "signed with another body",
            replaced(&honest, &honest.clone().body("{}")),
            SIGNATURE,
        ),
        case(
            "a blank more in the body",
            replaced(
                &honest,
                &honest.clone().body([&honest.body[..], b" "].concat()),
            ),
            SIGNATURE,
        ),
        case(
            "later deadline than signed",
            changed("ce_deadline", &at(Duration::seconds(6))),
            SIGNATURE,
        ),
        case(
            "other time than signed",
            changed("ce_time", &at(Duration::seconds(1))),
            SIGNATURE,
        ),
        case(
            "other name than signed",
            changed("ce_id", "another"),
            SIGNATURE,
        ),
        case(
            "other question than signed",
            changed("ce_correlation", "another"),
            SIGNATURE,
        ),
        case(
            "subject that was not signed",
            changed("ce_subject", "subject"),
            SIGNATURE,
        ),
        case(
            "other type than signed",
            changed("ce_type", "hub.file.request.v1"),
            SIGNATURE,
        ),
        case(
            "deadline taken away",
            replaced(&honest, &honest.clone().without("ce_deadline")),
            SIGNATURE,
        ),
        case(
            "recipient changed to the reader",
            replaced(&honest.clone().set("ce_recipient", ZHEJIANG), &honest),
            SIGNATURE,
        ),
    ]
}

/// One bit of an honest message is another, in many places.
fn flipped(hub: &TestHub) -> Vec<Case> {
    let keys = &hub.node(SICHUAN).keys;
    let mut cases = Vec::new();
    for offset in [0, 1, 3, 4, 5, 20, 36, 38, 50, 68] {
        let honest = lookup(hub);
        let mut signature = keys.sign(&honest.signing_input()).expect("signs");
        signature[offset] ^= 1;
        let record = honest.with_signature(keys.public().key_id(), &signature);
        let name = format!("a bit of byte {offset} of the signature");
        cases.push(case(&name, record, SIGNATURE));
    }
    for eighth in 0..8 {
        let honest = lookup(hub);
        let mut record = honest.signed(keys);
        let mut body = honest.body;
        let offset = body.len() * eighth / 8;
        body[offset] ^= 1 << eighth;
        record.body = body.into();
        let name = format!("a bit of eighth {eighth} of the body");
        cases.push(case(&name, record, SIGNATURE));
    }
    cases
}
