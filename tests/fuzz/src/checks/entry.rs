//! Directory entries: what a library's line or a peer's message says is bounded, and survives being
//! written and read again.

use schemas::entry::{Entry, FileReference, SourceEntry};
use schemas::licence_type::LicenceTypes;
use schemas::message::private_from_json;
use schemas::quality::check_entry;
use schemas::verdict::FileKind;
use std::sync::LazyLock;

/// As in `entry/source.rs`: the longest line, and the most holders.
const LINE_BYTES_MAX: usize = 64 << 10;
const HOLDERS_MAX: usize = 100;

static TYPES: LazyLock<LicenceTypes> = LazyLock::new(LicenceTypes::builtin);

/// Checks bytes as a line of a library, as an entry and as its private part.
pub fn check(data: &[u8]) {
    if let Ok(source) = SourceEntry::parse_line(data) {
        assert!(data.len() <= LINE_BYTES_MAX && source.holders.len() <= HOLDERS_MAX);
        let written = serde_json::to_vec(&source).expect("JSON");
        let again = SourceEntry::parse_line(&written);
        // What was escaped briefly may be longer when it is written out.
        if written.len() <= LINE_BYTES_MAX {
            let again = again.unwrap_or_else(|error| panic!("its own line: {error}"));
            assert!(
                source == again,
                "a line says something else when it is read again"
            );
        }
        let file = FileReference::new("0".repeat(64), 1, FileKind::Ofd).ok();
        let entry = source
            .into_entry("zhejiang", 1, file)
            .expect("a right name and revision");
        check_parsed(&entry);
    }
    if let Ok(entry) = serde_json::from_slice::<Entry>(data) {
        check_parsed(&entry);
    }
    if let Ok(private) = private_from_json(data) {
        let written = serde_json::to_vec(&private).expect("JSON");
        let again = private_from_json(&written).expect("what was written");
        assert!(private == again);
    }
}

fn check_parsed(entry: &Entry) {
    let written = serde_json::to_vec(entry).expect("JSON");
    let again: Entry = serde_json::from_slice(&written).expect("what was written");
    assert!(
        *entry == again,
        "an entry says something else when it is read again"
    );
    let faults = check_entry(entry, &TYPES, &[]);
    let again = check_entry(&again, &TYPES, &[]);
    assert_eq!(faults, again);
}
