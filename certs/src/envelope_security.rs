//! The node signature of every bus message (invariant 6): made before sending, checked before use.
//!
//! The header `hubsig` is `keyid=<hex>;sig=<base64 of SM2 in DER>` over
//! [`Envelope::signing_input`], which binds the header lines, the topic and the digest of the
//! body. Messages that are made together share one signature and carry their place under it
//! (`batch.rs`). Replays and the recipient are the receiver's to check: they need its store and
//! its name.

mod batch;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::envelope::{
    BODY_BYTES_MAX, Envelope, EnvelopeError, HEADER_BYTES_MAX, SIGNATURE_HEADER,
};
use sm3::{Digest as _, Sm3};

pub use self::batch::{BATCH_MESSAGES_MAX, CheckedBatches};
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
    let input = input(envelope, topic, body)?;
    let signature = STANDARD.encode(keys.sign_by(key_id, &input)?);
    Ok(headers(envelope, format!("keyid={key_id};sig={signature}")))
}

/// A message before it is signed.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// Its attributes.
    pub envelope: &'a Envelope,
    /// Topic it goes to.
    pub topic: &'a str,
    /// Its body.
    pub body: &'a [u8],
}

/// Headers of messages that are made together, in their order, with one signature for up to
/// [`BATCH_MESSAGES_MAX`] of them. Each is checked by itself, whatever becomes of the others.
///
/// # Errors
/// As [`sign_envelope_by`]; then none is signed.
pub fn sign_envelopes_by(
    messages: &[Unsigned<'_>],
    keys: &NodeKeys,
    key_id: &str,
) -> Result<Vec<Vec<(String, String)>>, SignEnvelopeError> {
    let mut signed = Vec::with_capacity(messages.len());
    for together in messages.chunks(BATCH_MESSAGES_MAX) {
        if let [one] = together {
            let headers = sign_envelope_by(one.envelope, one.topic, one.body, keys, key_id)?;
            signed.push(headers);
            continue;
        }
        let inputs = together
            .iter()
            .map(|one| input(one.envelope, one.topic, one.body))
            .collect::<Result<Vec<_>, _>>()?;
        let values = batch::sign(&inputs, keys, key_id)?;
        let with_value = |(one, value): (&Unsigned<'_>, _)| headers(one.envelope, value);
        signed.extend(together.iter().zip(values).map(with_value));
    }
    Ok(signed)
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
    check_envelope_knowing(&CheckedBatches::default(), headers, topic, body, peers)
}

/// As [`check_envelope`], for one who reads many messages: the signature of a batch is checked
/// once and remembered in `checked`.
///
/// # Errors
/// See [`EnvelopeRefusal`].
pub fn check_envelope_knowing(
    checked: &CheckedBatches,
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
    let signature = SignatureValue::of(headers)?;
    let keys = peers(&envelope.origin, signature.key_id)
        // Whoever answers with another key than was asked for does not know this one.
        .filter(|keys| keys.key_id() == signature.key_id)
        .ok_or(EnvelopeRefusal::UnknownNode)?;
    let input = envelope.signing_input(topic, &body_sm3(body));
    let is_good = match &signature.place {
        None => keys.verify(&input, &signature.bytes),
        Some(place) => checked.check(&keys, place, &input, &signature.bytes),
    };
    if is_good {
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

/// The value of the header `hubsig`: `keyid=…;sig=…`, or of one message of a batch
/// `keyid=…;place=…;path=…;sig=…`.
struct SignatureValue<'a> {
    key_id: &'a str,
    place: Option<batch::Place>,
    bytes: Vec<u8>,
}

impl<'a> SignatureValue<'a> {
    fn of(headers: &'a [(String, String)]) -> Result<Self, EnvelopeError> {
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
        let rest = value.strip_prefix("keyid=").ok_or(MALFORMED)?;
        let (rest, signature) = rest.split_once(";sig=").ok_or(MALFORMED)?;
        let (key_id, place) = match rest.split_once(';') {
            None => (rest, None),
            Some((key_id, place)) => {
                let place = batch::Place::parse(place).ok_or(MALFORMED)?;
                (key_id, Some(place))
            }
        };
        Ok(Self {
            key_id,
            place,
            bytes: STANDARD.decode(signature).map_err(|_| MALFORMED)?,
        })
    }
}

/// What is signed of a message.
fn input(envelope: &Envelope, topic: &str, body: &[u8]) -> Result<Vec<u8>, SignEnvelopeError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(SignEnvelopeError::BodyTooLarge);
    }
    Envelope::from_headers(&envelope.to_headers())?;
    Ok(envelope.signing_input(topic, &body_sm3(body)))
}

fn headers(envelope: &Envelope, signature: String) -> Vec<(String, String)> {
    let mut headers = envelope.to_headers();
    headers.push((SIGNATURE_HEADER.to_owned(), signature));
    headers
}

fn body_sm3(body: &[u8]) -> String {
    hex::encode(Sm3::digest(body))
}

#[cfg(test)]
mod tests;
