//! `hub mint`: a development PKI and a library of sealed sample licences.

use std::path::PathBuf;
use std::process::ExitCode;

use certs::mint::certificate::Revocation;
use certs::mint::pki::DevelopmentPki;
use chrono::{DateTime, Duration, Utc};
use clap::{CommandFactory as _, ValueEnum};
use schemas::region::ProvinceCode;
use schemas::verdict::SealVersion;

use super::out::outln;
use crate::clock::{Clock as _, SystemClock};
use crate::mint::{Format, LibraryPlan, SealKit, Spoil, mint_library, write_library};

/// Make a development PKI (SM2 root, issuing authority, seal maker, RSA root, CRLs) and sealed
/// licences of fictitious types, OFD or PDF, for tests and demos.
///
/// DIR receives trust/ (what `hub verify --trust` is given), keys/ (private keys, for development
/// only), entries.jsonl and files/. A PKI that is already there is used again.
#[derive(Debug, clap::Args)]
pub(super) struct MintArgs {
    /// Folder to write into.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of licences.
    #[arg(long, value_name = "N", default_value_t = 12)]
    licences: usize,
    /// How many of them have a file; all when not given.
    #[arg(long, value_name = "N")]
    files: Option<usize>,
    /// Format of the files, and how they are signed.
    #[arg(long, value_enum, default_value_t = FormatArg::Ofd)]
    format: FormatArg,
    /// Layout of the seals: GM/T 0031-2014, GB/T 38540-2020 (when not given) or GM/T 0031-2025.
    /// For formats with an e-seal: ofd and pdf-seal.
    #[arg(long, value_enum)]
    seal_version: Option<SealVersionArg>,
    /// Bytes of a scanned original in every file, as pages of some 256 KiB: for files of a wanted
    /// size.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    scan_bytes: usize,
    /// The fault that every file is to have.
    #[arg(long, value_enum, value_name = "FAULT")]
    spoil: Option<Spoil>,
    /// Two-digit GB/T 2260 code of the province.
    #[arg(long, value_name = "CODE", value_parser = ProvinceCode::parse, default_value = "33")]
    province: ProvinceCode,
    /// Seed of the sample data: the same seed gives the same licences.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Time of minting, for instance 2026-06-01T00:00:00+08:00; now when not given.
    #[arg(long, value_name = "RFC3339")]
    at: Option<DateTime<Utc>>,
}

/// Seal layouts by name.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SealVersionArg {
    V1,
    V4,
    V5,
}

/// Formats by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FormatArg {
    /// OFD under an e-seal.
    Ofd,
    /// OFD with a GB/T 35275 signature, without a seal.
    OfdSign,
    /// PDF with a CMS signature: SM2 (adbe.pkcs7.detached).
    Pdf,
    /// PDF with a GB/T 35275 signature.
    PdfGb35275,
    /// PDF with an e-seal (GB/T 38540) in the place of a CMS signature.
    PdfSeal,
    /// PDF with a CMS signature: RSA.
    PdfRsa,
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read or written.
pub(super) fn run(args: &MintArgs) -> anyhow::Result<ExitCode> {
    let at = args.at.unwrap_or_else(|| SystemClock.now());
    let format = format(args);
    let is_new = !args.out.join("keys").exists();
    let pki = if is_new {
        DevelopmentPki::mint("证照枢纽开发", at)?
    } else {
        DevelopmentPki::load(&args.out)?
    };
    let pki = pki.with_rsa(at)?;
    let plan = LibraryPlan {
        province: args.province,
        licences: args.licences,
        files: args.files.unwrap_or(args.licences),
        seed: args.seed,
        formats: vec![format],
        spoil: args.spoil,
        scan_bytes: args.scan_bytes,
        at,
    };
    let (items, kits) = mint_library(&plan, &pki)?;
    write_library(&args.out, &items)?;
    pki.save(&args.out, &revocations(args.spoil, &kits, at), at)?;
    let files = items.iter().filter(|item| item.file.is_some()).count();
    outln!("{}", args.out.display())?;
    outln!("  目录 entries  {} 条, entries.jsonl", items.len())?;
    let kind = format.extension().to_uppercase();
    outln!("  证照 files    {files} 个 {kind}, files/")?;
    outln!(
        "  信任 trust    根、签发、印章制作证书和 CRL roots, issuing, seal maker, CRLs, trust/"
    )?;
    outln!("  私钥 keys     仅供开发测试 for development only, keys/")?;
    if let Some((verdict, code)) = args.spoil.and_then(|spoil| spoil.expected(format)) {
        outln!("  预期 expected {} {}", verdict.as_str(), code.as_str())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn format(args: &MintArgs) -> Format {
    let version = args.seal_version.unwrap_or(SealVersionArg::V4).into();
    let format = match args.format {
        FormatArg::Ofd => Format::OfdSeal(version),
        FormatArg::OfdSign => Format::OfdSign,
        FormatArg::Pdf => Format::PdfSm2,
        FormatArg::PdfGb35275 => Format::PdfGb35275,
        FormatArg::PdfSeal => Format::PdfSeal(version),
        FormatArg::PdfRsa => Format::PdfRsa,
    };
    if args.seal_version.is_some() && format.seal_version().is_none() {
        wrong_usage("--seal-version is for formats with an e-seal: ofd and pdf-seal");
    }
    let does_not_fit = |spoil: &Spoil| spoil.expected(format).is_none();
    if let Some(spoil) = args.spoil.filter(does_not_fit) {
        let (spoil, format) = (name(spoil), name(args.format));
        wrong_usage(&format!(
            "格式 {format} 不能有缺陷 {spoil} a file of --format {format} cannot have the fault \
             --spoil {spoil}"
        ));
    }
    format
}

fn wrong_usage(what: &str) -> ! {
    let kind = clap::error::ErrorKind::ArgumentConflict;
    super::Arguments::command().error(kind, what).exit()
}

/// A value as it is written on the command line.
fn name(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// The signers are revoked since long before they signed, when that is the fault.
fn revocations(spoil: Option<Spoil>, kits: &[SealKit], at: DateTime<Utc>) -> Vec<Revocation> {
    /// Sample licences are sealed less than seven years ago.
    const DAYS_BEFORE: i64 = 7 * 365;
    if spoil != Some(Spoil::RevokedSigner) {
        return Vec::new();
    }
    let since = at - Duration::days(DAYS_BEFORE);
    kits.iter()
        .flat_map(SealKit::signers)
        .map(|signer| Revocation {
            serial: signer.serial().to_vec(),
            since,
        })
        .collect()
}

impl From<SealVersionArg> for SealVersion {
    fn from(version: SealVersionArg) -> Self {
        match version {
            SealVersionArg::V1 => Self::V1,
            SealVersionArg::V4 => Self::V4,
            SealVersionArg::V5 => Self::V5,
        }
    }
}
