//! Trusted certificates and revocation lists from the files of a folder.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{TrustError, TrustStore};
use crate::certificate::Certificate;
use crate::crl::{Crl, MAX_CRL_BYTES};

/// Largest file: a revocation list of the largest accepted size in PEM, which is 4/3 as long.
pub const MAX_TRUST_FILE_BYTES: usize = MAX_CRL_BYTES / 2 * 3;
/// Most files of a trust folder (`\[P\]` profile).
pub const MAX_FOLDER_FILES: usize = 8192;

pub(super) fn read(dir: &Path) -> Result<TrustStore, TrustError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        match name {
            Some(name) if !name.starts_with('.') && !path.is_dir() => files.push((name, path)),
            _ => {}
        }
        if files.len() > MAX_FOLDER_FILES {
            return Err(TrustError::Full {
                limit: MAX_FOLDER_FILES,
            });
        }
    }
    // The order of a folder is accidental; errors and epochs should not be.
    files.sort();
    let mut store = TrustStore::empty();
    for (name, path) in files {
        read_bounded(&path)
            .and_then(|bytes| add_file(&mut store, &bytes))
            .map_err(|cause| TrustError::File {
                file: name,
                cause: Box::new(cause),
            })?;
    }
    Ok(store)
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, TrustError> {
    let limit = u64::try_from(MAX_TRUST_FILE_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() > MAX_TRUST_FILE_BYTES {
        return Err(TrustError::TooLarge);
    }
    Ok(bytes)
}

fn add_file(store: &mut TrustStore, bytes: &[u8]) -> Result<(), TrustError> {
    for part in parts(bytes)? {
        match part {
            Part::Certificate(der) => store.add_certificate(&der)?,
            Part::Crl(der) => store.add_crl(&der)?,
        }
    }
    Ok(())
}

/// DER of a certificate or of a revocation list.
pub(super) enum Part {
    Certificate(Vec<u8>),
    Crl(Vec<u8>),
}

/// What a file holds: one thing in DER, or any number in PEM.
pub(super) fn parts(bytes: &[u8]) -> Result<Vec<Part>, TrustError> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    if bytes.windows(BEGIN.len()).any(|window| window == BEGIN) {
        return pem_parts(std::str::from_utf8(bytes).map_err(|_| TrustError::Pem)?);
    }
    if Certificate::parse(bytes).is_ok() {
        Ok(vec![Part::Certificate(bytes.to_vec())])
    } else if Crl::parse(bytes).is_ok() {
        Ok(vec![Part::Crl(bytes.to_vec())])
    } else {
        Err(TrustError::Unrecognised)
    }
}

/// RFC 7468; text before, between and after the blocks is passed over.
fn pem_parts(text: &str) -> Result<Vec<Part>, TrustError> {
    let mut parts = Vec::new();
    for block in text.split("-----BEGIN ").skip(1) {
        let (label, rest) = block.split_once("-----").ok_or(TrustError::Pem)?;
        let (body, _) = rest
            .split_once(&format!("-----END {label}-----"))
            .ok_or(TrustError::Pem)?;
        if label.ends_with("PRIVATE KEY") {
            return Err(TrustError::PrivateKey);
        }
        let compact: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(compact).map_err(|_| TrustError::Pem)?;
        parts.push(match label {
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => Part::Certificate(der),
            "X509 CRL" => Part::Crl(der),
            _ => return Err(TrustError::Unrecognised),
        });
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Authority, CertificateSpec, CrlSpec};

    fn pem(label: &str, der: &[u8]) -> String {
        let body = STANDARD.encode(der);
        let lines: Vec<_> = body
            .as_bytes()
            .chunks(64)
            .map(String::from_utf8_lossy)
            .collect();
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            lines.join("\n")
        )
    }

    #[track_caller]
    fn check(files: &[(&str, &[u8])], expected: Result<u64, &str>) {
        let folder = TestFolder::new(files);
        let found = TrustStore::from_folder(&folder.0);
        match (found, expected) {
            (Ok(store), Ok(epoch)) => assert_eq!(store.epoch(), epoch),
            (Err(error), Err(text)) => assert_eq!(error.to_string(), text),
            (found, expected) => panic!("expected {expected:?}, found {found:?}"),
        }
    }

    #[test]
    fn pem_and_der_files_are_read() {
        let root = Authority::root("Root CA", 1);
        let issuing = root.issue(&CertificateSpec::authority("Issuing CA"), 2);
        let (root_der, issuing_der) = (root.certificate().der(), issuing.certificate().der());
        let crl = root.crl(&CrlSpec::default());
        let both = format!(
            "Subject: Root CA\n{}between\n{}",
            pem("CERTIFICATE", root_der),
            pem("CERTIFICATE", issuing_der)
        );
        check(&[("both.pem", both.as_bytes())], Ok(2));
        check(&[("root.cer", root_der), ("list.crl", &crl)], Ok(2));
        check(&[("list.pem", pem("X509 CRL", &crl).as_bytes())], Ok(1));
        check(&[("a.cer", root_der), ("b.cer", root_der)], Ok(1));
        check(&[(".hidden", b"anything")], Ok(0));
        check(&[], Ok(0));
    }

    #[test]
    fn anything_else_is_an_error_that_names_the_file() {
        let neither = Err("notes.txt: neither certificates nor revocation lists");
        check(&[("notes.txt", b"hello")], neither);
        check(&[("notes.txt", b"")], neither);
        check(
            &[("cut.pem", b"-----BEGIN CERTIFICATE-----\nAAAA")],
            Err("cut.pem: damaged PEM"),
        );
        let key = pem("PRIVATE KEY", b"secret");
        check(
            &[("key.pem", key.as_bytes())],
            Err("key.pem: a private key does not belong here"),
        );
        let other = pem("CERTIFICATE REQUEST", b"request");
        check(&[("notes.txt", other.as_bytes())], neither);
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = TestFolder::new(&[]);
        assert!(TrustStore::from_folder(&folder.0.join("absent")).is_err());
    }

    /// A folder that is removed at the end of its test.
    struct TestFolder(std::path::PathBuf);

    impl TestFolder {
        fn new(files: &[(&str, &[u8])]) -> Self {
            use std::sync::atomic::{AtomicU32, Ordering};
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("hub-trust-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            for (file, bytes) in files {
                fs::write(path.join(file), bytes).unwrap();
            }
            Self(path)
        }
    }

    impl Drop for TestFolder {
        fn drop(&mut self) {
            // A folder left behind in the temporary directory harms nobody.
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
