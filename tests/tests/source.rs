//! The demo on somebody else's files: looked up, fetched across provinces, delivered only when
//! somebody in the trust folder vouches for them.

use std::path::Path;

use schemas::identifier::Identifier;
use serde_json::json;
use tests::program::{corpus, hub, run};

/// A fictitious type whose files carry no metadata of their own.
const TYPE: (&str, &str) = ("11990000MB999999XE004", "示例历史证照");

/// File, and what must come of it: `delivered`, or the finding that it is refused with.
const FILES: &[(&str, &str)] = &[
    ("ok_v4_seal.ofd", "delivered"),
    ("ok_v1_seal.ofd", "delivered"),
    ("ok_v5_seal.ofd", "delivered"),
    ("ok_v4_whole.ofd", "delivered"),
    ("ok_v4_certdigestlist.ofd", "delivered"),
    ("ok_v4_raw_rs_both.ofd", "delivered"),
    ("ok_v1_padbits.ofd", "delivered"),
    ("ok_v4_no_seal_file.ofd", "delivered"),
    ("ok_sign_gbt35275.ofd", "delivered"),
    ("bad_content_changed.ofd", "REF_DIGEST"),
    ("bad_signature_xml_replaced.ofd", "DATAHASH"),
    ("bad_signer_not_in_list.ofd", "SIGNER_NOT_IN_LIST"),
    ("bad_signer_revoked.ofd", "SIGNER_REVOKED"),
    ("bad_seal_expired.ofd", "SEAL_PERIOD"),
    ("bad_untrusted_chain.ofd", "UNTRUSTED"),
    ("bad_signatures_dropped.ofd", "UNSIGNED"),
    ("zip_traversal.ofd", "ZIP_PATH"),
    ("real/V4RideRight.ofd", "UNTRUSTED"),
];

#[test]
fn real_files_are_delivered_or_refused_as_their_seals_deserve() {
    let Some(corpus) = corpus("the demo on real files") else {
        return;
    };
    let folder = tempfile::tempdir().expect("folder");
    let library = folder.path().join("library");
    let identifiers = write_library(&library, &corpus.join("ofd"));
    let data = folder.path().join("data");
    let shown = run(hub()
        .args(["demo", "--exit", "--source"])
        .arg(&library)
        .arg("--data")
        .arg(&data));
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(
        !shown.stderr.to_lowercase().contains("error"),
        "{}",
        shown.stderr
    );
    for ((file, expected), identifier) in FILES.iter().zip(&identifiers) {
        let start = shown
            .stdout
            .find(&format!("\n   {identifier} · "))
            .expect("its part");
        let rest = &shown.stdout[start + 1..];
        let part = rest.split_once("\n\n").map_or(rest, |(part, _)| part);
        assert!(
            part.contains("source national"),
            "{file} was not looked up elsewhere:\n{part}"
        );
        if *expected == "delivered" {
            assert!(
                part.contains("已交付 delivered"),
                "{file} was not delivered:\n{part}"
            );
            assert!(part.contains("有效 valid"), "{file}:\n{part}");
        } else {
            assert!(
                !part.contains("已交付 delivered"),
                "{file} was delivered:\n{part}"
            );
            let finding = format!("failing check: {expected}");
            assert!(
                part.contains(&finding),
                "{file} without {expected}:\n{part}"
            );
        }
    }
}

/// Writes entries for the files, as their home province would.
fn write_library(library: &Path, corpus: &Path) -> Vec<Identifier> {
    let (files, trust) = (library.join("files"), library.join("trust"));
    std::fs::create_dir_all(&files).expect("folder");
    std::fs::create_dir_all(&trust).expect("folder");
    for entry in std::fs::read_dir(corpus.join("trust")).expect("trust") {
        let path = entry.expect("entry").path();
        std::fs::copy(&path, trust.join(path.file_name().expect("name"))).expect("copied");
    }
    let issuer = schemas::uscc::Uscc::build("11330100", "MB999999").expect("code");
    let mut lines = String::new();
    let mut identifiers = Vec::new();
    for (number, (file, _)) in FILES.iter().enumerate() {
        let name = Path::new(file)
            .file_name()
            .expect("name")
            .to_string_lossy()
            .into_owned();
        std::fs::copy(corpus.join(file), files.join(&name)).expect("copied");
        let serial = format!("2026{number:06}");
        let identifier = Identifier::build(TYPE.0, issuer.as_str(), &serial, 1).expect("built");
        let line = json!({
            "identifier": identifier,
            "licence_name": TYPE.1,
            "type_name": TYPE.1,
            "type_code": TYPE.0,
            "number": format!("样{number:04}"),
            "issuer_name": "示例发证机关（虚构）",
            "issuer_code": issuer,
            "issued_on": "2026-06-01",
            "region": "330100",
            "holders": [{"name": "示例企业", "code": issuer, "code_type": "001"}],
            "file": name,
        });
        lines.push_str(&line.to_string());
        lines.push('\n');
        identifiers.push(identifier);
    }
    std::fs::write(library.join("entries.jsonl"), lines).expect("written");
    identifiers
}
