//! Licences of every format: minted, verified and damaged; and a PDF fetched across provinces.

use std::path::Path;

use hub::mint::Format;
use schemas::verdict::FileKind;
use tests::TestHub;
use tests::program::{hub, run};

/// What `hub mint --format` knows.
const FORMATS: [&str; 6] = [
    "ofd",
    "ofd-sign",
    "pdf",
    "pdf-gb35275",
    "pdf-seal",
    "pdf-rsa",
];

#[test]
fn every_format_is_minted_verified_and_damaged() {
    for format in FORMATS {
        let folder = tempfile::tempdir().expect("a folder");
        let minted = run(hub()
            .args(["mint", "--licences", "1", "--format", format, "--out"])
            .arg(folder.path()));
        assert_eq!(minted.code, Some(0), "{format}: {minted:?}");
        let file = the_file(folder.path());
        for profile in ["licence", "general"] {
            assert_eq!(verified(folder.path(), &file, profile), Some(0), "{format}");
        }
        let mut bytes = std::fs::read(&file).expect("the file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).expect("written");
        for profile in ["licence", "general"] {
            assert_eq!(verified(folder.path(), &file, profile), Some(1), "{format}");
        }
    }
}

#[test]
fn a_layout_of_seals_is_for_formats_with_a_seal() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = run(hub()
        .args([
            "mint",
            "--format",
            "pdf-rsa",
            "--seal-version",
            "v5",
            "--out",
        ])
        .arg(folder.path()));
    assert_eq!(refused.code, Some(2), "{refused:?}");
}

#[test]
fn a_fault_that_a_format_cannot_have_is_wrong_usage() {
    let folder = tempfile::tempdir().expect("a folder");
    let spoiled = ["--format", "pdf", "--spoil", "swapped-seal-file"];
    let mut mint = hub();
    mint.arg("mint").args(spoiled).arg("--out");
    let refused = run(mint.arg(folder.path()));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    for said in ["--format pdf ", "--spoil swapped-seal-file", "格式"] {
        assert!(refused.stderr.contains(said), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pdf_is_fetched_across_provinces() {
    let mut hub = TestHub::start(2, 0).await;
    hub.attach_files(2, Format::PdfSm2, 0);
    hub.sync().await;
    let delivery = hub.deliver(&hub.identifier(0)).await.expect("delivered");
    assert_eq!(delivery.verdict().kind, FileKind::Pdf);
    assert!(delivery.verdict().is_valid());
    assert_eq!(Some(delivery.bytes().to_vec()), hub.items[0].file);
    hub.stop().await;
}

fn the_file(folder: &Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(folder.join("files")).expect("files");
    let mut paths = files.map(|entry| entry.expect("an entry").path());
    paths.next().expect("a file")
}

fn verified(folder: &Path, file: &Path, profile: &str) -> Option<i32> {
    let verify = run(hub()
        .args(["verify", "--profile", profile, "--trust"])
        .arg(folder.join("trust"))
        .arg(file));
    verify.code
}
