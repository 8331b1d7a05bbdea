//! A province's library as a folder: `entries.jsonl`, `files/`, and trust beside it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use certs::mint::certificate::Validity;
use certs::mint::pki::DevelopmentPki;
use chrono::{DateTime, Duration, NaiveTime, TimeZone as _, Utc};
use schemas::date::SHANGHAI;
use schemas::entry::SourceEntry;
use schemas::region::ProvinceCode;

use super::{Format, Layout, MintError, MintOptions, SealKit, Spoil, mint_file, sample_entries};

/// Seals and signers count from so many days before the first licence is sealed.
const KIT_DAYS_BEFORE: i64 = 8 * 365;
/// And for so many days after minting.
const KIT_DAYS_AFTER: i64 = 5 * 365;
/// Home node of entries whose file is being drawn; it does not appear in the file.
const ANY_NODE: &str = "library";

/// What a library is to hold.
#[derive(Clone, Debug)]
pub struct LibraryPlan {
    /// The province whose library it is.
    pub province: ProvinceCode,
    /// How many licences.
    pub licences: usize,
    /// How many of them, from the first, have a file.
    pub files: usize,
    /// Seed of the sample data.
    pub seed: u64,
    /// Formats of the files, one after the other and again from the first; there must be one.
    pub formats: Vec<Format>,
    /// The fault that every file has, if any.
    pub spoil: Option<Spoil>,
    /// Bytes of a scanned original in every file; 0 for none.
    pub scan_bytes: usize,
    /// The time of minting.
    pub at: DateTime<Utc>,
}

/// One licence of a library.
#[derive(Clone, Debug)]
pub struct LibraryItem {
    /// Its entry; names the file when there is one.
    pub entry: SourceEntry,
    /// Its sealed file.
    pub file: Option<Vec<u8>>,
    /// Format of that file.
    pub format: Option<Format>,
}

/// Makes a province's licences and seals their files, each by its issuing authority, at ten
/// o'clock on the day of issue. The kits are returned too: their signers may be revoked.
///
/// # Errors
/// [`MintError`] when sample data, keys or packages fail.
pub fn mint_library(
    plan: &LibraryPlan,
    pki: &DevelopmentPki,
) -> Result<(Vec<LibraryItem>, Vec<SealKit>), MintError> {
    let mut kits: BTreeMap<String, SealKit> = BTreeMap::new();
    let mut items = Vec::with_capacity(plan.licences);
    for (number, mut entry) in sample_entries(plan.licences, plan.province, plan.seed)?
        .into_iter()
        .enumerate()
    {
        let format = (number < plan.files)
            .then(|| plan.formats.iter().cycle().nth(number).copied())
            .flatten();
        let mut file = None;
        if let Some(format) = format {
            let kit = match kits.remove(&entry.issuer_code) {
                Some(kit) => kit,
                None => seal_kit(&entry, pki, plan.at)?,
            };
            let kit = if format == Format::PdfRsa {
                kit.with_rsa()?
            } else {
                kit
            };
            file = Some(sealed_file(&entry, &kit, format, plan)?);
            let name = entry.identifier.as_str();
            entry.file = Some(format!("{name}.{}", format.extension()));
            kits.insert(entry.issuer_code.clone(), kit);
        }
        items.push(LibraryItem {
            entry,
            file,
            format,
        });
    }
    Ok((items, kits.into_values().collect()))
}

/// Writes `entries.jsonl` and `files/` below `dir`.
///
/// # Errors
/// [`MintError::File`] when a file cannot be written.
pub fn write_library(dir: &Path, items: &[LibraryItem]) -> Result<(), MintError> {
    let files = dir.join("files");
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| MintError::File { path, source }
    };
    std::fs::create_dir_all(&files).map_err(failed(&files))?;
    let list = dir.join("entries.jsonl");
    let mut lines = Vec::new();
    for item in items {
        if let (Some(name), Some(bytes)) = (&item.entry.file, &item.file) {
            let path = files.join(name);
            std::fs::write(&path, bytes).map_err(failed(&path))?;
        }
        serde_json::to_writer(&mut lines, &item.entry)
            .map_err(std::io::Error::other)
            .and_then(|()| lines.write_all(b"\n"))
            .map_err(failed(&list))?;
    }
    std::fs::write(&list, lines).map_err(failed(&list))
}

fn seal_kit(
    entry: &SourceEntry,
    pki: &DevelopmentPki,
    at: DateTime<Utc>,
) -> Result<SealKit, MintError> {
    let validity = Validity {
        from: at - Duration::days(KIT_DAYS_BEFORE),
        until: at + Duration::days(KIT_DAYS_AFTER),
    };
    SealKit::new(pki, &entry.issuer_name, &entry.issuer_code, validity)
}

fn sealed_file(
    entry: &SourceEntry,
    kit: &SealKit,
    format: Format,
    plan: &LibraryPlan,
) -> Result<Vec<u8>, MintError> {
    let at = NaiveTime::from_hms_opt(10, 0, 0)
        .and_then(|time| {
            SHANGHAI
                .from_local_datetime(&entry.issued_on.and_time(time))
                .single()
        })
        .map_or(plan.at, |time| time.to_utc());
    let entry = entry.clone().into_entry(ANY_NODE, 1, None)?;
    let options = MintOptions {
        layout: Layout::for_entry(&entry),
        format,
        at,
        spoil: plan.spoil,
        scan_bytes: plan.scan_bytes,
    };
    mint_file(&entry, kit, &options)
}
