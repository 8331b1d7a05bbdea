//! The node signature of every bus message (invariant 6): made before sending, checked before use.
//!
//! The header `hubsig` is `keyid=<hex>;sig=<base64 of SM2 in DER>` over
//! [`Envelope::signing_input`], which binds the header lines, the topic and the digest of the
//! body. Replays and the recipient are the receiver's to check: they need its store and its name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::envelope::{
    BODY_BYTES_MAX, Envelope, EnvelopeError, HEADER_BYTES_MAX, SIGNATURE_HEADER,
};
use sm3::{Digest as _, Sm3};

use crate::node_key::{KeyError, NodeKeys, NodePublicKeys};

/// Most headers of one record: an envelope has ten; a broker or a trace may add some.
pub const HEADERS_MAX: usize = 64;

/// Why a message cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignEnvelopeError {
    /// The body is larger than [`BODY_BYTES_MAX`].
    #[error("the message body is larger than {BODY_BYTES_MAX} bytes")]
    BodyTooLarge,
    /// The receiver would refuse these headers.
    #[error(transparent)]
    Malformed(#[from] EnvelopeError),
    /// The signature could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Why a message is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeRefusal {
    /// The headers are not an envelope with a signature.
    #[error("envelope: {0}")]
    Malformed(EnvelopeError),
    /// The origin, or this key of it, is not known here.
    #[error("the origin node or its key is not known")]
    UnknownNode,
    /// The signature is not the origin's over these headers, topic and body.
    #[error("the signature of the message is wrong")]
    Signature,
    /// The body is larger than [`BODY_BYTES_MAX`].
    #[error("the message body is larger than {BODY_BYTES_MAX} bytes")]
    BodyTooLarge,
}

impl SignEnvelopeError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BodyTooLarge => "BODY_TOO_LARGE",
            Self::Malformed(_) => "ENVELOPE_MALFORMED",
            Self::Key(error) => error.code(),
        }
    }
}

impl EnvelopeRefusal {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "ENVELOPE_MALFORMED",
            Self::UnknownNode => "UNKNOWN_NODE",
            Self::Signature => "ENVELOPE_SIGNATURE",
            Self::BodyTooLarge => "BODY_TOO_LARGE",
        }
    }
}

/// Headers of a message with the signature of its origin.
///
/// # Errors
/// A body that is too large, or an envelope that the receiver would refuse.
pub fn sign_envelope(
    envelope: &Envelope,
    topic: &str,
    body: &[u8],
    keys: &NodeKeys,
) -> Result<Vec<(String, String)>, SignEnvelopeError> {
    sign_envelope_by(envelope, topic, body, keys, keys.public_keys().key_id())
}

/// As [`sign_envelope`], by the signing key with this id instead of the first.
///
/// # Errors
/// As [`sign_envelope`]; no such key.
pub fn sign_envelope_by(
    envelope: &Envelope,
    topic: &str,
    body: &[u8],
    keys: &NodeKeys,
    key_id: &str,
) -> Result<Vec<(String, String)>, SignEnvelopeError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(SignEnvelopeError::BodyTooLarge);
    }
    let mut headers = envelope.to_headers();
    Envelope::from_headers(&headers)?;
    let signature = keys.sign_by(key_id, &envelope.signing_input(topic, &body_sm3(body)))?;
    let value = format!("keyid={key_id};sig={}", STANDARD.encode(signature));
    headers.push((SIGNATURE_HEADER.to_owned(), value));
    Ok(headers)
}

/// Reads the envelope of a message and checks that its origin signed it; `peers` gives the keys
/// of a node by its name and key id.
///
/// # Errors
/// See [`EnvelopeRefusal`].
pub fn check_envelope(
    headers: &[(String, String)],
    topic: &str,
    body: &[u8],
    peers: &dyn Fn(&str, &str) -> Option<NodePublicKeys>,
) -> Result<Envelope, EnvelopeRefusal> {
    if body.len() > BODY_BYTES_MAX {
        return Err(EnvelopeRefusal::BodyTooLarge);
    }
    if headers.len() > HEADERS_MAX {
        return Err(EnvelopeError::TooLong("headers".to_owned()).into());
    }
    let envelope = Envelope::from_headers(headers)?;
    let (key_id, signature) = signature_of(headers)?;
    let keys = peers(&envelope.origin, key_id)
        // Whoever answers with another key than was asked for does not know this one.
        .filter(|keys| keys.key_id() == key_id)
        .ok_or(EnvelopeRefusal::UnknownNode)?;
    if keys.verify(&envelope.signing_input(topic, &body_sm3(body)), &signature) {
        Ok(envelope)
    } else {
        Err(EnvelopeRefusal::Signature)
    }
}

impl From<EnvelopeError> for EnvelopeRefusal {
    fn from(error: EnvelopeError) -> Self {
        Self::Malformed(error)
    }
}

fn signature_of(headers: &[(String, String)]) -> Result<(&str, Vec<u8>), EnvelopeError> {
    const MALFORMED: EnvelopeError = EnvelopeError::Malformed(SIGNATURE_HEADER);
    let mut values = headers.iter().filter(|(name, _)| name == SIGNATURE_HEADER);
    let (_, value) = values
        .next()
        .ok_or(EnvelopeError::Missing(SIGNATURE_HEADER))?;
    if values.next().is_some() {
        return Err(EnvelopeError::Repeated(SIGNATURE_HEADER.to_owned()));
    }
    if value.len() > HEADER_BYTES_MAX {
        return Err(EnvelopeError::TooLong(SIGNATURE_HEADER.to_owned()));
    }
    let (key_id, signature) = value
        .strip_prefix("keyid=")
        .and_then(|rest| rest.split_once(";sig="))
        .ok_or(MALFORMED)?;
    Ok((key_id, STANDARD.decode(signature).map_err(|_| MALFORMED)?))
}

fn body_sm3(body: &[u8]) -> String {
    hex::encode(Sm3::digest(body))
}

#[cfg(test)]
mod tests {
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
}
