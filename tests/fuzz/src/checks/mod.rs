//! What must hold for every input of the readers of License Hub, however hostile.
//!
//! Each module has one `check`, which panics where something does not hold. The fuzz targets call
//! it with whatever libFuzzer makes up, and the integration tests with the corpora that are kept
//! (`corpus/TARGET`) and with the seeds (`seeds/TARGET`).
//!
//! The keys that made the seeds were thrown away when `mint` had made them. So whatever is taken
//! for genuine says what one of the seeds says, or it is a forgery.

pub mod certificate;
pub mod cms;
pub mod crl;
pub mod entry;
pub mod envelope;
pub mod ofd;
pub mod pdf;
pub mod seal;
pub mod xml;
pub mod zip;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use certs::trust::TrustStore;
use certs::verify::VerifyOptions;
use chrono::{DateTime, Utc};

/// Panics where something does not hold.
pub type Check = fn(&[u8]);

/// Whether something is taken for genuine.
pub type IsGenuine = fn(&[u8]) -> bool;

/// Every target: its name and its check.
pub const TARGETS: [(&str, Check); 9] = [
    ("certificate", certificate::check),
    ("cms", cms::check),
    ("crl", crl::check),
    ("entry", entry::check),
    ("envelope", envelope::check),
    ("pdf", pdf::check),
    ("seal", seal::check),
    ("xml", xml::check),
    ("zip", zip::check),
];

/// The seeds that are genuine, and how that is asked: without them nothing is proven here.
pub const GENUINE: [(&str, IsGenuine, &[&str]); 7] = [
    (
        "certificate",
        certificate::is_genuine,
        &["signer.der", "maker.der", "issuing.der"],
    ),
    (
        "cms",
        cms::is_genuine,
        &["gbt35275.der", "cms.der", "seal-V1.der", "seal-V4.der"],
    ),
    ("crl", crl::is_genuine, &["issuing.der", "root.der"]),
    (
        "envelope",
        envelope::is_genuine,
        &["envelope.v1", "seal-reply.v1"],
    ),
    (
        "pdf",
        pdf::is_genuine,
        &["once.pdf", "twice.pdf", "sealed.pdf", "filled.pdf"],
    ),
    (
        "seal",
        seal::is_genuine,
        &["V1-plain.der", "V4-plain.der", "V5-plain.der", "V4-raw.der"],
    ),
    (
        "zip",
        ofd::is_genuine,
        &["seal-v4.ofd", "seal-v1.ofd", "sign.ofd", "bare-root.ofd"],
    ),
];

/// What the makers of the seeds are trusted by.
pub static TRUST: LazyLock<TrustStore> = LazyLock::new(|| {
    TrustStore::from_folder(&folder("seeds/trust")).expect("the seeds' trust folder")
});

/// The moment at which everything is asked: the seeds count then.
#[must_use]
pub fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_262_400, 0).expect("in range")
}

/// The default rules at that moment.
#[must_use]
pub fn options() -> VerifyOptions<'static> {
    VerifyOptions::at(at())
}

/// A folder of `tests/fuzz`. The integration tests take these checks in from one folder above.
#[must_use]
pub fn folder(name: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_own = package.ends_with("fuzz");
    let package = if is_own {
        package.to_owned()
    } else {
        package.join("fuzz")
    };
    package.join(name)
}

/// The files below a folder of this package, sorted by name.
#[must_use]
pub fn files(name: &str) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder(name)) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a folder's entry"))
        .filter(|entry| entry.path().is_file())
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).expect("a readable file"))
        })
        .collect();
    files.sort();
    files
}
