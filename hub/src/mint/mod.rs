//! Minting: sealed OFD licences that look like licences, for the demo, tests and benchmarks.
//!
//! Nobody in them is real: authorities, companies and people are named as samples, and every
//! page says that it has no legal effect. Keys and seals come from [`certs::mint`].
//!
//! * [`SealKit`], [`mint_licence`], [`mint_file`]: one sealed file
//! * [`Spoil`]: faults to make on purpose
//! * [`sample_entries`]: a province's licences
//! * [`mint_library`], [`write_library`]: a library as a folder, with entries and files

mod border;
mod document;
mod drawing;
mod face;
mod layout;
mod library;
mod package;
mod sample;
mod spoil;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use certs::mint::certificate::{Usage, Validity};
use certs::mint::credential::Credential;
use certs::mint::picture::round_seal;
use certs::mint::pki::DevelopmentPki;
use certs::mint::seal::{SealPicture, SealPlan, SigningInput, make_seal, sign_with_seal};
use certs::mint::signed_data::sign_data;
use chrono::{DateTime, Duration, Utc};
use schemas::entry::{Entry, EntryError};
use schemas::holder_type::HolderCategory;
use schemas::verdict::{SealVersion, SignatureKind};

pub use self::layout::Layout;
pub use self::library::{LibraryItem, LibraryPlan, mint_library, write_library};
pub use self::sample::sample_entries;
pub use self::spoil::Spoil;

use self::document::{Document, document};
use self::package::{
    Parts, SCAN, SEAL, SIGNATURE, SIGNATURES, SIGNED_VALUE, Stamp, signature_description,
    signature_list,
};

/// Why a licence or a library could not be minted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// A key, certificate or picture.
    #[error(transparent)]
    Pki(#[from] certs::mint::MintError),
    /// The container could not be written.
    #[error("package cannot be written")]
    Package(#[from] zip::result::ZipError),
    /// The sample data contradicts itself.
    #[error("sample data: {0}")]
    Sample(String),
    /// An entry is not one.
    #[error("sample entry")]
    Entry(#[from] EntryError),
    /// A fault of seals was asked for in a plain signature, or a kind that OFD does not have.
    #[error("{0}")]
    Unsuitable(&'static str),
    /// A file could not be written.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What an issuing authority needs to seal its licences: its certificate and its seal.
#[derive(Clone, Debug)]
pub struct SealKit {
    pki: DevelopmentPki,
    organisation: String,
    uscc: String,
    signer: Credential,
    picture: SealPicture,
    validity: Validity,
}

/// How one file is to be made.
#[derive(Clone, Copy, Debug)]
pub struct MintOptions {
    /// A4 upright or lying.
    pub layout: Layout,
    /// With a seal or with a plain signature.
    pub kind: SignatureKind,
    /// Layout of the seal.
    pub version: SealVersion,
    /// Signing time.
    pub at: DateTime<Utc>,
    /// The fault to make, if any.
    pub spoil: Option<Spoil>,
    /// Bytes of a scanned original that the file carries under its seal; 0 for none.
    pub scan_bytes: usize,
}

/// A sealed licence as the bytes of an OFD file. The same input gives the same bytes.
///
/// # Errors
/// [`MintError`] when a key cannot sign or the package cannot be written.
pub fn mint_licence(
    entry: &Entry,
    layout: Layout,
    seal: &SealKit,
    version: SealVersion,
    at: DateTime<Utc>,
) -> Result<Vec<u8>, MintError> {
    let kind = SignatureKind::Seal;
    mint_file(
        entry,
        seal,
        &MintOptions {
            layout,
            kind,
            version,
            at,
            spoil: None,
            scan_bytes: 0,
        },
    )
}

/// A licence file made as `options` say, faults included.
///
/// # Errors
/// [`MintError`], also when the fault does not fit the kind of signature.
pub fn mint_file(
    entry: &Entry,
    seal: &SealKit,
    options: &MintOptions,
) -> Result<Vec<u8>, MintError> {
    let mut document = document(entry, options)?;
    if options.scan_bytes > 0 {
        document.parts.put(SCAN, scan(options.scan_bytes));
    }
    if options.spoil == Some(Spoil::Unsigned) {
        return document.parts.zip();
    }
    let mut parts = match options.kind {
        SignatureKind::Seal => sealed(document, seal, options)?,
        SignatureKind::Sign if options.spoil.is_some_and(Spoil::is_about_seals) => {
            return Err(MintError::Unsuitable(
                "a plain signature has no seal to spoil",
            ));
        }
        SignatureKind::Sign => signed(document, seal, options)?,
        SignatureKind::Cms | SignatureKind::Timestamp => {
            return Err(MintError::Unsuitable(
                "an OFD has seals and plain signatures only",
            ));
        }
    };
    if let Some(spoil) = options.spoil {
        spoil.change_parts(&mut parts);
    }
    parts.zip()
}

impl Layout {
    /// The layout that suits an entry: lying for an organisation's licence without a term, else
    /// upright.
    #[must_use]
    pub fn for_entry(entry: &Entry) -> Self {
        let organisation = |holder: &schemas::entry::Holder| {
            holder.code_type.category() == HolderCategory::Organisation
        };
        let long_term = !matches!(
            entry.public.valid_until,
            Some(schemas::date::ValidUntil::Date(_)),
        );
        if long_term && entry.private.holders.iter().all(organisation) {
            Self::Landscape
        } else {
            Self::Portrait
        }
    }
}

impl SealKit {
    /// Issues a certificate to the authority and draws its seal; both count for `validity`.
    ///
    /// # Errors
    /// [`MintError::Pki`] when a key cannot be made.
    pub fn new(
        pki: &DevelopmentPki,
        organisation: &str,
        uscc: &str,
        validity: Validity,
    ) -> Result<Self, MintError> {
        Ok(Self {
            pki: pki.clone(),
            organisation: organisation.to_owned(),
            uscc: uscc.to_owned(),
            signer: pki.issue_signer(organisation, uscc, validity, Usage::Signing)?,
            picture: round_seal()?,
            validity,
        })
    }

    /// The authority's certificate and key.
    #[must_use]
    pub const fn signer(&self) -> &Credential {
        &self.signer
    }

    /// The seal as a file, `Seal.esl`.
    fn seal(
        &self,
        issuer: &DevelopmentPki,
        options: &MintOptions,
        listed: &Credential,
        id: &str,
    ) -> Result<Vec<u8>, MintError> {
        let faults = options.spoil.map(Spoil::seal_faults).unwrap_or_default();
        let ended = options.spoil == Some(Spoil::ExpiredSeal);
        let validity = if ended {
            let from = options.at - Duration::days(3 * 365);
            Validity {
                from,
                until: options.at - Duration::days(1),
            }
        } else {
            self.validity
        };
        let plan = SealPlan {
            id,
            name: &format!("{}电子印章", self.organisation),
            picture: &self.picture,
            signers: &[listed.certificate()],
            created_at: validity.from,
            validity,
        };
        Ok(make_seal(issuer.maker(), &plan, options.version, &faults)?)
    }

    /// PKI and signer that act in this file: the rightful ones, or those of the fault.
    fn actors(&self, options: &MintOptions) -> Result<(DevelopmentPki, Credential), MintError> {
        let pki = match options.spoil {
            Some(Spoil::Untrusted) => self.pki.twin(options.at)?,
            _ => self.pki.clone(),
        };
        let other = options
            .spoil
            .map(|spoil| spoil.signer(&pki, &self.organisation, &self.uscc, options.at))
            .transpose()?
            .flatten();
        Ok((pki, other.unwrap_or_else(|| self.signer.clone())))
    }

    /// Identifier of the seal (`esID`) \[P\]: the authority's code and a running number.
    fn seal_id(&self) -> String {
        format!("{}01", self.uscc)
    }
}

/// Something like a picture: bytes that nothing makes shorter, always the same.
fn scan(bytes: usize) -> Vec<u8> {
    let blocks = (0_u64..).flat_map(|block| certs::digest::sm3(&block.to_be_bytes()));
    blocks.take(bytes).collect()
}

fn sealed(document: Document, kit: &SealKit, options: &MintOptions) -> Result<Parts, MintError> {
    let (pki, signer) = kit.actors(options)?;
    let stolen = options.spoil == Some(Spoil::UnlistedSigner);
    let listed = if stolen { &kit.signer } else { &signer };
    let seal = kit.seal(&pki, options, listed, &kit.seal_id())?;
    let (width, height) = (
        f64::from(kit.picture.width_mm),
        f64::from(kit.picture.height_mm),
    );
    let stamp = Stamp {
        page: document.page,
        id: document.stamp,
        area: options.layout.seal_area(width, height),
    };
    let mut parts = document.parts;
    parts.put_xml(SIGNATURES, &signature_list("Seal"));
    parts.put(SEAL, seal.clone());
    let uncovered = options.spoil.and_then(Spoil::uncovered);
    let description = signature_description(&parts, Some(&stamp), uncovered, options.at);
    parts.put_xml(SIGNATURE, &description);
    let path = format!("/{SIGNATURE}");
    let signature_xml = parts.part(SIGNATURE).unwrap_or_default();
    let input = SigningInput {
        signature_xml,
        signature_xml_path: &path,
        at: options.at,
    };
    let faults = options.spoil.map(Spoil::seal_faults).unwrap_or_default();
    let value = sign_with_seal(&seal, &signer, &input, options.version, &faults)?;
    parts.put(SIGNED_VALUE, value);
    if options.spoil == Some(Spoil::SwappedSealFile) {
        parts.put(SEAL, kit.seal(&pki, options, listed, "OTHERSEAL")?);
    }
    Ok(parts)
}

fn signed(document: Document, kit: &SealKit, options: &MintOptions) -> Result<Parts, MintError> {
    let (_, signer) = kit.actors(options)?;
    let mut parts = document.parts;
    parts.put_xml(SIGNATURES, &signature_list("Sign"));
    let uncovered = options.spoil.and_then(Spoil::uncovered);
    let description = signature_description(&parts, None, uncovered, options.at);
    parts.put_xml(SIGNATURE, &description);
    let faults = options.spoil.map(Spoil::seal_faults).unwrap_or_default();
    let signature_xml = parts.part(SIGNATURE).unwrap_or_default();
    let value = sign_data(&signer, signature_xml, &faults)?;
    parts.put(SIGNED_VALUE, value);
    Ok(parts)
}
