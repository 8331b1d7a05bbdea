//! Formats of minted files and how they are signed.

use schemas::verdict::{SealVersion, SignatureKind};

/// Format of a file and how it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OFD under an e-seal of this layout.
    OfdSeal(SealVersion),
    /// OFD with a GB/T 35275 signature, without a seal.
    OfdSign,
    /// PDF with a CMS signature (`adbe.pkcs7.detached`): SM2, object identifiers of CMS.
    PdfSm2,
    /// PDF with GB/T 35275 `SignedData` in the place of CMS.
    PdfGb35275,
    /// PDF with an e-seal of this layout in `/Contents`.
    PdfSeal(SealVersion),
    /// PDF with a CMS signature: RSA.
    PdfRsa,
}

impl Format {
    /// Every format with every layout of seals.
    pub const ALL: [Self; 10] = [
        Self::OfdSeal(SealVersion::V1),
        Self::OfdSeal(SealVersion::V4),
        Self::OfdSeal(SealVersion::V5),
        Self::OfdSign,
        Self::PdfSm2,
        Self::PdfGb35275,
        Self::PdfSeal(SealVersion::V1),
        Self::PdfSeal(SealVersion::V4),
        Self::PdfSeal(SealVersion::V5),
        Self::PdfRsa,
    ];

    /// Whether the file is a PDF, else an OFD.
    #[must_use]
    pub const fn is_pdf(self) -> bool {
        !matches!(self, Self::OfdSeal(_) | Self::OfdSign)
    }

    /// Layout of the seal, where it is signed with one.
    #[must_use]
    pub const fn seal_version(self) -> Option<SealVersion> {
        match self {
            Self::OfdSeal(version) | Self::PdfSeal(version) => Some(version),
            Self::OfdSign | Self::PdfSm2 | Self::PdfGb35275 | Self::PdfRsa => None,
        }
    }

    /// Kind of signature, as a verdict says it.
    #[must_use]
    pub const fn signature_kind(self) -> SignatureKind {
        match self {
            Self::OfdSeal(_) | Self::PdfSeal(_) => SignatureKind::Seal,
            Self::OfdSign => SignatureKind::Sign,
            Self::PdfSm2 | Self::PdfGb35275 | Self::PdfRsa => SignatureKind::Cms,
        }
    }

    /// Ending of the file's name.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        if self.is_pdf() { "pdf" } else { "ofd" }
    }
}

/// OFD under a seal of GB/T 38540-2020.
impl Default for Format {
    fn default() -> Self {
        Self::OfdSeal(SealVersion::V4)
    }
}
