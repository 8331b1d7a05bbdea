//! `hub verify --signed`: the revisions that were signed, byte by byte as their signers saw them.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use certs::open_file::OpenFile;
use certs::trust::TrustStore;
use certs::verify::VerifyOptions;
use schemas::pdf::source::ReadAt;
use schemas::verdict::Verdict;

use super::{new_file, verdict_on};
use crate::cli::report;

/// Bytes copied at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Writes, for every signature that covers a revision, that revision into the folder, and says on
/// standard error what it is worth by itself.
///
/// # Errors
/// When the folder or a file cannot be written, a file is there already, or the original changed
/// since it was verified.
pub(super) fn write(
    folder: &Path,
    (path, file): (&Path, &OpenFile),
    verdict: &Verdict,
    trust: &TrustStore,
    options: &VerifyOptions<'_>,
) -> anyhow::Result<()> {
    let mut written = 0;
    for (number, signature) in verdict.signatures.iter().enumerate() {
        let Some(length) = signature.signed_bytes else {
            continue;
        };
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let target = folder.join(format!("{}{}.pdf", beginning(path), number + 1));
        copy(file, length, &target)?;
        // By itself: what was changed later is not in it.
        let (_, own) = verdict_on(&target, trust, options)?;
        eprintln!(
            "{}: 签名时的版本 the revision that {:?} covers, {length} bytes: {} {}",
            target.display(),
            signature.id,
            report::outcome_zh(own.verdict),
            own.verdict.as_str(),
        );
        written += 1;
    }
    if written == 0 {
        eprintln!(
            "{}: 没有可取出的签名版本 no signature covers a revision of its own; nothing written",
            path.display()
        );
    }
    Ok(())
}

/// How the names of a file's revisions begin.
fn beginning(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    format!("{stem}.signed-")
}

/// What is in the way of the revisions of these files: one of an earlier time, or a file in the
/// place of the folder.
pub(super) fn already_there(folder: &Path, files: &[PathBuf]) -> Option<PathBuf> {
    if folder.is_file() {
        return Some(folder.to_owned());
    }
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    let is_revision = |name: &str, path: &PathBuf| {
        let number = name.strip_prefix(&beginning(path));
        let number = number.and_then(|rest| rest.strip_suffix(".pdf"));
        number.is_some_and(is_number)
    };
    // A folder that cannot be read is reported when it is written.
    let found = std::fs::read_dir(folder).ok()?.flatten();
    let found = found.filter(|found| {
        let name = found.file_name().to_string_lossy().into_owned();
        files.iter().any(|path| is_revision(&name, path))
    });
    found.map(|found| found.path()).min()
}

fn copy(file: &OpenFile, length: u64, target: &Path) -> anyhow::Result<()> {
    let cannot = || format!("{} cannot be written", target.display());
    let length = usize::try_from(length).with_context(cannot)?;
    let mut copy = new_file(target)?;
    let mut chunk = vec![0; CHUNK_BYTES.min(length)];
    for start in (0..length).step_by(CHUNK_BYTES) {
        let part = chunk.get_mut(..CHUNK_BYTES.min(length - start));
        let part = part.unwrap_or_default();
        file.read_at(start, part)
            .map_err(std::io::Error::from)
            .with_context(cannot)?;
        copy.write_all(part).with_context(cannot)?;
    }
    anyhow::ensure!(file.is_as_it_was(), "the file changed while it was copied");
    Ok(())
}
