//! What an issuing authority signs with: certificates, keys, its seal.

use certs::mint::certificate::{Usage, Validity};
use certs::mint::credential::Credential;
use certs::mint::picture::round_seal;
use certs::mint::pki::DevelopmentPki;
use certs::mint::seal::{SealPicture, SealPlan, make_seal};
use chrono::Duration;
use schemas::verdict::SealVersion;

use super::drawing::Area;
use super::{Format, Layout, MintError, MintOptions, Spoil};

/// What an issuing authority needs to sign its licences: its certificates and its seal.
#[derive(Clone, Debug)]
pub struct SealKit {
    pki: DevelopmentPki,
    organisation: String,
    uscc: String,
    signer: Credential,
    /// Certificate for licences that are signed with RSA.
    rsa_signer: Option<Credential>,
    picture: SealPicture,
    validity: Validity,
}

/// Who acts in one file: those who should, or those of the fault.
pub(super) struct Actors {
    pki: DevelopmentPki,
    /// Who signs.
    pub(super) signer: Credential,
    /// Who may sign with the seal.
    listed: Credential,
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
            rsa_signer: None,
            picture: round_seal()?,
            validity,
        })
    }

    /// The same with an RSA certificate too, if it has none yet.
    ///
    /// # Errors
    /// [`MintError::Pki`] when the PKI has no RSA root or a key cannot be made.
    pub fn with_rsa(mut self) -> Result<Self, MintError> {
        if self.rsa_signer.is_none() {
            let (name, uscc, usage) = (&self.organisation, &self.uscc, Usage::Signing);
            let signer = self
                .pki
                .issue_rsa_signer(name, uscc, self.validity, usage)?;
            self.rsa_signer = Some(signer);
        }
        Ok(self)
    }

    /// The authority's certificate and key.
    #[must_use]
    pub const fn signer(&self) -> &Credential {
        &self.signer
    }

    /// All its certificates with their keys.
    pub fn signers(&self) -> impl Iterator<Item = &Credential> {
        [&self.signer].into_iter().chain(&self.rsa_signer)
    }

    /// Its name.
    pub(super) fn organisation(&self) -> &str {
        &self.organisation
    }

    /// Box of the seal on the page.
    pub(super) fn seal_area(&self, layout: Layout) -> Area {
        let (width, height) = (self.picture.width_mm, self.picture.height_mm);
        layout.seal_area(width.into(), height.into())
    }

    /// Those who act in this file.
    pub(super) fn actors(&self, options: &MintOptions) -> Result<Actors, MintError> {
        let is_rsa = options.format == Format::PdfRsa;
        let rightful = if is_rsa {
            let missing = MintError::Unsuitable("the authority has no RSA certificate");
            self.rsa_signer.as_ref().ok_or(missing)?
        } else {
            &self.signer
        };
        let pki = match options.spoil {
            Some(Spoil::Untrusted) if is_rsa => self.pki.twin(options.at)?.with_rsa(options.at)?,
            Some(Spoil::Untrusted) => self.pki.twin(options.at)?,
            _ => self.pki.clone(),
        };
        let fault = options.spoil.and_then(|spoil| spoil.signer(options.at));
        let signer = match fault {
            None => rightful.clone(),
            Some((validity, usage)) => {
                let issue = if is_rsa {
                    DevelopmentPki::issue_rsa_signer
                } else {
                    DevelopmentPki::issue_signer
                };
                issue(&pki, &self.organisation, &self.uscc, validity, usage)?
            }
        };
        let is_stolen = options.spoil == Some(Spoil::UnlistedSigner);
        let listed = if is_stolen { rightful } else { &signer };
        Ok(Actors {
            listed: listed.clone(),
            pki,
            signer,
        })
    }

    /// The seal as a file, `Seal.esl`.
    pub(super) fn seal(
        &self,
        actors: &Actors,
        options: &MintOptions,
        version: SealVersion,
    ) -> Result<Vec<u8>, MintError> {
        // Identifier of the seal (`esID`) \[P\]: the authority's code and a running number.
        self.seal_with_id(actors, options, version, &format!("{}01", self.uscc))
    }

    /// Another seal of the same authority.
    pub(super) fn other_seal(
        &self,
        actors: &Actors,
        options: &MintOptions,
        version: SealVersion,
    ) -> Result<Vec<u8>, MintError> {
        self.seal_with_id(actors, options, version, "OTHERSEAL")
    }

    fn seal_with_id(
        &self,
        actors: &Actors,
        options: &MintOptions,
        version: SealVersion,
        id: &str,
    ) -> Result<Vec<u8>, MintError> {
        let faults = options.spoil.map(Spoil::seal_faults).unwrap_or_default();
        let has_ended = options.spoil == Some(Spoil::ExpiredSeal);
        let validity = if has_ended {
            Validity {
                from: options.at - Duration::days(3 * 365),
                until: options.at - Duration::days(1),
            }
        } else {
            self.validity
        };
        let plan = SealPlan {
            id,
            name: &format!("{}电子印章", self.organisation),
            picture: &self.picture,
            signers: &[actors.listed.certificate()],
            created_at: validity.from,
            validity,
        };
        Ok(make_seal(actors.pki.maker(), &plan, version, &faults)?)
    }
}
