//! A certificate with the private key that belongs to it.

use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ::der::{Decode as _, Encode as _, EncodePem as _, pem::LineEnding};
use x509_cert::Certificate;

use super::MintError;
use super::key::PrivateKey;

/// Largest certificate or key file that is read back; a certificate here has about 700 octets.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A certificate and its private key. The key leaves this type only into a file of mode 0600.
#[derive(Clone)]
pub struct Credential {
    certificate: Vec<u8>,
    subject: Vec<u8>,
    issuer: Vec<u8>,
    serial: Vec<u8>,
    common_name: String,
    secret: PrivateKey,
}

impl Credential {
    /// The certificate as DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificate as PEM.
    ///
    /// # Errors
    /// [`MintError::Certificate`] when it cannot be encoded.
    pub fn certificate_pem(&self) -> Result<String, MintError> {
        parse(&self.certificate)
            .and_then(|certificate| certificate.to_pem(LineEnding::LF))
            .map_err(|problem| self.certificate_error(&problem))
    }

    /// Serial number of the certificate, big-endian octets without sign octet.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// Common name in the certificate's subject.
    #[must_use]
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    /// The private key.
    #[must_use]
    pub const fn secret_key(&self) -> &PrivateKey {
        &self.secret
    }

    /// Signature over `message`: SM2 with SM3, DER (GB/T 35276), with the usual identifier, or RSA
    /// with SHA-256 (PKCS #1 v1.5).
    ///
    /// # Errors
    /// [`MintError::Key`] when the key cannot sign.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, MintError> {
        self.secret.sign(message)
    }

    /// Writes `trust/NAME.pem`, or another folder than `trust`, and `keys/NAME.pem` (PKCS#8,
    /// readable by the owner only) below `dir`.
    ///
    /// # Errors
    /// [`MintError`] when a file cannot be written.
    pub fn save(&self, dir: &Path, folder: &str, name: &str) -> Result<(), MintError> {
        let certificate = dir.join(folder).join(format!("{name}.pem"));
        write_file(&certificate, self.certificate_pem()?.as_bytes(), 0o644)?;
        let key = self.secret.to_pem(name)?;
        write_file(
            &dir.join("keys").join(format!("{name}.pem")),
            key.as_bytes(),
            0o600,
        )
    }

    /// Reads back what [`Credential::save`] wrote.
    ///
    /// # Errors
    /// [`MintError`] when a file is missing or unreadable, or when they do not belong together.
    pub fn load(dir: &Path, folder: &str, name: &str) -> Result<Self, MintError> {
        let pem = read_text(&dir.join(folder).join(format!("{name}.pem")))?;
        let certificate = ::der::Document::from_pem(&pem)
            .map(|(_, document)| document.as_bytes().to_vec())
            .map_err(|problem| MintError::Certificate {
                of: name.to_owned(),
                problem: problem.to_string(),
            })?;
        let pem = read_text(&dir.join("keys").join(format!("{name}.pem")))?;
        Self::new(certificate, PrivateKey::from_pem(&pem, name)?)
    }

    /// Puts a certificate and its key together.
    ///
    /// # Errors
    /// [`MintError`] when the certificate cannot be read or names another key.
    pub fn new(certificate: Vec<u8>, secret: PrivateKey) -> Result<Self, MintError> {
        let broken = |problem: &::der::Error| MintError::Certificate {
            of: "the given certificate".to_owned(),
            problem: problem.to_string(),
        };
        let parsed = parse(&certificate).map_err(|problem| broken(&problem))?;
        let body = parsed.tbs_certificate();
        let subject = body
            .subject()
            .to_der()
            .map_err(|problem| broken(&problem))?;
        let issuer = body.issuer().to_der().map_err(|problem| broken(&problem))?;
        let serial = body.serial_number().as_bytes();
        let serial = serial.strip_prefix(&[0]).unwrap_or(serial).to_vec();
        let common_name = common_name(&parsed);
        let key = body
            .subject_public_key_info()
            .subject_public_key
            .raw_bytes();
        if key != secret.public_octets()? {
            return Err(MintError::Key {
                of: common_name,
                problem: "the private key does not belong to the certificate".to_owned(),
            });
        }
        Ok(Self {
            certificate,
            subject,
            issuer,
            serial,
            common_name,
            secret,
        })
    }

    /// Subject of the certificate as DER.
    pub(super) fn subject_der(&self) -> &[u8] {
        &self.subject
    }

    /// Issuer of the certificate as DER.
    pub(super) fn issuer_der(&self) -> &[u8] {
        &self.issuer
    }

    fn certificate_error(&self, problem: &::der::Error) -> MintError {
        MintError::Certificate {
            of: self.common_name.clone(),
            problem: problem.to_string(),
        }
    }
}

/// The private key is never printed.
impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credential")
            .field("common_name", &self.common_name)
            .field("serial", &hex::encode(&self.serial))
            .finish_non_exhaustive()
    }
}

/// Writes one file with the given mode, making its folder.
pub(super) fn write_file(path: &Path, bytes: &[u8], mode: u32) -> Result<(), MintError> {
    let failed = |source| MintError::File {
        path: path.to_path_buf(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(mode);
    options
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(failed)
}

fn read_text(path: &PathBuf) -> Result<String, MintError> {
    let failed = |source| MintError::File {
        path: path.clone(),
        source,
    };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(failed(std::io::Error::other(
            "file is too large for a certificate or key",
        )));
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn parse(certificate: &[u8]) -> Result<Certificate, ::der::Error> {
    Certificate::from_der(certificate)
}

fn common_name(certificate: &Certificate) -> String {
    let subject = certificate.tbs_certificate().subject();
    subject
        .common_name()
        .ok()
        .flatten()
        .map(|name| name.value().into_owned())
        .unwrap_or_default()
}
