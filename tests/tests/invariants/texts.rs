//! Invariant 9: every code that a refusal can have is in the catalogue, in both languages, with
//! whose side it is on and what to do next; every rule of the quality queue says so itself.

use std::collections::BTreeSet;
use std::path::Path;

use schemas::catalogue;
use schemas::entry::SourceEntry;
use schemas::quality::QualityFault;

/// Sources whose codes reach callers, other nodes, leaves or whoever verifies a proof.
const CODED: [&str; 14] = [
    "hub/src/refusal.rs",
    "hub/src/http/fault.rs",
    "hub/src/http/fault/batch.rs",
    "hub/src/exchange/incoming.rs",
    "hub/src/exchange/trust.rs",
    "hub/src/node/peers.rs",
    "hub/src/cli/doctor/outside.rs",
    "hub/src/cli/doctor/trusted.rs",
    "hub/src/prove.rs",
    "hub/src/provenance/recorder.rs",
    "certs/src/envelope_security.rs",
    "schemas/src/identifier.rs",
    "schemas/src/proof.rs",
    "schemas/src/seal_status.rs",
];

#[test]
fn every_code_that_is_answered_has_its_texts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut codes = BTreeSet::new();
    for file in CODED {
        let text = std::fs::read_to_string(root.join(file)).expect("a source file");
        let found = codes_in(&text);
        assert!(found.len() >= 2, "{file}: no codes were found");
        codes.extend(found);
    }
    assert!(
        codes.contains("PERMIT_EXPIRED") && codes.contains("ID_CHECK"),
        "{codes:?}"
    );
    for code in &codes {
        let text = catalogue::text(code);
        let text = text.unwrap_or_else(|| panic!("{code} has no text in the catalogue"));
        for chinese in [&text.zh, &text.next_zh] {
            assert!(is_chinese(chinese), "{code}: {chinese:?} is not Chinese");
        }
        for english in [&text.en, &text.next_en] {
            assert!(is_english(english), "{code}: {english:?} is not English");
        }
    }
}

#[test]
fn every_line_that_is_refused_says_why_in_both_languages() {
    let lines = [
        "",
        "{}",
        "no JSON",
        r#"{"identifier": "1.2.3"}"#,
        r#"{"identifier": 7}"#,
    ];
    let long = "x".repeat(65 * 1024);
    for line in lines.into_iter().chain([long.as_str()]) {
        let error = SourceEntry::parse_line(line.as_bytes()).expect_err("refused");
        let fault = QualityFault::from_entry_error(&error);
        assert!(fault.rejecting && fault.rule.starts_with("Q-"), "{fault:?}");
        assert!(is_chinese(&fault.zh) && is_english(&fault.en), "{fault:?}");
    }
}

/// String literals that look like codes, above the unit tests of a file.
fn codes_in(source: &str) -> BTreeSet<String> {
    let product = source.split("#[cfg(test)]").next().unwrap_or_default();
    let is_code = |text: &&str| {
        text.len() >= 4
            && text.starts_with(|first: char| first.is_ascii_uppercase())
            && text
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    product
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(is_code)
        .map(str::to_owned)
        .collect()
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c))
}

fn is_english(text: &str) -> bool {
    !is_chinese(text) && text.split_whitespace().count() >= 2
}
