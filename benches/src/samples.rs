//! Valid files of several sizes and kinds: OFD files are minted, PDF files are those of the corpus
//! where it is.

use std::path::{Path, PathBuf};

use certs::digest::sm3;
use certs::mint::pki::DevelopmentPki;
use certs::trust::TrustStore;
use certs::verify::{VerifyOptions, verify_digested};
use chrono::Duration;
use hub::mint::{Format, LibraryPlan, mint_library};
use schemas::region::ProvinceCode;
use schemas::verdict::{Profile, SealVersion, Verdict};
use tempfile::TempDir;
use tests::noon;
use tests::program::corpus;

/// A file to mint: name, kind, bytes of its scan.
type Recipe = (&'static str, Format, usize);

const OFD: [Recipe; 3] = [
    ("13 KB OFD, signed without a seal", Format::OfdSign, 8_000),
    (
        "51 KB OFD, sealed",
        Format::OfdSeal(SealVersion::V4),
        24_000,
    ),
    (
        "2 MB OFD, sealed, eight large parts",
        Format::OfdSeal(SealVersion::V4),
        2_000_000,
    ),
];

/// PDF files where the corpus is not.
const PDF: [Recipe; 2] = [
    ("100 KB PDF, minted, RSA", Format::PdfRsa, 70_000),
    ("100 KB PDF, minted, SM2", Format::PdfSm2, 70_000),
];

/// PDF files of the corpus.
const PDF_OF_CORPUS: [(&str, &str); 4] = [
    ("100 KB PDF, RSA", "rsa_01_rsa2048_sha256.pdf"),
    ("100 KB PDF, ECDSA", "ec_01_p256_sha256.pdf"),
    ("100 KB PDF, SM2", "sm2_01_rfc5652_sm2sm3.pdf"),
    (
        "110 KB PDF, two RSA signatures",
        "rsa_mdp_P2_then_approval_sig.pdf",
    ),
];

/// A file with what its signers are trusted by.
pub struct Sample {
    /// What it is, with its size.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// SM3 of its bytes: a node knows it from the transfer, and no rival computes it.
    pub sm3: String,
    /// Folder of what is trusted.
    pub trust_folder: PathBuf,
    /// The same, read.
    pub trust: TrustStore,
    /// Whether only we can verify it.
    pub is_ours_alone: bool,
}

impl Sample {
    /// Reads a file and what is trusted.
    ///
    /// # Panics
    /// When either cannot be read, or the file is not valid.
    #[must_use]
    pub fn read(name: &str, path: PathBuf, trust_folder: PathBuf) -> Self {
        let bytes = std::fs::read(&path).expect("a file");
        let sample = Self {
            name: format!("{name} ({} bytes)", bytes.len()),
            trust: TrustStore::from_folder(&trust_folder).expect("trust"),
            is_ours_alone: name.contains("SM2"),
            path,
            sm3: hex::encode(sm3(&bytes)),
            bytes,
            trust_folder,
        };
        assert!(
            sample.verify().is_valid(),
            "{}: {:?}",
            sample.name,
            sample.verify()
        );
        sample
    }

    /// The whole verification of a file whose digest is known.
    #[must_use]
    pub fn verify(&self) -> Verdict {
        let options = VerifyOptions {
            profile: Profile::General,
            ..VerifyOptions::at(noon())
        };
        verify_digested(&self.bytes, &self.sm3, &self.trust, &options)
    }
}

/// OFD files of each size below `folder`, sealed by one authority.
///
/// # Panics
/// When something cannot be minted.
#[must_use]
pub fn ofd(folder: &Path) -> Vec<Sample> {
    minted(&folder.join("ofd"), &OFD)
}

/// The PDF files of the corpus; without it, minted ones below `folder`.
///
/// # Panics
/// When something cannot be read or minted.
#[must_use]
pub fn pdf(folder: &Path) -> Vec<Sample> {
    let test = "PDF files of the corpus, minted ones stand in for them";
    let Some(corpus) = corpus(test).map(|all| all.join("pdf")) else {
        return minted(&folder.join("pdf"), &PDF);
    };
    let read =
        |(name, file): (&str, &str)| Sample::read(name, corpus.join(file), corpus.join("trust"));
    PDF_OF_CORPUS.into_iter().map(read).collect()
}

fn minted(folder: &Path, recipes: &[Recipe]) -> Vec<Sample> {
    let pki = pki(folder);
    let mint = |(number, (name, format, scan_bytes)): (usize, &Recipe)| {
        let path = folder.join(format!("{number}.{}", format.extension()));
        std::fs::write(&path, file(&pki, *format, *scan_bytes)).expect("written");
        Sample::read(name, path, folder.join("trust"))
    };
    recipes.iter().enumerate().map(mint).collect()
}

/// A new PKI, with what is to be trusted in `folder`.
fn pki(folder: &Path) -> DevelopmentPki {
    let at = noon() - Duration::days(1);
    let pki = DevelopmentPki::mint("bench", at).and_then(|pki| pki.with_rsa(at));
    let pki = pki.expect("a PKI");
    pki.save(folder, &[], noon()).expect("trust");
    pki
}

/// A file of a signer, a CA and a seal maker that nobody ever met; the folder goes with the value.
///
/// # Panics
/// When it cannot be minted.
#[must_use]
pub fn stranger() -> (TempDir, Sample) {
    let folder = TempDir::new().expect("a temporary folder");
    let pki = pki(folder.path());
    let path = folder.path().join("stranger.ofd");
    std::fs::write(&path, file(&pki, Format::OfdSeal(SealVersion::V4), 24_000)).expect("written");
    let trust_folder = folder.path().join("trust");
    let bytes = std::fs::read(&path).expect("a file");
    let sample = Sample {
        name: "a stranger's file".to_owned(),
        sm3: hex::encode(sm3(&bytes)),
        bytes,
        trust: TrustStore::from_folder(&trust_folder).expect("trust"),
        is_ours_alone: false,
        path,
        trust_folder,
    };
    (folder, sample)
}

fn file(pki: &DevelopmentPki, format: Format, scan_bytes: usize) -> Vec<u8> {
    let plan = LibraryPlan {
        province: ProvinceCode::parse("33").expect("a province"),
        licences: 1,
        files: 1,
        seed: 1,
        formats: vec![format],
        spoil: None,
        scan_bytes,
        at: noon(),
    };
    let (items, _) = mint_library(&plan, pki).expect("a library");
    items[0].file.clone().expect("a file")
}

// Not `tests`: that is the package.
#[cfg(test)]
mod checks {
    use super::*;

    #[test]
    fn minted_pdf_files_are_valid_and_of_some_100_kb() {
        let folder = TempDir::new().unwrap();
        for sample in minted(folder.path(), &PDF) {
            let size = sample.bytes.len();
            assert!((90_000..110_000).contains(&size), "{}", sample.name);
        }
    }
}
