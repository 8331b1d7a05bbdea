//! `hub prove`: verifies proof files offline.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::out;
use crate::prove;

/// Verify proof files of the provenance log, offline.
///
/// Exit code 0 when a trusted node vouches for every one, 1 when not (also without --trust:
/// the arithmetic may hold, but nobody vouches for the head), 3 when a file cannot be read.
#[derive(clap::Args, Debug)]
pub(crate) struct ProveArgs {
    /// Proof files, as `hub trail --out` writes them.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Folder with the public keys of trusted nodes: the `<node>.node.json` that each node writes
    /// into its data folder at every start.
    #[arg(long, value_name = "DIR")]
    pub(crate) trust: Option<PathBuf>,
}

/// Runs `hub prove`.
///
/// # Errors
/// A proof file or the folder of trusted nodes cannot be read.
pub(crate) async fn run(args: ProveArgs) -> anyhow::Result<ExitCode> {
    let mut is_proven = true;
    for file in &args.files {
        let report = prove::file(file, args.trust.as_deref())
            .with_context(|| format!("file {}", file.display()))?;
        out::text(&report)?;
        is_proven &= report.is_proven();
    }
    Ok(ExitCode::from(u8::from(!is_proven)))
}
