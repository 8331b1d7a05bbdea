//! The files that are compared: those of the corpus where it is, and minted ones with every fault
//! that can be minted.

use std::fs;
use std::path::{Path, PathBuf};

use certs::mint::certificate::Revocation;
use certs::mint::pki::DevelopmentPki;
use certs::trust::TrustStore;
use certs::verify::{VerifyOptions, verify_file};
use chrono::Duration;
use clap::ValueEnum as _;
use hub::mint::{Format, LibraryPlan, MintError, SealKit, Spoil, mint_library};
use schemas::region::ProvinceCode;
use schemas::verdict::{Profile, SealVersion, Verdict};
use tempfile::TempDir;
use tests::noon;
use tests::program::corpus;

use crate::corpus_ofd::options;

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
        if format == "ofd" {
            mint_ofd(&folder);
            files.add(&folder, &folder.join("trust"), "minted");
        }
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

/// A sealed licence of each version and a signed one, each with every fault that it can have.
fn mint_ofd(folder: &Path) {
    let pki = DevelopmentPki::mint("test", noon() - Duration::days(1)).unwrap();
    let mut revoked = Vec::new();
    let formats = [
        ("v1", Format::OfdSeal(SealVersion::V1)),
        ("v4", Format::OfdSeal(SealVersion::V4)),
        ("v5", Format::OfdSeal(SealVersion::V5)),
        ("sign", Format::OfdSign),
    ];
    for (name, format) in formats {
        for spoil in [None]
            .into_iter()
            .chain(Spoil::value_variants().iter().copied().map(Some))
        {
            let plan = plan(format, spoil);
            let (items, kits) = match mint_library(&plan, &pki) {
                Err(MintError::Unsuitable(_)) => continue,
                minted => minted.unwrap(),
            };
            if spoil == Some(Spoil::RevokedSigner) {
                revoked.extend(kits.iter().map(revocation));
            }
            let fault = spoil.and_then(|spoil| spoil.to_possible_value());
            let fault = fault.as_ref().map_or("good", |value| value.get_name());
            let file = items[0].file.as_ref().unwrap();
            fs::write(folder.join(format!("{name}-{fault}.ofd")), file).unwrap();
        }
    }
    pki.save(folder, &revoked, noon()).unwrap();
}

fn plan(format: Format, spoil: Option<Spoil>) -> LibraryPlan {
    LibraryPlan {
        province: ProvinceCode::parse("33").unwrap(),
        licences: 1,
        files: 1,
        seed: 1,
        formats: vec![format],
        spoil,
        scan_bytes: 0,
        at: noon(),
    }
}

/// Long before anything was signed.
fn revocation(kit: &SealKit) -> Revocation {
    Revocation {
        serial: kit.signer().serial().to_vec(),
        since: noon() - Duration::days(7 * 365),
    }
}
