//! The files that are compared: those of the corpus where it is, and what `hub mint` makes, with
//! every fault that can be minted.

use std::fs;
use std::path::{Path, PathBuf};

use certs::mint::certificate::Revocation;
use certs::mint::credential::Credential;
use certs::mint::pki::DevelopmentPki;
use certs::trust::TrustStore;
use certs::verify::{VerifyOptions, verify_file};
use chrono::Duration;
use clap::ValueEnum as _;
use hub::mint::{Format, LibraryPlan, SealKit, Spoil, mint_library};
use schemas::region::ProvinceCode;
use schemas::verdict::{Profile, SealVersion, Verdict};
use tempfile::TempDir;
use tests::noon;
use tests::program::corpus;

use crate::corpus_ofd::options;

/// Bytes of the scanned original in a file that carries one: two pages.
const SCAN_BYTES: usize = 300_000;

/// A file with our verdict.
pub(super) struct Case {
    /// As the table of differences names it.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) ours: Verdict,
}

/// Files of one format.
pub(super) struct Files {
    pub(super) cases: Vec<Case>,
    corpus: Option<PathBuf>,
    minted: TempDir,
}

impl Files {
    /// Files of the format, `ofd` or `pdf`.
    pub(super) fn gather(format: &str) -> Self {
        let corpus = corpus(&format!("peers over the corpus of {format} files"));
        let mut files = Self {
            cases: Vec::new(),
            corpus: corpus.map(|folder| folder.join(format)),
            minted: TempDir::new().unwrap(),
        };
        if let Some(folder) = files.corpus.clone() {
            files.add(&folder, &folder.join("trust"), &format!("corpus/{format}"));
            let real = folder.join("real");
            if real.is_dir() {
                files.add(
                    &real,
                    &folder.join("trust"),
                    &format!("corpus/{format}/real"),
                );
            }
        }
        let folder = files.minted.path().to_owned();
        mint(format, &folder);
        files.add(&folder, &folder.join("trust"), "minted");
        files
    }

    pub(super) const fn has_corpus(&self) -> bool {
        self.corpus.is_some()
    }

    /// The folders of what is trusted.
    pub(super) fn trust(&self) -> Vec<PathBuf> {
        let folders = self
            .corpus
            .as_deref()
            .into_iter()
            .chain([self.minted.path()]);
        folders
            .map(|folder| folder.join("trust"))
            .filter(|folder| folder.is_dir())
            .collect()
    }

    /// Adds the files of a folder, with our verdicts.
    fn add(&mut self, folder: &Path, trust: &Path, named: &str) {
        let trust = TrustStore::from_folder(trust).unwrap();
        let options = VerifyOptions {
            profile: Profile::General,
            ..options()
        };
        let mut paths: Vec<PathBuf> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|kind| kind == "ofd" || kind == "pdf")
            })
            .collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap().to_str().unwrap();
            self.cases.push(Case {
                name: format!("{named}/{name}"),
                ours: verify_file(&fs::read(&path).unwrap(), &trust, &options),
                path,
            });
        }
    }
}

/// A licence in every way of signing that the format knows: good, with a scanned original, and with
/// each fault that it can have.
fn mint(extension: &str, folder: &Path) {
    let pki = DevelopmentPki::mint("test", noon() - Duration::days(1)).unwrap();
    let pki = pki.with_rsa(noon() - Duration::days(1)).unwrap();
    let good = [("good", 0), ("scanned", SCAN_BYTES)];
    let good = good.map(|(name, scan_bytes)| (name.to_owned(), None, scan_bytes));
    let mut variants = Vec::from(good);
    for spoil in Spoil::value_variants() {
        let name = spoil.to_possible_value().unwrap();
        variants.push((name.get_name().to_owned(), Some(*spoil), 0));
    }
    let mut revoked = Vec::new();
    for format in Format::ALL {
        if format.extension() != extension {
            continue;
        }
        for (variant, spoil, scan_bytes) in &variants {
            if spoil.is_some_and(|spoil| spoil.expected(format).is_none()) {
                continue;
            }
            let (items, kits) = mint_library(&plan(format, *spoil, *scan_bytes), &pki).unwrap();
            if *spoil == Some(Spoil::RevokedSigner) {
                revoked.extend(kits.iter().flat_map(SealKit::signers).map(revocation));
            }
            let name = format!("{}-{variant}.{extension}", name(format));
            fs::write(folder.join(name), items[0].file.as_ref().unwrap()).unwrap();
        }
    }
    pki.save(folder, &revoked, noon()).unwrap();
}

fn name(format: Format) -> &'static str {
    match format {
        Format::OfdSeal(SealVersion::V1) => "v1",
        Format::OfdSeal(SealVersion::V4) => "v4",
        Format::OfdSeal(SealVersion::V5) => "v5",
        Format::OfdSign => "sign",
        Format::PdfSm2 => "sm2",
        Format::PdfGb35275 => "gb35275",
        Format::PdfSeal(SealVersion::V1) => "seal-v1",
        Format::PdfSeal(SealVersion::V4) => "seal-v4",
        Format::PdfSeal(SealVersion::V5) => "seal-v5",
        Format::PdfRsa => "rsa",
    }
}

fn plan(format: Format, spoil: Option<Spoil>, scan_bytes: usize) -> LibraryPlan {
    LibraryPlan {
        province: ProvinceCode::parse("33").unwrap(),
        licences: 1,
        files: 1,
        seed: 1,
        formats: vec![format],
        spoil,
        scan_bytes,
        at: noon(),
    }
}

/// Long before anything was signed.
fn revocation(signer: &Credential) -> Revocation {
    Revocation {
        serial: signer.serial().to_vec(),
        since: noon() - Duration::days(7 * 365),
    }
}
