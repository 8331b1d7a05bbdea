//! The development PKI: SM2 root → issuing CA → seal maker, signers and nodes; beside it, where
//! asked for, an RSA root → signers.

use std::path::Path;

use ::der::pem::{self, LineEnding};
use chrono::{DateTime, Duration, Utc};

use super::MintError;
use super::certificate::{self, Issuer, Plan, Revocation, Subject, Usage, Validity};
use super::credential::{Credential, write_file};
use super::key::PrivateKey;

/// The authorities count from so many days before they were minted, so that licences may be
/// sealed with past dates.
const AUTHORITY_DAYS_BEFORE: i64 = 10 * 365;
/// The authorities count for so many days after they were minted.
const AUTHORITY_DAYS_AFTER: i64 = 20 * 365;
/// A CRL written by [`DevelopmentPki::save`] is fresh for so many days.
const CRL_DAYS: i64 = 365;
/// What the root's common name adds to the PKI's name.
const ROOT_ROLE: &str = "根证书";
/// What the RSA root's common name adds to the PKI's name.
const RSA_ROLE: &str = " RSA 根证书";
/// File name of the RSA root.
const RSA_ROOT: &str = "rsa-root";
/// Folder of what others are to trust: exactly what `hub verify --trust` is given.
const TRUST: &str = "trust";

/// A root, an issuing authority and a seal maker, with their keys.
#[derive(Clone, Debug)]
pub struct DevelopmentPki {
    root: Credential,
    issuing: Credential,
    maker: Credential,
    /// The root of RSA certificates, which issues them itself.
    rsa_root: Option<Credential>,
}

impl DevelopmentPki {
    /// Makes fresh keys and certificates under names that begin with `name`, counting from ten
    /// years before `at`. Two calls with one name give two roots of the same name and different
    /// keys: an attacker's twin.
    ///
    /// # Errors
    /// [`MintError`] when the system gives no randomness or a key cannot sign.
    pub fn mint(name: &str, at: DateTime<Utc>) -> Result<Self, MintError> {
        let validity = authority_validity(at);
        let subject = |role| authority_subject(name, role);
        let root = self_signed(&subject(ROOT_ROLE), validity, 1, PrivateKey::sm2)?;
        let authority = Usage::Authority { path_length: 0 };
        let issuing = issue(&root, &subject("签发证书"), validity, authority)?;
        let maker = issue(&issuing, &subject("电子印章制作"), validity, Usage::Signing)?;
        Ok(Self {
            root,
            issuing,
            maker,
            rsa_root: None,
        })
    }

    /// The same with an RSA root, if it has none yet: for licences that are signed with RSA.
    ///
    /// # Errors
    /// As [`DevelopmentPki::mint`].
    pub fn with_rsa(mut self, at: DateTime<Utc>) -> Result<Self, MintError> {
        if self.rsa_root.is_none() {
            let subject = authority_subject(self.name(), RSA_ROLE);
            let validity = authority_validity(at);
            self.rsa_root = Some(self_signed(&subject, validity, 0, PrivateKey::rsa)?);
        }
        Ok(self)
    }

    /// Another PKI under the same names with other keys: what a forger would make.
    ///
    /// # Errors
    /// As [`DevelopmentPki::mint`].
    pub fn twin(&self, at: DateTime<Utc>) -> Result<Self, MintError> {
        Self::mint(self.name(), at)
    }

    /// The name that it was minted under.
    fn name(&self) -> &str {
        let root = self.root.common_name();
        root.strip_suffix(ROOT_ROLE).unwrap_or(root)
    }

    /// The self-signed root.
    #[must_use]
    pub const fn root(&self) -> &Credential {
        &self.root
    }

    /// The authority that issues all other certificates.
    #[must_use]
    pub const fn issuing(&self) -> &Credential {
        &self.issuing
    }

    /// The maker of seals.
    #[must_use]
    pub const fn maker(&self) -> &Credential {
        &self.maker
    }

    /// The self-signed root of RSA certificates, where there is one.
    #[must_use]
    pub const fn rsa_root(&self) -> Option<&Credential> {
        self.rsa_root.as_ref()
    }

    /// A certificate for an organisation that signs: `validity` and `usage` as asked, so also
    /// expired ones or ones that must not sign.
    ///
    /// # Errors
    /// [`MintError`] when a key cannot be made or used.
    pub fn issue_signer(
        &self,
        organisation: &str,
        uscc: &str,
        validity: Validity,
        usage: Usage,
    ) -> Result<Credential, MintError> {
        issue(
            &self.issuing,
            &Subject::organisation(organisation, uscc),
            validity,
            usage,
        )
    }

    /// The same with an RSA key, issued by the RSA root.
    ///
    /// # Errors
    /// [`MintError`] when there is no RSA root, or a key cannot be made or used.
    pub fn issue_rsa_signer(
        &self,
        organisation: &str,
        uscc: &str,
        validity: Validity,
        usage: Usage,
    ) -> Result<Credential, MintError> {
        let Some(root) = &self.rsa_root else {
            return Err(MintError::Key {
                of: organisation.to_owned(),
                problem: "the PKI has no RSA root".to_owned(),
            });
        };
        let subject = Subject::organisation(organisation, uscc);
        let key = PrivateKey::rsa(organisation)?;
        issue_for(root, &subject, validity, usage, key)
    }

    /// A certificate for a node on the bus, for the same time as the authorities' own.
    ///
    /// # Errors
    /// [`MintError`] when a key cannot be made or used.
    pub fn issue_node(&self, name: &str, validity: Validity) -> Result<Credential, MintError> {
        self.issue_service("节点（开发测试用）", name, validity, Usage::Node)
    }

    /// A certificate for an authority that stamps times.
    ///
    /// # Errors
    /// [`MintError`] when a key cannot be made or used.
    pub fn issue_stamper(&self, name: &str, validity: Validity) -> Result<Credential, MintError> {
        self.issue_service("时间戳（开发测试用）", name, validity, Usage::Timestamping)
    }

    fn issue_service(
        &self,
        organisation: &str,
        name: &str,
        validity: Validity,
        usage: Usage,
    ) -> Result<Credential, MintError> {
        let subject = Subject {
            organisation: organisation.to_owned(),
            uscc: None,
            common_name: name.to_owned(),
        };
        issue(&self.issuing, &subject, validity, usage)
    }

    /// CRL of the issuing authority, DER.
    ///
    /// # Errors
    /// [`MintError`] when the key cannot sign.
    pub fn crl(
        &self,
        revoked: &[Revocation],
        this_update: DateTime<Utc>,
        next_update: DateTime<Utc>,
    ) -> Result<Vec<u8>, MintError> {
        certificate::crl(&self.issuing, revoked, this_update, next_update)
    }

    /// CRL of the root, DER: it has revoked nothing.
    ///
    /// # Errors
    /// [`MintError`] when the key cannot sign.
    pub fn root_crl(
        &self,
        this_update: DateTime<Utc>,
        next_update: DateTime<Utc>,
    ) -> Result<Vec<u8>, MintError> {
        certificate::crl(&self.root, &[], this_update, next_update)
    }

    /// CRL of the RSA root, DER, where there is one.
    ///
    /// # Errors
    /// [`MintError`] when the key cannot sign.
    pub fn rsa_crl(
        &self,
        revoked: &[Revocation],
        this_update: DateTime<Utc>,
        next_update: DateTime<Utc>,
    ) -> Result<Option<Vec<u8>>, MintError> {
        let crl = |root| certificate::crl(root, revoked, this_update, next_update);
        self.rsa_root.as_ref().map(crl).transpose()
    }

    /// Writes `trust/` (roots, issuing authority, seal maker, their CRLs as of `at` with the
    /// given revocations) and `keys/` below `dir`.
    ///
    /// # Errors
    /// [`MintError`] when a file cannot be written.
    pub fn save(
        &self,
        dir: &Path,
        revoked: &[Revocation],
        at: DateTime<Utc>,
    ) -> Result<(), MintError> {
        self.root.save(dir, TRUST, "root")?;
        self.issuing.save(dir, TRUST, "issuing")?;
        self.maker.save(dir, TRUST, "seal-maker")?;
        let next_update = at + Duration::days(CRL_DAYS);
        let mut crls = vec![
            ("root-crl", self.root_crl(at, next_update)?),
            ("issuing-crl", self.crl(revoked, at, next_update)?),
        ];
        if let Some(root) = &self.rsa_root {
            root.save(dir, TRUST, RSA_ROOT)?;
            let crl = self.rsa_crl(revoked, at, next_update)?;
            crls.extend(crl.map(|crl| ("rsa-root-crl", crl)));
        }
        for (name, crl) in crls {
            let text = pem::encode_string("X509 CRL", LineEnding::LF, &crl).map_err(|problem| {
                MintError::Certificate {
                    of: name.to_owned(),
                    problem: problem.to_string(),
                }
            })?;
            write_file(
                &dir.join(TRUST).join(format!("{name}.pem")),
                text.as_bytes(),
                0o644,
            )?;
        }
        Ok(())
    }

    /// Reads back what [`DevelopmentPki::save`] wrote.
    ///
    /// # Errors
    /// [`MintError`] when a file is missing, unreadable, or a key is not its certificate's.
    pub fn load(dir: &Path) -> Result<Self, MintError> {
        let has_rsa = dir.join(TRUST).join(format!("{RSA_ROOT}.pem")).exists();
        Ok(Self {
            root: Credential::load(dir, TRUST, "root")?,
            issuing: Credential::load(dir, TRUST, "issuing")?,
            maker: Credential::load(dir, TRUST, "seal-maker")?,
            rsa_root: has_rsa
                .then(|| Credential::load(dir, TRUST, RSA_ROOT))
                .transpose()?,
        })
    }
}

fn authority_validity(at: DateTime<Utc>) -> Validity {
    Validity {
        from: at - Duration::days(AUTHORITY_DAYS_BEFORE),
        until: at + Duration::days(AUTHORITY_DAYS_AFTER),
    }
}

fn authority_subject(name: &str, role: &str) -> Subject {
    Subject {
        organisation: format!("{name}（开发测试用）"),
        uscc: None,
        common_name: format!("{name}{role}"),
    }
}

fn self_signed(
    subject: &Subject,
    validity: Validity,
    path_length: u8,
    generate: fn(&str) -> Result<PrivateKey, MintError>,
) -> Result<Credential, MintError> {
    let secret = generate(&subject.common_name)?;
    let plan = Plan {
        subject,
        key: &secret,
        validity,
        usage: Usage::Authority { path_length },
    };
    let issuer = Issuer {
        name: &subject.name(),
        secret: &secret,
    };
    let certificate = certificate::certificate(&plan, &issuer)?;
    Credential::new(certificate, secret)
}

fn issue(
    authority: &Credential,
    subject: &Subject,
    validity: Validity,
    usage: Usage,
) -> Result<Credential, MintError> {
    let secret = PrivateKey::sm2(&subject.common_name)?;
    issue_for(authority, subject, validity, usage, secret)
}

fn issue_for(
    authority: &Credential,
    subject: &Subject,
    validity: Validity,
    usage: Usage,
    secret: PrivateKey,
) -> Result<Credential, MintError> {
    let plan = Plan {
        subject,
        key: &secret,
        validity,
        usage,
    };
    let issuer = Issuer {
        name: authority.subject_der(),
        secret: authority.secret_key(),
    };
    let certificate = certificate::certificate(&plan, &issuer)?;
    Credential::new(certificate, secret)
}
