//! Validation data that a file carries along: the document security store
//! (ISO 32000-2:2020 §12.8.4.3).

use std::collections::BTreeSet;

use super::document::Document;
use super::object::{Dictionary, Indirect, Object, ObjectId};
use super::{PdfError, limits};

/// Certificates, revocation lists and OCSP responses in DER, as they stand in the file: nothing is
/// trusted yet.
#[derive(Clone, Debug, Default)]
pub struct ValidationData {
    /// Certificates.
    pub certificates: Vec<Vec<u8>>,
    /// Revocation lists.
    pub lists: Vec<Vec<u8>>,
    /// OCSP responses.
    pub responses: Vec<Vec<u8>>,
}

/// What the store of the last revision holds. Streams that cannot be read are passed over: the
/// store is a help, and nothing is believed because it stands there.
#[must_use]
pub fn carried(document: &Document<'_>) -> ValidationData {
    read(document).unwrap_or_default()
}

fn read(document: &Document<'_>) -> Result<ValidationData, PdfError> {
    let last = document.last();
    let (_, catalog) = document.catalog(last)?;
    let Some(store) = document.dictionary(&catalog, "DSS", last)? else {
        return Ok(ValidationData::default());
    };
    let mut certificates = references(document, &store, "Certs")?;
    let mut lists = references(document, &store, "CRLs")?;
    let mut responses = references(document, &store, "OCSPs")?;
    // What each signature needed, under names that nothing depends on: mostly the same streams.
    let per_signature = document
        .dictionary(&store, "VRI", last)?
        .unwrap_or_default();
    for (_, entry) in per_signature.iter().take(limits::SIGNATURES) {
        if let Object::Dictionary(entry) = document.resolve(entry, last)? {
            certificates.extend(references(document, &entry, "Cert")?);
            lists.extend(references(document, &entry, "CRL")?);
            responses.extend(references(document, &entry, "OCSP")?);
        }
    }
    Ok(ValidationData {
        certificates: streams(document, &certificates)?,
        lists: streams(document, &lists)?,
        responses: streams(document, &responses)?,
    })
}

fn references(
    document: &Document<'_>,
    of: &Dictionary,
    key: &'static str,
) -> Result<Vec<ObjectId>, PdfError> {
    let items = document.array(of, key, document.last())?;
    Ok(items.iter().filter_map(Object::reference).collect())
}

/// The streams, each once, up to the limit.
fn streams(document: &Document<'_>, ids: &[ObjectId]) -> Result<Vec<Vec<u8>>, PdfError> {
    let (mut seen, mut found, mut total) = (BTreeSet::new(), Vec::new(), 0);
    for id in ids {
        if seen.len() == limits::VALIDATION_ITEMS || !seen.insert(*id) {
            continue;
        }
        if let Some(Indirect::Stream(stream)) = document.object(*id, document.last())?
            && let Ok(bytes) = document.decode(&stream)
        {
            total += bytes.len();
            if total > limits::VALIDATION_BYTES {
                break;
            }
            found.push(bytes);
        }
    }
    Ok(found)
}
