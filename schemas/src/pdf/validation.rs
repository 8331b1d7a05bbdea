//! Validation data that a file carries along: the document security store
//! (ISO 32000-2:2020 §12.8.4.3).

use super::document::Document;
use super::object::{Dictionary, Indirect, Object};
use super::{PdfError, limits};

/// Certificates and revocation lists in DER, as they stand in the file: nothing is trusted yet.
#[derive(Clone, Debug, Default)]
pub struct ValidationData {
    /// Certificates.
    pub certificates: Vec<Vec<u8>>,
    /// Revocation lists.
    pub lists: Vec<Vec<u8>>,
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
    Ok(ValidationData {
        certificates: streams(document, &store, "Certs")?,
        lists: streams(document, &store, "CRLs")?,
    })
}

fn streams(
    document: &Document<'_>,
    store: &Dictionary,
    key: &'static str,
) -> Result<Vec<Vec<u8>>, PdfError> {
    let items = document.array(store, key, document.last())?;
    let references = items.iter().filter_map(Object::reference);
    let (mut found, mut total) = (Vec::new(), 0);
    for id in references.take(limits::VALIDATION_ITEMS) {
        if let Some(Indirect::Stream(stream)) = document.object(id, document.last())?
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
