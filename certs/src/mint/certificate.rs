//! X.509 v3 certificates and v2 CRLs, as the development PKI issues them.
//!
//! Profile \[P\]: subject in `UTF8String` (RFC 5280 §4.1.2.4), the organisation's USCC as
//! `serialNumber`; basicConstraints and keyUsage critical; key identifiers are the first 20
//! octets of the SM3 of the public key.

use ::der::asn1::ObjectIdentifier;
use chrono::{DateTime, Utc};
use sm3::{Digest as _, Sm3};

use super::credential::Credential;
use super::key::PrivateKey;
use super::{MintError, der};

const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const ORGANISATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERIAL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.5");
const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");

/// Octets of a certificate serial number; RFC 5280 §4.1.2.2 allows 20.
const SERIAL_BYTES: usize = 16;

/// Whom a certificate names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Organisation, in Chinese.
    pub organisation: String,
    /// Unified social credit code of the organisation, when it has one.
    pub uscc: Option<String>,
    /// Common name.
    pub common_name: String,
}

/// What a certificate's key may be used for (keyUsage, RFC 5280 §4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// digitalSignature and nonRepudiation: signers and seal makers.
    Signing,
    /// keyEncipherment and dataEncipherment only: an encryption certificate, which must not sign.
    Encryption,
    /// digitalSignature, for timestamps alone (RFC 3161 §2.3): timestamp authorities.
    Timestamping,
    /// Signing and encryption with one key: nodes on the bus.
    Node,
    /// keyCertSign and cRLSign: an authority, with the number of authorities allowed below it.
    Authority {
        /// pathLenConstraint.
        path_length: u8,
    },
}

/// From when to when something counts, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First moment.
    pub from: DateTime<Utc>,
    /// Last moment.
    pub until: DateTime<Utc>,
}

/// One revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Serial number, big-endian octets as in [`Credential::serial`].
    pub serial: Vec<u8>,
    /// Since when it is revoked.
    pub since: DateTime<Utc>,
}

/// What a certificate is to say.
pub(super) struct Plan<'a> {
    pub(super) subject: &'a Subject,
    /// The subject's key, of which the certificate states the public part.
    pub(super) key: &'a PrivateKey,
    pub(super) validity: Validity,
    pub(super) usage: Usage,
}

/// Who signs a certificate.
pub(super) struct Issuer<'a> {
    /// Distinguished name as DER.
    pub(super) name: &'a [u8],
    pub(super) secret: &'a PrivateKey,
}

/// A certificate as DER.
pub(super) fn certificate(plan: &Plan<'_>, issuer: &Issuer<'_>) -> Result<Vec<u8>, MintError> {
    let key = plan.key.public_key_info()?;
    let body = der::sequence(&[
        &der::context(0, &der::integer(2)),
        &der::unsigned_integer(&serial(&key, issuer.name)),
        &issuer.secret.signature_algorithm(),
        issuer.name,
        &der::sequence(&[
            &der::x509_time(plan.validity.from),
            &der::x509_time(plan.validity.until),
        ]),
        &plan.subject.name(),
        &key,
        &der::context(3, &extensions(plan, issuer)?),
    ]);
    signed(&body, issuer.secret)
}

/// A CRL as DER (RFC 5280 §5), complete for its issuer.
pub(super) fn crl(
    issuer: &Credential,
    revoked: &[Revocation],
    this_update: DateTime<Utc>,
    next_update: DateTime<Utc>,
) -> Result<Vec<u8>, MintError> {
    let entries: Vec<Vec<u8>> = revoked
        .iter()
        .map(|one| {
            let serial = der::unsigned_integer(&one.serial);
            der::sequence(&[&serial, &der::x509_time(one.since)])
        })
        .collect();
    // An empty list of revoked certificates must be absent (RFC 5280 §5.1.2.6).
    let entries = if entries.is_empty() {
        Vec::new()
    } else {
        der::sequence_of(&entries)
    };
    let number = this_update.timestamp().to_be_bytes();
    let body = der::sequence(&[
        &der::integer(1),
        &issuer.secret_key().signature_algorithm(),
        issuer.subject_der(),
        &der::x509_time(this_update),
        &der::x509_time(next_update),
        &entries,
        &der::context(
            0,
            &der::sequence(&[
                &authority_key_identifier(&issuer.secret_key().identifier()?),
                &extension(CRL_NUMBER, false, &der::unsigned_integer(&number)),
            ]),
        ),
    ]);
    signed(&body, issuer.secret_key())
}

impl Subject {
    /// Subject of an organisation's certificate, named like the organisation.
    #[must_use]
    pub fn organisation(name: &str, uscc: &str) -> Self {
        Self {
            organisation: name.to_owned(),
            uscc: Some(uscc.to_owned()),
            common_name: name.to_owned(),
        }
    }

    /// The distinguished name as DER.
    pub(super) fn name(&self) -> Vec<u8> {
        let mut parts = vec![
            attribute(COUNTRY, &der::printable_string("CN")),
            attribute(ORGANISATION, &der::utf8_string(&self.organisation)),
        ];
        if let Some(uscc) = &self.uscc {
            parts.push(attribute(SERIAL_NUMBER, &der::printable_string(uscc)));
        }
        parts.push(attribute(COMMON_NAME, &der::utf8_string(&self.common_name)));
        der::sequence_of(&parts)
    }
}

impl Usage {
    /// keyUsage as the octet of named bits, digitalSignature first.
    const fn bits(self) -> u8 {
        match self {
            Self::Signing => 0b1100_0000,
            Self::Timestamping => 0b1000_0000,
            Self::Encryption => 0b0011_0000,
            Self::Node => 0b1111_1000,
            Self::Authority { .. } => 0b0000_0110,
        }
    }
}

fn attribute(kind: ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    der::set_of(&[&der::sequence(&[&der::object_identifier(kind), value])])
}

/// The same key, subject and issuer always get the same serial: no state to keep.
fn serial(key: &[u8], issuer: &[u8]) -> Vec<u8> {
    let digest = Sm3::new().chain_update(issuer).chain_update(key).finalize();
    // The leading one keeps the length fixed and the number positive.
    [0x40]
        .into_iter()
        .chain(digest.iter().copied())
        .take(SERIAL_BYTES)
        .collect()
}

fn extensions(plan: &Plan<'_>, issuer: &Issuer<'_>) -> Result<Vec<u8>, MintError> {
    let constraints = match plan.usage {
        Usage::Authority { path_length } => {
            der::sequence(&[&der::boolean_true(), &der::integer(path_length.into())])
        }
        Usage::Signing | Usage::Encryption | Usage::Timestamping | Usage::Node => {
            der::sequence(&[])
        }
    };
    let bits = plan.usage.bits();
    let unused = u8::try_from(bits.trailing_zeros()).unwrap_or(0);
    let own_identifier = der::octet_string(&plan.key.identifier()?);
    let purpose = match plan.usage {
        Usage::Timestamping => {
            let purposes = der::sequence(&[&der::object_identifier(TIME_STAMPING)]);
            extension(EXTENDED_KEY_USAGE, true, &purposes)
        }
        _ => Vec::new(),
    };
    Ok(der::sequence(&[
        &extension(BASIC_CONSTRAINTS, true, &constraints),
        &extension(
            KEY_USAGE,
            true,
            &der::bit_string_with_unused(unused, &[bits]),
        ),
        &purpose,
        &extension(SUBJECT_KEY_IDENTIFIER, false, &own_identifier),
        &authority_key_identifier(&issuer.secret.identifier()?),
    ]))
}

fn authority_key_identifier(identifier: &[u8]) -> Vec<u8> {
    let value = der::sequence(&[&der::context_primitive(0, identifier)]);
    extension(AUTHORITY_KEY_IDENTIFIER, false, &value)
}

fn extension(kind: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical {
        der::boolean_true()
    } else {
        Vec::new()
    };
    der::sequence(&[
        &der::object_identifier(kind),
        &critical,
        &der::octet_string(value),
    ])
}

fn signed(body: &[u8], secret: &PrivateKey) -> Result<Vec<u8>, MintError> {
    let value = der::bit_string(&secret.sign(body)?);
    Ok(der::sequence(&[
        body,
        &secret.signature_algorithm(),
        &value,
    ]))
}
