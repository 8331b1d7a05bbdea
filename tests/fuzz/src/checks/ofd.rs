//! Whole OFD files: a valid one shows what one of the seeds shows.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Write as _};
use std::sync::LazyLock;

use certs::digest::sm3;
use certs::verify::verify_file;
use schemas::ofd::container::Package;
use schemas::ofd::{document, reach};
use schemas::verdict::FileKind;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{TRUST, files, options};

/// Names of files and the digests of what they hold.
type Shown = BTreeMap<String, [u8; 32]>;

/// What the seeds show.
static SHOWN: LazyLock<BTreeSet<Shown>> = LazyLock::new(|| {
    let seeds = files("seeds/zip").into_iter();
    seeds.filter_map(|(_, seed)| shown(&seed)).collect()
});

/// Verifies a file.
pub fn check(data: &[u8]) {
    let verdict = verify_file(data, &TRUST, &options());
    if verdict.is_valid() {
        assert_eq!(verdict.kind, FileKind::Ofd);
        assert!(
            !verdict.signatures.is_empty(),
            "valid, and nobody signed it"
        );
        let shown = shown(data).expect("what is shown of a valid file");
        assert!(SHOWN.contains(&shown), "a forged file: {:?}", shown.keys());
    } else {
        assert!(verdict.code.is_some(), "no reason is named");
    }
}

/// Whether it is valid.
#[must_use]
pub fn is_genuine(data: &[u8]) -> bool {
    verify_file(data, &TRUST, &options()).is_valid()
}

/// What takes part in what a reader shows. `OFD.xml` itself is left out: in many real files nobody
/// signs it, so it may say where things are in other words.
fn shown(data: &[u8]) -> Option<Shown> {
    let package = Package::open(data).ok()?;
    let root = package.find(document::ROOT_PART)?.file;
    let parsed = document::parse_root(&package.read(root).ok()?).ok()?;
    let reached = reach::reach(&package, &parsed).files.into_iter();
    let read = |file| {
        let content = package.read(file).ok()?;
        Some((package.name(file).to_owned(), sm3(&content)))
    };
    reached.filter(|file| *file != root).map(read).collect()
}

/// The parts of a package, by name.
#[must_use]
pub fn unpack(data: &[u8]) -> Vec<(String, Vec<u8>)> {
    let package = Package::open(data).expect("a package");
    let read = |file| {
        let content = package.read(file).expect("a part").into_owned();
        (package.name(file).to_owned(), content)
    };
    package.files().map(read).collect()
}

/// A package of these parts.
#[must_use]
pub fn pack(parts: &[(String, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, content) in parts {
        writer.start_file(name, options).expect("a new part");
        writer.write_all(content).expect("memory");
    }
    writer.finish().expect("a package").into_inner()
}
