//! `hub verify`: the verdict on files, without a server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use certs::open_file::OpenFile;
use certs::trust::TrustStore;
use certs::verify::{OpenFileError, VerifyOptions, verify_open_file};
use chrono::{DateTime, Utc};
use schemas::verdict::{Profile, Verdict};
use serde::Serialize;

use crate::cli::out::{self, outln};
use crate::cli::report;
use crate::clock::{Clock, SystemClock};

/// Verify the seals and signatures of files (验证文件的电子印章和签名).
///
/// Needs no server. Exit code: 0 when every file is valid, 1 when one is not, 2 for wrong usage,
/// 3 when a file or the trust folder could not be read.
#[derive(clap::Args, Debug)]
pub struct VerifyArgs {
    /// Folder of trusted certificates and revocation lists, PEM or DER.
    ///
    /// A self-signed CA certificate is an anchor, another CA certificate an intermediate that must
    /// still chain, a certificate that is no CA a trusted seal maker. Without it nothing is
    /// trusted.
    #[arg(long, value_name = "DIR")]
    trust: Option<PathBuf>,
    /// Verify as of this time instead of now.
    #[arg(long, value_name = "RFC3339")]
    at: Option<DateTime<Utc>>,
    /// Which changes after signing are tolerated.
    ///
    /// Without effect on OFD: it is for PDF, which may grow after signing.
    #[arg(long, value_enum, default_value_t = ProfileArg::Licence)]
    profile: ProfileArg,
    /// One line of JSON per file instead of text.
    #[arg(long)]
    json: bool,
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ProfileArg {
    /// After signing only validation data, document timestamps and further signatures.
    Licence,
    /// The rules of ETSI and ISO.
    General,
}

/// Verifies the files one after the other and prints what was found.
///
/// # Errors
/// A trust folder that cannot be read, or output that cannot be written.
pub fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    certs::sm2_verification::self_test()?;
    let trust = match &args.trust {
        Some(dir) => TrustStore::from_folder(dir)
            .with_context(|| format!("trust folder {} cannot be used", dir.display()))?,
        None => TrustStore::empty(),
    };
    let options = VerifyOptions {
        at: args.at.unwrap_or_else(|| SystemClock.now()),
        profile: match args.profile {
            ProfileArg::Licence => Profile::Licence,
            ProfileArg::General => Profile::General,
        },
        revocation: certs::signed_value::RevocationPolicy::WarnWhenUnknown,
        expected: None,
    };
    let mut exit = 0;
    for file in &args.files {
        match verdict_on(file, &trust, &options) {
            Ok(verdict) => {
                print(file, &verdict, args.json)?;
                exit = exit.max(u8::from(!verdict.is_valid()));
            }
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                exit = 3;
            }
        }
    }
    Ok(ExitCode::from(exit))
}

/// One line of `--json`, the shape of ARCHITECTURE.md, Verdicts.
#[derive(Serialize)]
struct Line<'a> {
    file: String,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

fn print(file: &Path, verdict: &Verdict, json: bool) -> anyhow::Result<()> {
    let file = file.display().to_string();
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
) -> Result<Verdict, OpenFileError> {
    verify_open_file(&OpenFile::open(file)?, trust, options)
}
