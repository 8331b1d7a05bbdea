//! E-seals and the signatures made with them: `SESeal` and `SES_Signature` of GM/T 0031-2014
//! (V1), GB/T 38540-2020 (V4) and GM/T 0031-2025 (V5).
//!
//! The seal's maker signs the seal, the signer signs the document's digest together with the
//! whole seal. V4 and V5 makers sign `eSealInfo` alone, V1 makers a SEQUENCE of `esealInfo`,
//! certificate and algorithm, as real files do.

use chrono::{DateTime, Utc};
use schemas::verdict::SealVersion;
use sm3::{Digest as _, Sm3};

use super::certificate::Validity;
use super::credential::Credential;
use super::key::DISTINGUISHING_ID;
use super::{MintError, SM2_WITH_SM3, der};

/// Seal of an organisation, not of a person (`SES_ESPropertyInfo.type`).
const ORGANISATION_SEAL: u32 = 1;
/// `certListType`: the list holds certificates.
const LIST_OF_CERTIFICATES: u32 = 1;
/// `certListType`: the list holds digests of certificates.
const LIST_OF_DIGESTS: u32 = 2;
/// SM3 as `CertDigestObj.type` names it in real files.
const SM3_NAME: &str = "1.2.156.10197.1.401";

/// Picture of a seal, as it appears on the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealPicture {
    /// Format name, for instance `PNG`; ASCII.
    pub format: String,
    /// The picture file.
    pub data: Vec<u8>,
    /// Width on paper, millimetres.
    pub width_mm: u32,
    /// Height on paper, millimetres.
    pub height_mm: u32,
}

/// What a seal is to say.
#[derive(Clone, Debug)]
pub struct SealPlan<'a> {
    /// Identifier of the seal (`esID`); ASCII.
    pub id: &'a str,
    /// Name of the seal, in Chinese.
    pub name: &'a str,
    /// The picture.
    pub picture: &'a SealPicture,
    /// Certificates of those who may sign with the seal, DER.
    pub signers: &'a [&'a [u8]],
    /// When the seal was made.
    pub created_at: DateTime<Utc>,
    /// From when to when it may be used.
    pub validity: Validity,
}

/// What is signed, and when.
#[derive(Clone, Copy, Debug)]
pub struct SigningInput<'a> {
    /// `Signature.xml` as it is stored in the package.
    pub signature_xml: &'a [u8],
    /// Its absolute path inside the package, for instance `/Doc_0/Signs/Sign_0/Signature.xml`.
    pub signature_xml_path: &'a str,
    /// Signing time.
    pub at: DateTime<Utc>,
}

/// Faults and unusual forms to make on purpose. The default makes none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealFaults {
    /// The seal lists SM3 digests of certificates instead of certificates (V4, V5; permitted).
    pub list_digests: bool,
    /// Both signatures are the 64 octets r‖s instead of DER (met in real files).
    pub raw_signatures: bool,
    /// BIT STRINGs of the signer claim this many unused bits (met in real files).
    pub unused_bits: u8,
    /// The signer uses this SM2 identifier instead of the usual one.
    pub distinguishing_id: Option<String>,
    /// One octet of the maker's signature is changed before the signer signs.
    pub break_maker_signature: bool,
    /// One octet of the signer's signature is changed.
    pub break_signature: bool,
    /// The signed digest is that of something else.
    pub wrong_data_hash: bool,
    /// The digest in signed data is written in base64 (met in real files).
    pub data_hash_in_base64: bool,
    /// `propertyInfo` says this instead of the path of `Signature.xml`.
    pub property_info: Option<String>,
}

/// A seal, signed by its maker: `SESeal` as DER, the content of `Seal.esl`.
///
/// # Errors
/// [`MintError::Key`] when the maker's key cannot sign.
pub fn make_seal(
    maker: &Credential,
    plan: &SealPlan<'_>,
    version: SealVersion,
    faults: &SealFaults,
) -> Result<Vec<u8>, MintError> {
    let info = seal_info(plan, version, faults);
    let certificate = der::octet_string(maker.certificate());
    let algorithm = der::object_identifier(SM2_WITH_SM3);
    let signed = match version {
        SealVersion::V1 => der::sequence(&[&info, &certificate, &algorithm]),
        SealVersion::V4 | SealVersion::V5 => info.clone(),
    };
    let mut value = signature_octets(maker, &signed, DISTINGUISHING_ID, faults.raw_signatures)?;
    if faults.break_maker_signature {
        change_last_octet(&mut value);
    }
    let value = der::bit_string(&value);
    Ok(match version {
        SealVersion::V1 => {
            der::sequence(&[&info, &der::sequence(&[&certificate, &algorithm, &value])])
        }
        SealVersion::V4 | SealVersion::V5 => {
            der::sequence(&[&info, &certificate, &algorithm, &value])
        }
    })
}

/// A signature made with a seal: `SES_Signature` as DER, the content of `SignedValue.dat`.
/// `seal` is what [`make_seal`] returned for the same version.
///
/// # Errors
/// [`MintError::Key`] when the signer's key cannot sign.
pub fn sign_with_seal(
    seal: &[u8],
    signer: &Credential,
    input: &SigningInput<'_>,
    version: SealVersion,
    faults: &SealFaults,
) -> Result<Vec<u8>, MintError> {
    let mut digest: Vec<u8> = Sm3::digest(input.signature_xml).to_vec();
    if faults.wrong_data_hash {
        change_last_octet(&mut digest);
    }
    let bits = |content: &[u8]| der::bit_string_with_unused(faults.unused_bits, content);
    let path = faults
        .property_info
        .as_deref()
        .unwrap_or(input.signature_xml_path);
    let certificate = der::octet_string(signer.certificate());
    let algorithm = der::object_identifier(SM2_WITH_SM3);
    let mut body = vec![der::integer(version_number(version)), seal.to_vec()];
    body.push(match version {
        SealVersion::V1 => bits(input.at.format("%Y%m%d%H%M%SZ").to_string().as_bytes()),
        SealVersion::V4 | SealVersion::V5 => der::generalized_time(input.at),
    });
    body.extend([bits(&digest), der::ia5_string(path)]);
    if version == SealVersion::V1 {
        body.extend([certificate.clone(), algorithm.clone()]);
    }
    let body = der::sequence_of(&body);
    let identifier = faults
        .distinguishing_id
        .as_deref()
        .unwrap_or(DISTINGUISHING_ID);
    let mut value = signature_octets(signer, &body, identifier, faults.raw_signatures)?;
    if faults.break_signature {
        change_last_octet(&mut value);
    }
    let value = bits(&value);
    Ok(match version {
        SealVersion::V1 => der::sequence(&[&body, &value]),
        SealVersion::V4 | SealVersion::V5 => {
            der::sequence(&[&body, &certificate, &algorithm, &value])
        }
    })
}

/// `SES_SealInfo`: header, identifier, property, picture.
fn seal_info(plan: &SealPlan<'_>, version: SealVersion, faults: &SealFaults) -> Vec<u8> {
    let header = der::sequence(&[
        &der::ia5_string("ES"),
        &der::integer(version_number(version)),
        &der::ia5_string("LICENCEHUB"),
    ]);
    let digests = faults.list_digests && version != SealVersion::V1;
    let list: Vec<Vec<u8>> = plan
        .signers
        .iter()
        .map(|certificate| {
            if digests {
                digest_entry(certificate)
            } else {
                der::octet_string(certificate)
            }
        })
        .collect();
    let mut property = vec![der::integer(ORGANISATION_SEAL), der::utf8_string(plan.name)];
    if version != SealVersion::V1 {
        let kind = if digests {
            LIST_OF_DIGESTS
        } else {
            LIST_OF_CERTIFICATES
        };
        property.push(der::integer(kind));
    }
    property.push(der::sequence_of(&list));
    for at in [plan.created_at, plan.validity.from, plan.validity.until] {
        property.push(match version {
            SealVersion::V1 => der::utc_time(at),
            SealVersion::V4 | SealVersion::V5 => der::generalized_time(at),
        });
    }
    let picture = der::sequence(&[
        &der::ia5_string(&plan.picture.format),
        &der::octet_string(&plan.picture.data),
        &der::integer(plan.picture.width_mm),
        &der::integer(plan.picture.height_mm),
    ]);
    der::sequence(&[
        &header,
        &der::ia5_string(plan.id),
        &der::sequence_of(&property),
        &picture,
    ])
}

fn digest_entry(certificate: &[u8]) -> Vec<u8> {
    let digest = Sm3::digest(certificate);
    der::sequence(&[
        &der::printable_string(SM3_NAME),
        &der::octet_string(&digest),
    ])
}

fn signature_octets(
    signer: &Credential,
    message: &[u8],
    identifier: &str,
    raw: bool,
) -> Result<Vec<u8>, MintError> {
    let signature = signer.secret_key().sm2_signature(message, identifier)?;
    Ok(if raw {
        signature.to_vec()
    } else {
        signature.to_der().as_bytes().to_vec()
    })
}

const fn version_number(version: SealVersion) -> u32 {
    match version {
        SealVersion::V1 => 1,
        SealVersion::V4 => 4,
        SealVersion::V5 => 5,
    }
}

fn change_last_octet(octets: &mut [u8]) {
    if let Some(last) = octets.last_mut() {
        *last ^= 1;
    }
}
