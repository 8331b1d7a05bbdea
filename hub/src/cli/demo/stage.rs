//! What the demo plays with: a development PKI and the libraries of two provinces, on disk.
//!
//! Each part is made in a folder of another name and renamed when it is whole, so a demo that was
//! killed finds either a whole part or none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use certs::mint::certificate::Validity;
use certs::mint::pki::DevelopmentPki;
use chrono::{DateTime, Duration, Utc};
use connectors::source::{FolderSource, Source};
use schemas::entry::SourceEntry;
use schemas::identifier::Identifier;
use schemas::licence_type::{LicenceTypeCode, LicenceTypes};
use schemas::region::ProvinceCode;
use schemas::verdict::SealVersion;

use crate::mint::{
    Format, LibraryItem, LibraryPlan, MintOptions, SealKit, Spoil, mint_file, mint_library,
    write_library,
};

/// Licences in each minted library: two of them make the more than 1,000 entries of the demo.
const LICENCES: usize = 600;

/// How many of them have a sealed file.
const FILES: usize = 14;

/// Formats of those files, one after the other: seals of each layout and a signature without a
/// seal, PDF with SM2, RSA and a seal. Their number has no divisor with that of the types, so that
/// every type comes in every format.
const FORMATS: [Format; 7] = [
    Format::OfdSeal(SealVersion::V4),
    Format::PdfRsa,
    Format::OfdSeal(SealVersion::V5),
    Format::PdfSm2,
    Format::OfdSeal(SealVersion::V1),
    Format::PdfSeal(SealVersion::V4),
    Format::OfdSign,
];

/// The matter that the minted walk-through is about: one that the fictitious building permit
/// and the fictitious certificate of qualification list.
const MATTER: &str = "11990000MB999999XE1000000001001";

/// Added to a registered type name, so that the national quality rule refuses the entry.
const WRONG_NAME: &str = "（旧版）";

/// One province of the demo.
pub(super) struct Place {
    /// Name of its node.
    pub(super) node: String,
    /// In both languages, for people.
    pub(super) title: &'static str,
    /// Provinces whose entries it may register, two digits each.
    pub(super) regions: Vec<String>,
    /// Its library, if it has one.
    pub(super) library: Option<PathBuf>,
    /// How many entries of the library can be read.
    pub(super) entries: usize,
}

/// The stage: who takes part, and what everybody trusts.
pub(super) struct Stage {
    /// Folder of all state.
    pub(super) dir: PathBuf,
    /// Certificates and revocation lists for seals.
    pub(super) trust: PathBuf,
    /// The province that keeps the originals of the walk-through.
    pub(super) home: Place,
    /// The province whose department wants them.
    pub(super) using: Place,
    /// The matter that the department handles.
    pub(super) matter: String,
    /// Licence types that the department needs for its matter.
    pub(super) permitted: Vec<LicenceTypeCode>,
    /// The licences of the walk-through.
    pub(super) parts: Parts,
}

/// Which licence plays which part.
pub(super) enum Parts {
    /// Minted ones, chosen for what they show.
    Minted(MintedParts),
    /// Somebody else's: each is tried.
    Given(Vec<SourceEntry>),
}

/// The licences of the minted walk-through.
pub(super) struct MintedParts {
    /// Sealed as it should be, OFD.
    pub(super) good: Identifier,
    /// The same as PDF.
    pub(super) pdf: Identifier,
    /// Changed after sealing.
    pub(super) tampered: Identifier,
    /// Of a type that the department has no duty for.
    pub(super) not_permitted: Identifier,
    /// Whose entry breaks a quality rule.
    pub(super) faulty: Identifier,
}

/// Mints what is not there yet.
///
/// # Errors
/// Something cannot be minted or written.
pub(super) async fn minted(dir: &Path, now: DateTime<Utc>) -> anyhow::Result<Stage> {
    let pki_dir = dir.join("pki");
    make_once(&pki_dir, |new| {
        let pki = DevelopmentPki::mint("电子证照演示", now)?.with_rsa(now)?;
        Ok(pki.save(new, &[], now)?)
    })
    .context("development certificates")?;
    let pki = DevelopmentPki::load(&pki_dir)?;
    let (mut home, home_library) = province(dir, "zhejiang", "浙江 Zhejiang", "33");
    let (mut using, using_library) = province(dir, "sichuan", "四川 Sichuan", "51");
    make_once(&home_library, |new| mint_home(new, &pki, now)).context("library of zhejiang")?;
    make_once(&using_library, |new| {
        Ok(write_library(
            new,
            &mint_library(&plan("51", now)?, &pki)?.0,
        )?)
    })
    .context("library of sichuan")?;
    let entries = read_entries(&home_library).await?;
    home.entries = entries.len();
    using.entries = read_entries(&using_library).await?.len();
    let parts = choose(&entries)?;
    let permitted = LicenceTypes::builtin()
        .iter()
        .filter(|one| one.related_items.iter().any(|item| item == MATTER))
        .map(|one| one.code.clone())
        .collect();
    let trust = pki_dir.join("trust");
    let matter = MATTER.to_owned();
    let parts = Parts::Minted(parts);
    Ok(Stage {
        dir: dir.to_owned(),
        trust,
        home,
        using,
        matter,
        permitted,
        parts,
    })
}

/// Takes the library of somebody else: it becomes the first province's.
///
/// # Errors
/// The folder is not a library.
pub(super) async fn given(dir: &Path, source: &Path) -> anyhow::Result<Stage> {
    let entries = read_entries(source).await?;
    let trust = source.join("trust");
    anyhow::ensure!(
        trust.is_dir(),
        "{} has no folder named trust",
        source.display()
    );
    let regions: BTreeSet<String> = entries
        .iter()
        .map(|entry| entry.region.province().to_string())
        .collect();
    let permitted: BTreeSet<LicenceTypeCode> = entries
        .iter()
        .map(|entry| entry.type_code.clone())
        .collect();
    let home = Place {
        node: "home".to_owned(),
        title: "归属省 the home province",
        regions: regions.into_iter().collect(),
        library: Some(source.to_owned()),
        entries: entries.len(),
    };
    let using = Place {
        node: "using".to_owned(),
        title: "用证省 the using province",
        regions: Vec::new(),
        library: None,
        entries: 0,
    };
    Ok(Stage {
        dir: dir.to_owned(),
        trust,
        home,
        using,
        matter: MATTER.to_owned(),
        permitted: permitted.into_iter().collect(),
        parts: Parts::Given(entries),
    })
}

fn province(dir: &Path, node: &str, title: &'static str, region: &str) -> (Place, PathBuf) {
    let library = dir.join("libraries").join(node);
    let place = Place {
        node: node.to_owned(),
        title,
        regions: vec![region.to_owned()],
        library: Some(library.clone()),
        entries: 0,
    };
    (place, library)
}

/// The first library: one file is changed after sealing, one entry breaks a quality rule.
fn mint_home(dir: &Path, pki: &DevelopmentPki, now: DateTime<Utc>) -> anyhow::Result<()> {
    let (mut items, _kits) = mint_library(&plan("33", now)?, pki)?;
    let last = items.last_mut().ok_or_else(too_small)?;
    last.entry.type_name.push_str(WRONG_NAME);
    let entries: Vec<SourceEntry> = items.iter().map(|item| item.entry.clone()).collect();
    let tampered = choose(&entries)?.tampered;
    for item in &mut items {
        if item.entry.identifier == tampered {
            item.file = Some(tampered_file(item, pki, now)?);
        }
    }
    Ok(write_library(dir, &items)?)
}

fn plan(region: &str, now: DateTime<Utc>) -> anyhow::Result<LibraryPlan> {
    Ok(LibraryPlan {
        province: ProvinceCode::parse(region)?,
        licences: LICENCES,
        files: FILES,
        seed: 1,
        formats: FORMATS.to_vec(),
        spoil: None,
        scan_bytes: 0,
        at: now,
    })
}

/// Which licence shows what; the same for the same library, also after a restart.
fn choose(entries: &[SourceEntry]) -> anyhow::Result<MintedParts> {
    let types = LicenceTypes::builtin();
    let needed = |entry: &SourceEntry| {
        types
            .find(&entry.type_code)
            .is_some_and(|one| one.related_items.iter().any(|item| item == MATTER))
    };
    let mut usable = entries
        .iter()
        .filter(|entry| entry.file.is_some() && entry.status.is_usable());
    let is_pdf = |entry: &SourceEntry| {
        let name = entry.file.as_deref();
        name.is_some_and(|name| name.ends_with(Format::PdfRsa.extension()))
    };
    let permitted = usable.clone().filter(|entry| needed(entry));
    let mut pdf = permitted.clone().filter(|entry| is_pdf(entry));
    let mut ofd = permitted.filter(|entry| !is_pdf(entry));
    let identifier = |entry: &SourceEntry| entry.identifier.clone();
    Ok(MintedParts {
        good: ofd.next().map(identifier).ok_or_else(too_small)?,
        pdf: pdf.next().map(identifier).ok_or_else(too_small)?,
        tampered: ofd.next().map(identifier).ok_or_else(too_small)?,
        not_permitted: usable
            .find(|entry| !needed(entry))
            .map(identifier)
            .ok_or_else(too_small)?,
        faulty: entries
            .iter()
            .find(|entry| entry.type_name.ends_with(WRONG_NAME))
            .map(identifier)
            .ok_or_else(too_small)?,
    })
}

fn too_small() -> anyhow::Error {
    anyhow!("the minted library lacks a licence that the demo shows")
}

async fn read_entries(library: &Path) -> anyhow::Result<Vec<SourceEntry>> {
    let digest = |bytes: &[u8]| hex::encode(certs::digest::sm3(bytes));
    let folder = || format!("library {}", library.display());
    let source = FolderSource::open(library, digest).with_context(folder)?;
    let lines = source.entries().await.with_context(folder)?;
    Ok(lines
        .into_iter()
        .filter_map(|line| line.entry.ok())
        .collect())
}

fn tampered_file(
    item: &LibraryItem,
    pki: &DevelopmentPki,
    now: DateTime<Utc>,
) -> anyhow::Result<Vec<u8>> {
    let entry = item.entry.clone().into_entry("library", 1, None)?;
    let validity = Validity {
        from: now - Duration::days(30),
        until: now + Duration::days(30),
    };
    let kit = SealKit::new(
        pki,
        &item.entry.issuer_name,
        &item.entry.issuer_code,
        validity,
    )?;
    let options = MintOptions {
        layout: crate::mint::Layout::for_entry(&entry),
        format: item.format.unwrap_or_default(),
        at: now - Duration::days(1),
        spoil: Some(Spoil::Tampered),
        scan_bytes: 0,
    };
    Ok(mint_file(&entry, &kit, &options)?)
}

fn make_once(dir: &Path, make: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    if dir.exists() {
        return Ok(());
    }
    let unfinished = dir.with_extension("unfinished");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished)?;
    }
    std::fs::create_dir_all(&unfinished)?;
    make(&unfinished)?;
    std::fs::rename(&unfinished, dir).with_context(|| dir.display().to_string())
}
