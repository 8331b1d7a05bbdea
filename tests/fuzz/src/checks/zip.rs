//! Packages: within the limits, the same in every way of reading, and valid only when they show
//! what a seed shows.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use schemas::ofd::container::Package;
use schemas::ofd::limits;

use super::ofd;

/// Checks one package.
pub fn check(data: &[u8]) {
    if let Ok(package) = Package::open(data) {
        check_package(data, &package);
    }
    ofd::check(data);
}

fn check_package(data: &[u8], package: &Package<'_>) {
    assert!(data.len() <= limits::PACKED_BYTES);
    let files: Vec<_> = package.files().collect();
    assert!(files.len() <= limits::ENTRIES);
    let sizes = files.iter().map(|file| package.size_bytes(*file));
    assert!(sizes.sum::<u64>() <= limits::UNPACKED_BYTES);
    let (mut contents, mut is_whole) = (BTreeMap::new(), true);
    for file in files {
        let name = package.name(file);
        check_name(name);
        assert_eq!(package.find(name).map(|found| found.file), Some(file));
        let mut streamed = Vec::new();
        let outcome = package.stream(file, &mut |chunk| streamed.extend_from_slice(chunk));
        let Ok(content) = package.read(file) else {
            assert!(outcome.is_err());
            is_whole = false;
            continue;
        };
        assert_eq!(outcome, Ok(()));
        assert_eq!(content.len() as u64, package.size_bytes(file));
        assert!(*content == *streamed, "{name} reads differently in pieces");
        contents.insert(name.to_owned(), streamed);
    }
    // A reader that goes from one local header to the next sees the same.
    if is_whole
        && package.warnings().is_empty()
        && let Some(others) = read_forward(data)
    {
        assert!(others == contents, "readers see different files");
    }
}

fn check_name(name: &str) {
    assert!(!name.is_empty() && name.len() <= limits::NAME_BYTES);
    assert!(!name.starts_with('/') && !name.contains(['\\', '\0']));
    assert!(name.split('/').count() <= limits::NAME_SEGMENTS);
    assert!(name.split('/').all(|segment| segment != ".."));
}

/// The files in the order of their local headers; none where sizes stand behind the data, which
/// such a reader does not know beforehand.
fn read_forward(data: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut reader = Cursor::new(data);
    let mut found = BTreeMap::new();
    while let Some(mut file) = zip::read::read_zipfile_from_stream(&mut reader).ok()? {
        let mut content = Vec::new();
        file.read_to_end(&mut content).ok()?;
        if !file.is_dir() {
            found.insert(file.name().ok()?.into_owned(), content);
        }
    }
    Some(found)
}
