//! `hub verify`: the verdict on files, without a server.

mod signed;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use certs::open_file::OpenFile;
use certs::trust::TrustStore;
use certs::verify::{OpenFileError, VerifyOptions, verify_open_file};
use chrono::{DateTime, SubsecRound as _, Utc};
use schemas::verdict::{Profile, Verdict};
use serde::Serialize;

use crate::cli::out::{self, outln};
use crate::cli::report;
use crate::cli::report::page::{FileReport, Page, Verified};
use crate::cli::report::says;
use crate::clock::{Clock, SystemClock};
use crate::config::{WhenUnknown, policy};

/// Stands for standard output where a file is named.
const STANDARD_OUTPUT: &str = "-";

/// Verify the seals and signatures of files (验证文件的电子印章和签名).
///
/// Needs no server. Exit code: 0 when every file is valid, 1 when one is not, 2 for wrong usage,
/// 3 when a file or the trust folder could not be read, or a file could not be written.
#[derive(clap::Args, Debug)]
pub struct VerifyArgs {
    /// Folder of trusted certificates and revocation lists, PEM or DER.
    ///
    /// A self-signed CA certificate is an anchor, another CA certificate an intermediate that must
    /// still chain, a certificate that is no CA a trusted seal maker. Without it nothing is
    /// trusted.
    #[arg(long, value_name = "DIR")]
    trust: Option<PathBuf>,
    /// Verify as of this time instead of now, for instance 2026-06-01T00:00:00+08:00.
    #[arg(long, value_name = "RFC3339")]
    at: Option<DateTime<Utc>>,
    /// Which changes after signing are tolerated.
    ///
    /// Without effect on OFD: it is for PDF, which may grow after signing.
    #[arg(long, value_enum, default_value_t = ProfileArg::Licence)]
    profile: ProfileArg,
    /// What it means when nobody says whether a certificate is revoked.
    ///
    /// With `indeterminate` a list or response must say so for every certificate below the anchor.
    #[arg(long, value_enum, default_value_t = WhenUnknown::Warn)]
    revocation_unknown: WhenUnknown,
    /// Most hours since a revocation list or response was made; 0: as long as it says itself.
    #[arg(long, value_name = "HOURS", default_value_t = 0)]
    revocation_max_age_h: u32,
    /// One line of JSON per file instead of text.
    #[arg(long)]
    json: bool,
    /// One HTML page about all files, in Chinese and English, for people who are no engineers.
    ///
    /// Every FILE has a section. The page needs nothing else, no network and no scripts, and prints
    /// on A4. It goes to standard output instead of text, or with =REPORT to a new file, beside the
    /// text on standard output.
    #[arg(
        long,
        value_name = "REPORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = STANDARD_OUTPUT,
        conflicts_with = "json"
    )]
    html: Option<PathBuf>,
    /// Write what was signed into this folder.
    ///
    /// For every signature of a PDF the revision that it covers, byte by byte, as
    /// NAME.signed-1.pdf and so on, with the verdict on each by itself. Nothing is written over. An
    /// OFD file has no revisions.
    #[arg(long, value_name = "DIR")]
    signed: Option<PathBuf>,
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ProfileArg {
    /// After signing only validation data, document timestamps and further signatures.
    Licence,
    /// Besides, what the signature itself allows (`DocMDP`, `FieldMDP`): fields and annotations.
    General,
}

/// Verifies the files one after the other and prints what was found.
///
/// # Errors
/// A trust folder that cannot be read, output that cannot be written, or a file in its place.
pub fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    // Before the work: nobody waits for verdicts whose report cannot be kept.
    refuse_to_write_over(args)?;
    refuse_no_folder(args)?;
    let trust = match &args.trust {
        Some(dir) => TrustStore::from_folder(dir)
            .with_context(|| format!("trust folder {} cannot be used", dir.display()))?,
        None => TrustStore::empty(),
    };
    let options = VerifyOptions {
        // Whole seconds, as the page and the details say it.
        at: args
            .at
            .unwrap_or_else(|| SystemClock.now())
            .trunc_subsecs(0),
        profile: match args.profile {
            ProfileArg::Licence => Profile::Licence,
            ProfileArg::General => Profile::General,
        },
        revocation: policy(args.revocation_unknown, args.revocation_max_age_h),
        expected: None,
    };
    let is_page_printed = args.html.as_deref() == Some(Path::new(STANDARD_OUTPUT));
    let mut exit = 0;
    let mut files = Vec::new();
    for path in &args.files {
        let name = path.display().to_string();
        let result = match verdict_on(path, &trust, &options) {
            Ok((file, verdict)) => {
                if !is_page_printed {
                    print(&name, &verdict, args.json)?;
                }
                exit = exit.max(u8::from(!verdict.is_valid()));
                if let Some(folder) = &args.signed {
                    signed::write(folder, (path, &file), &verdict, &trust, &options)?;
                }
                let says = || says::of_file(&verdict, |length| file.first_bytes(length).ok());
                Ok(Verified {
                    bytes: file.bytes(),
                    says: args.html.as_ref().and_then(|_| says()),
                    verdict,
                })
            }
            Err(error) => {
                eprintln!("{name}: {error}");
                exit = 3;
                Err(error.to_string())
            }
        };
        files.push(FileReport { name, result });
    }
    if let Some(report) = &args.html {
        let (at, trust, files) = (options.at, &trust, files.as_slice());
        let page = Page { at, trust, files }.to_html();
        if is_page_printed {
            out::text(page)?;
        } else {
            new_file(report)?
                .write_all(page.as_bytes())
                .with_context(|| format!("{} cannot be written", report.display()))?;
        }
    }
    Ok(ExitCode::from(exit))
}

/// One line of `--json`, the shape of ARCHITECTURE.md, Verdicts.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

fn print(file: &str, verdict: &Verdict, json: bool) -> anyhow::Result<()> {
    if json {
        outln!("{}", serde_json::to_string(&Line { file, verdict })?)?;
    } else {
        outln!("{file}")?;
        out::text(report::verdict_text(verdict, "  "))?;
    }
    Ok(())
}

fn verdict_on(
    file: &Path,
    trust: &TrustStore,
    options: &VerifyOptions<'_>,
) -> Result<(OpenFile, Verdict), OpenFileError> {
    let file = OpenFile::open(file)?;
    let verdict = verify_open_file(&file, trust, options)?;
    Ok((file, verdict))
}

/// Refuses a report or revisions in the place of what is there already.
fn refuse_to_write_over(args: &VerifyArgs) -> anyhow::Result<()> {
    let report = args.html.iter().map(PathBuf::as_path);
    let report = report.filter(|path| *path != Path::new(STANDARD_OUTPUT));
    let revisions = args.signed.iter();
    let revisions = revisions.filter_map(|folder| signed::already_there(folder, &args.files));
    let mut taken = report.filter(|path| path.exists()).map(Path::to_owned);
    match taken.next().or_else(|| revisions.min()) {
        Some(path) => anyhow::bail!(
            "{0} 已经存在，不会覆盖，请另取名称或先移走；尚未验证 {0} is there already and is not \
             written over: give another name or move it away; nothing was verified",
            path.display()
        ),
        None => Ok(()),
    }
}

/// Refuses a report in a folder that is not there.
fn refuse_no_folder(args: &VerifyArgs) -> anyhow::Result<()> {
    let folder = args.html.as_deref().and_then(Path::parent);
    match folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        Some(folder) => anyhow::bail!(
            "没有文件夹 {0}，报告无处可写；尚未验证 there is no folder {0} for the report; nothing was \
             verified",
            folder.display()
        ),
        None => Ok(()),
    }
}

/// A file that was not there before: a licence that is named by mistake must not be lost.
fn new_file(path: &Path) -> anyhow::Result<File> {
    File::create_new(path).with_context(|| format!("{} cannot be written", path.display()))
}
