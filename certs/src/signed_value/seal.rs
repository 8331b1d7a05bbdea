//! Type `Seal`: `SES_Signature`, the seal in it, its maker and its signer.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemas::seal::{Seal, SealSignature, SignerList, SigningTime};
use schemas::verdict::{
    CertificateRole, CheckResult, Checks, FindingCode, SealUse, SealVersion, SignatureKind,
};

use super::signer::{
    Moment, SignatureToCheck, check_data_hash, check_revocation, check_signature, check_signer,
    check_time, path_text,
};
use super::stamp::{self, SignedAt, Token};
use super::{Question, SignatureClaim, SignatureFindings, known_seal};
use crate::certificate::Certificate;
use crate::digest::DigestAlgorithm;
use crate::message::Message;
use crate::path::{self, Chain, PathError};

/// The checks of GB/T 38540-2020 on a signature and its seal (ARCHITECTURE.md, Standards).
pub(crate) fn check(
    signed_value: &[u8],
    claim: &SignatureClaim<'_>,
    question: &Question<'_>,
) -> SignatureFindings {
    let malformed = |detail| SignatureFindings::malformed(SignatureKind::Seal, detail);
    let signature = match SealSignature::parse(signed_value) {
        Ok(signature) => signature,
        Err(cause) => return malformed(format!("not an e-seal signature: {cause}")),
    };
    let seal = &signature.seal;
    let signer = match Certificate::shared(signature.certificate) {
        Ok(certificate) => certificate,
        Err(cause) => return malformed(format!("the signer's certificate: {cause}")),
    };
    let known = match known_seal::known(seal) {
        Ok(known) => known,
        Err(cause) => return malformed(format!("the seal maker's certificate: {cause}")),
    };
    let maker = &known.maker;
    let mut findings = SignatureFindings {
        seal_version: Some(seal.version),
        signer: Some(signer.subject_text().to_owned()),
        signer_organisation: signer.organisation().map(str::to_owned),
        seal_name: Some(seal.name.to_owned()),
        seal: Some(seal_use(seal, known.digest, &signer)),
        ..SignatureFindings::new(SignatureKind::Seal)
    };
    let checks = &mut findings.checks;
    checks.pass(FindingCode::SvMalformed, form_text(&signature));
    check_form(checks, &signature, claim);
    check_data_hash(
        checks,
        signature.data_hash,
        claim.signed,
        signature.algorithm,
    );
    check_property_info(checks, signature.property_info, claim.signature_xml_path);
    check_signature(
        checks,
        &SignatureToCheck {
            code: FindingCode::SigInvalid,
            role: "signer",
            certificate: &signer,
            algorithm: signature.algorithm,
            digest: None,
            parameters: None,
            messages: &[(
                "the signed part as it stands in the file",
                signature.signed_bytes,
            )],
            begins: known.begins(signature.signed_bytes, seal.raw),
            signature: signature.signature,
        },
    );
    let carried = [Arc::clone(maker)];
    let times = check_stamps(checks, &signature, claim, &carried, question);
    let signed_at = times.counts();
    findings.signed_at = signed_at;
    findings.proven_at = times.proven;
    findings.certificates = check_signer(checks, &signer, &carried, times, question);
    findings
        .certificates
        .push(maker.report(CertificateRole::SealMaker));
    check_list(checks, &seal.signers, &signer);
    checks.extend(known.maker_signature.clone());
    check_maker(checks, seal, maker, &signer, signed_at, question);
    check_seal_period(checks, seal, signed_at);
    checks.skip(
        FindingCode::SealRevoked,
        "no status of this seal was supplied",
    );
    check_time(checks, times.stated, claim, question);
    findings
}

fn seal_use(seal: &Seal<'_>, digest: [u8; 32], signer: &Certificate) -> SealUse {
    SealUse {
        seal_sm3: hex::encode(digest),
        es_id: seal.id.to_owned(),
        signer_sm3: signer.fingerprint(),
    }
}

/// When it was signed, by `timeInfo` and by the timestamps over the signature (V4, V5) and over the
/// maker's (V5).
///
/// `\[P\]` profile: the standards say "over the signature value". That is taken for its octets, as
/// RFC 3161 appendix A has it, and also for the BIT STRING that holds them. A token in the place of
/// `timeInfo` (V1) is for what is signed, or for its digest.
fn check_stamps(
    checks: &mut Checks,
    signature: &SealSignature<'_>,
    claim: &SignatureClaim<'_>,
    carried: &[Arc<Certificate>],
    question: &Question<'_>,
) -> SignedAt {
    let stated = match signature.time {
        SigningTime::Instant(instant) => Some(instant),
        SigningTime::Token(bytes) => {
            let token = Token {
                role: "timeInfo",
                bytes,
                readings: &[claim.signed, Message::of(signature.data_hash)],
                carried,
            };
            stamp::stated(checks, &token, question)
        }
        SigningTime::Unreadable => None,
    };
    let proven = signature.time_stamp.and_then(|bytes| {
        let token = Token {
            role: "signer",
            bytes,
            readings: &[
                Message::of(signature.signature),
                Message::of(signature.signature_element),
            ],
            carried,
        };
        stamp::proven(checks, &token, stated, question)
    });
    let signed_at = SignedAt { stated, proven };
    let seal = &signature.seal;
    if let Some(bytes) = seal.time_stamp {
        let token = Token {
            role: "seal maker",
            bytes,
            readings: &[
                Message::of(seal.signature),
                Message::of(seal.signature_element),
            ],
            carried,
        };
        let sealed = stamp::proven(checks, &token, Some(seal.created), question);
        // The signer signed the stamped seal.
        let latest = signed_at
            .counts()
            .map(|at| at + question.options.clock_skew);
        if let (Some(sealed), Some(latest)) = (sealed, latest)
            && sealed > latest
        {
            let detail = format!(
                "the seal was stamped {}, after its use",
                sealed.to_rfc3339()
            );
            checks.fail(FindingCode::TimestampOrderFailure, detail);
        }
    }
    signed_at
}

fn form_text(signature: &SealSignature<'_>) -> String {
    let layout = match signature.seal.version {
        SealVersion::V1 => "GM/T 0031-2014",
        SealVersion::V4 => "GB/T 38540-2020",
        SealVersion::V5 => "GM/T 0031-2025",
    };
    format!("an e-seal signature in the layout of {layout}")
}

/// `HEADER_VERSION`, `PADBITS` and `SEAL_MISMATCH`.
fn check_form(checks: &mut Checks, signature: &SealSignature<'_>, claim: &SignatureClaim<'_>) {
    let seal = &signature.seal;
    let header = format!("the header says version {}", seal.header.version);
    if seal.header_agrees() {
        checks.pass(FindingCode::HeaderVersion, header);
    } else {
        let detail = format!("{header}, the structure is another");
        checks.warn(FindingCode::HeaderVersion, CheckResult::Fail, detail);
    }
    if signature.has_padding_bits || seal.has_padding_bits {
        checks.warn(
            FindingCode::PadBits,
            CheckResult::Fail,
            "a BIT STRING claims unused bits although its octets are full; taken as they are",
        );
    }
    match claim.seal_file {
        None => checks.skip(
            FindingCode::SealMismatch,
            "the signature names no seal file",
        ),
        Some(file) if file == seal.raw => {
            checks.pass(
                FindingCode::SealMismatch,
                "the seal file equals the embedded seal",
            );
        }
        Some(_) => checks.fail(
            FindingCode::SealMismatch,
            "the seal file is not the seal that the signature was made with",
        ),
    }
}

/// Real files leave it empty or put other text there, so a difference is only a warning.
fn check_property_info(checks: &mut Checks, property_info: &[u8], path: Option<&str>) {
    // In a PDF nothing says what should stand there.
    let Some(path) = path else { return };
    let relative = path.trim_start_matches('/').as_bytes();
    if property_info.strip_prefix(b"/").unwrap_or(property_info) == relative {
        checks.pass(
            FindingCode::PropertyInfo,
            "propertyInfo names the signature file",
        );
    } else {
        checks.warn(
            FindingCode::PropertyInfo,
            CheckResult::Fail,
            "propertyInfo does not name the signature file",
        );
    }
}

fn check_list(checks: &mut Checks, list: &SignerList<'_>, signer: &Certificate) {
    let (is_listed, entries) = match list {
        SignerList::Certificates(certificates) => {
            (certificates.contains(&signer.der()), certificates.len())
        }
        SignerList::Digests(digests) => {
            // A seal may list thousands, and the certificate may be long.
            let mut known: HashMap<DigestAlgorithm, Vec<u8>> = HashMap::new();
            let is_listed = digests.iter().any(|listed| {
                DigestAlgorithm::parse(listed.algorithm).is_some_and(|digest| {
                    let own = known.entry(digest);
                    own.or_insert_with(|| digest.digest(signer.der())) == listed.value
                })
            });
            (is_listed, digests.len())
        }
    };
    if is_listed {
        let detail = format!("the signer is one of {entries} whom the seal lists");
        checks.pass(FindingCode::SignerNotInList, detail);
    } else {
        let detail = format!("the signer is none of the {entries} whom the seal lists");
        checks.fail(FindingCode::SignerNotInList, detail);
    }
}

/// The maker signed the seal at some moment between the date written in it and the first use of
/// it, so its certificate must have been valid at one: from then on the seal outlives it.
/// Path and revocation are judged at the earliest such moment.
///
/// `\[P\]` profile: a listed maker is trusted as such. Without any listed maker, one with a path to
/// an anchor is, with a warning, unless it is the signer or its key may not sign: whoever has two
/// certificates of these CAs could make seals.
fn check_maker(
    checks: &mut Checks,
    seal: &Seal<'_>,
    maker: &Arc<Certificate>,
    signer: &Certificate,
    signed_at: Option<DateTime<Utc>>,
    question: &Question<'_>,
) {
    let made = seal.created.max(maker.not_before());
    let chain = path::build(maker, &[], question.trust, made, question.effort);
    let moment = Moment {
        at: made,
        proven: None,
    };
    let is_listed = question.trust.is_seal_maker(maker);
    match maker_doubt(maker, signer, &chain, question) {
        None if is_listed => {
            let detail = format!("{} is a trusted seal maker", maker.subject_text());
            checks.pass(FindingCode::UntrustedMaker, detail);
        }
        None => {
            let path = chain
                .as_ref()
                .map_or_else(ToString::to_string, |chain| path_text("seal maker", chain));
            let detail = format!(
                "{path}; no seal makers are listed as trusted, so any signer of these CAs counts \
                 as one: add the certificates of the true makers"
            );
            checks.warn(FindingCode::UntrustedMaker, CheckResult::Pass, detail);
        }
        Some(doubt) => checks.unknown(FindingCode::UntrustedMaker, doubt),
    }
    let detail = format!(
        "seal dated {}; the maker's certificate is valid from {} to {}",
        seal.created.to_rfc3339(),
        maker.not_before().to_rfc3339(),
        maker.not_after().to_rfc3339()
    );
    if made <= maker.not_after() && made <= signed_at.unwrap_or(question.options.at) {
        checks.pass(FindingCode::MakerCertTime, detail);
    } else {
        checks.fail(FindingCode::MakerCertTime, detail);
    }
    if chain.is_err() && is_listed {
        let detail = "a listed seal maker without a path: taking it off the list revokes it";
        checks.skip(FindingCode::UntrustedMaker, detail);
    } else {
        let code = FindingCode::UntrustedMaker;
        check_revocation(checks, code, "seal maker", chain, &moment, question);
    }
}

/// Why a maker may not be trusted; none when it may.
fn maker_doubt(
    maker: &Certificate,
    signer: &Certificate,
    chain: &Result<Chain, PathError>,
    question: &Question<'_>,
) -> Option<String> {
    let subject = maker.subject_text();
    if !maker.may_sign_documents() {
        Some(format!("the key of {subject} may not sign documents"))
    } else if question.trust.is_seal_maker(maker) {
        None
    } else if question.trust.lists_seal_makers() {
        Some(format!("{subject} is not among the trusted seal makers"))
    } else if let Err(cause) = chain {
        Some(format!("no path from the seal maker {subject}: {cause}"))
    } else if maker.der() == signer.der() {
        Some("the signer made this seal without being a listed seal maker".to_owned())
    } else {
        None
    }
}

fn check_seal_period(checks: &mut Checks, seal: &Seal<'_>, signed_at: Option<DateTime<Utc>>) {
    let Some(signed_at) = signed_at else {
        checks.unknown(FindingCode::SealPeriod, "no readable signing time");
        return;
    };
    let detail = format!(
        "signed {}; the seal is valid from {} to {}",
        signed_at.to_rfc3339(),
        seal.valid_from.to_rfc3339(),
        seal.valid_until.to_rfc3339()
    );
    if seal.valid_from <= signed_at && signed_at <= seal.valid_until {
        checks.pass(FindingCode::SealPeriod, detail);
    } else {
        checks.fail(FindingCode::SealPeriod, detail);
    }
}
