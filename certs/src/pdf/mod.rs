//! The PDF verification path (ISO 32000-2:2020 §12.8; EN 319 102-1 for the words of the report):
//! structure → signatures of all revisions → per signature: its place, what it covers, its value,
//! the signer, trust → what later revisions changed.
//!
//! Everything is judged over the original bytes, and read once. Findings carry the subindications
//! of EN 319 102-1: without a trusted time, a certificate that is expired or revoked today leaves
//! the verdict open.

mod changes;
mod cms;
mod coverage;
mod found;
mod metadata;
mod seal;
mod stamp;
mod trust;
mod whole;

use std::borrow::Cow;
use std::io::ErrorKind;
use std::sync::Arc;

use schemas::metadata::Metadata;
use schemas::pdf::PdfError;
use schemas::pdf::document::Document;
use schemas::pdf::signature::SignatureDictionary;
use schemas::pdf::source::{FileBytes, PagedFile};
use schemas::pdf::validation::{self, ValidationData};
use schemas::verdict::{
    CertificateReport, Checks, FileKind, FindingCode, Outcome, SealUse, SealVersion, SignatureKind,
    SignatureReport, Verdict,
};

use chrono::{DateTime, Utc};

use crate::certificate::Certificate;
use crate::digest::DigestAlgorithm;
use crate::effort::Effort;
use crate::message::Message;
use crate::metadata::check_unit;
use crate::revocation::Evidence;
use crate::trust::TrustStore;
use crate::verify::VerifyOptions;

use self::changes::Steps;
use self::found::Found;

/// Verifies a PDF that is not in memory; the verdict is that of the same bytes in memory.
///
/// # Errors
/// Why the file could not be read: that says nothing about it.
pub fn verify(
    file: &PagedFile,
    trust: &TrustStore,
    options: &VerifyOptions<'_>,
) -> Result<Verdict, ErrorKind> {
    let sm3 = Message::whole(FileBytes::Paged(file)).digest(DigestAlgorithm::Sm3);
    verify_digested(
        file,
        &sm3.map(hex::encode).unwrap_or_default(),
        trust,
        options,
    )
}

/// As [`verify`], for a file with this SM3, lower-case hex.
pub(crate) fn verify_digested(
    file: &PagedFile,
    sm3: &str,
    trust: &TrustStore,
    options: &VerifyOptions<'_>,
) -> Result<Verdict, ErrorKind> {
    let verdict = judge(FileBytes::Paged(file), sm3, trust, options);
    // What could not be read was passed over somewhere, or taken for broken.
    file.failure().map_or(Ok(verdict), Err)
}

/// Judges a PDF with this SM3; the semantics are those of ARCHITECTURE.md, Verdicts. The verdict
/// does not count when a part of the file could not be read.
#[must_use]
pub(crate) fn judge(
    file: FileBytes<'_>,
    sm3: &str,
    trust: &TrustStore,
    options: &VerifyOptions<'_>,
) -> Verdict {
    let mut checks = Checks::new();
    let mut reports = Vec::new();
    let verified = verify_into(file, trust, options, &mut checks, &mut reports);
    let signed_metadata = verified.unwrap_or_else(|error| {
        checks.fail(FindingCode::FormatFailure, error.to_string());
        None
    });
    Verdict {
        signed_metadata: signed_metadata.map(Arc::new),
        ..Verdict::conclude(
            FileKind::Pdf,
            options.profile,
            sm3.to_owned(),
            checks,
            reports,
        )
    }
}

/// What a signature is checked with.
pub(crate) struct Context<'c, 'a> {
    document: &'c Document<'a>,
    trust: &'c TrustStore,
    options: &'c VerifyOptions<'c>,
    carried: &'c Carried<'c>,
    effort: &'c Effort,
    /// When the signature is proven to have existed, by a later timestamp over the whole file.
    proven: Option<DateTime<Utc>>,
}

/// What the file carries for checking its signatures, read once.
pub(crate) struct Carried<'c> {
    certificates: Vec<Arc<Certificate>>,
    evidence: Evidence<'c>,
}

impl<'c> Carried<'c> {
    fn read(data: &'c ValidationData) -> Self {
        let certificates = data.certificates.iter();
        let certificates = certificates.filter_map(|der| Certificate::shared(der).ok());
        Self {
            certificates: certificates.collect(),
            evidence: Evidence::read(
                data.lists.iter().map(Vec::as_slice),
                data.responses.iter().map(Vec::as_slice),
            ),
        }
    }
}

/// What a signed value said about itself.
#[derive(Default)]
pub(crate) struct Signer {
    kind: Option<SignatureKind>,
    seal_version: Option<SealVersion>,
    name: Option<String>,
    signed_at: Option<DateTime<Utc>>,
    certificates: Vec<CertificateReport>,
    seal: Option<SealUse>,
    /// Name of the seal.
    seal_name: Option<String>,
    /// Organisation in the signer's certificate.
    organisation: Option<String>,
}

/// Adds checks and reports; answers the metadata that is signed.
fn verify_into(
    file: FileBytes<'_>,
    trust: &TrustStore,
    options: &VerifyOptions<'_>,
    checks: &mut Checks,
    reports: &mut Vec<SignatureReport>,
) -> Result<Option<Metadata>, PdfError> {
    let document = &Document::of(file)?;
    let count = document.revisions().len();
    checks.pass(FindingCode::FormatFailure, format!("revisions: {count}"));
    if document.is_encrypted() {
        let detail = "encrypted: the content cannot be judged";
        checks.unknown(FindingCode::Encrypted, detail);
        return Ok(None);
    }
    let found = found::all(document, checks)?;
    if found.is_empty() && checks.is_broken() {
        return Ok(None);
    }
    if found.is_empty() {
        whole::no_signature(file, checks)?;
        return Ok(None);
    }
    if let Some(at) = document.trailing()? {
        let detail = format!("byte {at}: bytes after the last %%EOF belong to no revision");
        checks.fail(FindingCode::FormatFailure, detail);
    }
    let carried = &validation::carried(document);
    let carried = &Carried::read(carried);
    let mut steps = Steps::new(document, &found);
    let (mut stamped, effort) = (Vec::new(), &Effort::of_a_file());
    // The newest first: a timestamp over the whole file proves that all before it existed.
    for one in found.iter().rev() {
        let context = Context {
            document,
            trust,
            options,
            carried,
            effort,
            proven: existed_at(one.revision, &stamped),
        };
        let report = report(&context, one, &mut steps);
        if report.kind == SignatureKind::Timestamp && report.verdict == Outcome::Valid {
            stamped.extend(report.signed_at.map(|at| (one.revision, at)));
        }
        reports.push(report);
    }
    reports.reverse();
    whole::check(document, &found, reports, checks)?;
    Ok(metadata::check(document, &found, reports, options, checks))
}

/// When what stands in a revision existed at the latest, by timestamps of later revisions.
fn existed_at(revision: usize, stamped: &[(usize, DateTime<Utc>)]) -> Option<DateTime<Utc>> {
    let later = stamped.iter().filter(|(stamp, _)| *stamp > revision);
    later.map(|(_, at)| *at).min()
}

fn report(context: &Context<'_, '_>, found: &Found, steps: &mut Steps<'_, '_>) -> SignatureReport {
    let mut checks = Checks::new();
    let mut signer = Signer::default();
    let mut coverage = coverage::PARTIAL;
    let mut modifications = Vec::new();
    let mut signed_bytes = None;
    match &found.signature {
        Err(error) => {
            let detail = format!("the signature cannot be read: {error}");
            checks.fail(FindingCode::FormatFailure, detail);
        }
        Ok(signature) => {
            if let Some(covered) = coverage::check(context.document, found, signature, &mut checks)
            {
                coverage = covered.word;
                signed_bytes = u64::try_from(covered.end).ok();
                signer = judge_value(context, signature, covered.signed, &mut checks);
                let units = [signer.seal_name.as_deref(), signer.organisation.as_deref()];
                check_unit(units, context.options.expected.as_ref(), &mut checks);
                modifications = steps.judge(found, context.options.profile, &mut checks);
            }
        }
    }
    if found.last_seen != context.document.last() {
        let detail = "a later revision takes this signature away";
        checks.fail(FindingCode::SignatureStripped, detail);
    }
    let verdict = checks.outcome();
    let mut report = SignatureReport {
        id: found.name.clone(),
        kind: signer.kind.unwrap_or(SignatureKind::Cms),
        seal_version: signer.seal_version,
        signer: signer.name,
        signed_at: signer.signed_at,
        verdict,
        indication: String::new(),
        subindication: None,
        signed_bytes,
        coverage: coverage.to_owned(),
        modifications,
        certificates: signer.certificates,
        checks,
        seal: signer.seal,
    };
    report.conclude();
    report
}

/// Judges the signed value by its own shape; `/SubFilter` is a hint that is often wrong.
fn judge_value(
    context: &Context<'_, '_>,
    signature: &SignatureDictionary,
    signed: Message<'_>,
    checks: &mut Checks,
) -> Signer {
    let value = match coverage::without_padding(&signature.contents) {
        Ok(value) => value,
        Err(detail) => {
            checks.fail(FindingCode::FormatFailure, detail);
            return Signer::default();
        }
    };
    if matches!(value, Cow::Owned(_)) {
        let detail = "written in BER: read with definite lengths, what is signed as it stands";
        checks.pass(FindingCode::FormatFailure, detail);
    }
    if coverage::is_content_info(&value) {
        cms::check(context, signature, &value, signed, checks)
    } else {
        seal::check(context, &value, signed, checks)
    }
}

#[cfg(test)]
mod tests;
