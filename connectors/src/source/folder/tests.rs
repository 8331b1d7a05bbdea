//! A folder library with good and faulty lines, and with paths that try to leave it.

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Stands for SM3: shows that the bytes were given to the digest.
fn digest(bytes: &[u8]) -> String {
    format!("{:064x}", bytes.len())
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(entries: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("library/files/sub")).expect("folders");
        fs::write(folder.path().join("library/entries.jsonl"), entries).expect("entries");
        fs::write(folder.path().join("library/files/a.ofd"), b"PK\x03\x04rest").expect("a file");
        fs::write(folder.path().join("library/files/sub/b.pdf"), b"%PDF-1.7").expect("a file");
        fs::write(folder.path().join("secret"), b"outside").expect("a file");
        Self { folder }
    }

    fn files(&self) -> PathBuf {
        self.folder.path().join("library/files")
    }

    fn open(&self) -> FolderSource {
        FolderSource::open(self.folder.path().join("library"), digest).expect("a library")
    }
}

/// The entry of an invented licence with an invented holder.
fn line(file: Option<&str>) -> String {
    let mut line = serde_json::json!({
        "identifier": "1.2.156.3005.2.11990000MB999999XE001.11330105002500287C.20240001.001.X",
        "licence_name": "示例施工许可证",
        "type_name": "示例施工许可证",
        "type_code": "11990000MB999999XE001",
        "issuer_name": "示例区建设局",
        "issuer_code": "11330105002500287C",
        "issued_on": "20240629",
        "region": "330105000000",
        "number": "示建字第0001号",
        "holders": [{"name": "测试企业", "code": "11370800MB28559184", "code_type": "001"}],
    });
    if let Some(file) = file {
        line["file"] = file.into();
    }
    line.to_string()
}

#[tokio::test]
async fn files_inside_are_read() {
    let place = Place::new("");
    let source = place.open();
    assert_eq!(
        source.read("a.ofd").await.expect("a file"),
        b"PK\x03\x04rest".as_slice()
    );
    assert_eq!(
        source.read("sub/b.pdf").await.expect("a file"),
        b"%PDF-1.7".as_slice()
    );
    symlink("a.ofd", place.files().join("inside")).expect("a link");
    assert_eq!(
        source.read("inside").await.expect("a file"),
        b"PK\x03\x04rest".as_slice()
    );
}

#[tokio::test]
async fn a_file_that_has_not_changed_is_not_read_again() {
    static READ: AtomicUsize = AtomicUsize::new(0);
    fn counting(bytes: &[u8]) -> String {
        READ.fetch_add(1, Ordering::SeqCst);
        digest(bytes)
    }
    let place = Place::new(&format!(
        "{}\n{}",
        line(Some("a.ofd")),
        line(Some("sub/b.pdf"))
    ));
    let source = FolderSource::open(place.folder.path().join("library"), counting);
    let source = source.expect("a library");
    let first = source.entries().await.expect("entries");
    let again = source.entries().await.expect("entries");
    assert_eq!(READ.load(Ordering::SeqCst), 2);
    for (one, other) in first.iter().zip(&again) {
        assert_eq!(one.file, other.file);
    }
    fs::write(place.files().join("a.ofd"), b"PK\x03\x04another").expect("a file");
    let changed = source.entries().await.expect("entries");
    assert_eq!(READ.load(Ordering::SeqCst), 3);
    let size = |lines: &[SourceLine]| lines[0].file.as_ref().map(|file| file.size_bytes);
    assert_eq!((size(&first), size(&changed)), (Some(8), Some(11)));
}

#[track_caller]
fn check_refused(result: Result<Bytes, SourceError>, code: &str, path: &str) {
    match result {
        Ok(_) => panic!("{path} was read"),
        Err(error) => assert_eq!(error.code(), code, "{path}"),
    }
}

#[tokio::test]
async fn paths_that_leave_the_library_are_refused() {
    let place = Place::new("");
    let (files, outside) = (place.files(), place.folder.path().join("secret"));
    symlink(&outside, files.join("link")).expect("a link");
    symlink("../../secret", files.join("relative")).expect("a link");
    symlink(place.folder.path(), files.join("folder")).expect("a link");
    symlink("../entries.jsonl", files.join("entries")).expect("a link");
    symlink("nowhere", files.join("broken")).expect("a link");
    symlink("loop", files.join("loop")).expect("a link");
    let source = place.open();
    for path in [
        "",
        "/etc/hostname",
        "../entries.jsonl",
        "sub/../../../secret",
        "./a.ofd",
        "..",
        "link",
        "relative",
        "folder/secret",
        "entries",
    ] {
        check_refused(source.read(path).await, "SOURCE_PATH", path);
    }
    check_refused(source.read("loop").await, "SOURCE_READ", "loop");
    check_refused(
        source.read("a\0.ofd").await,
        "SOURCE_READ",
        "a name with a zero byte",
    );
    for path in ["broken", "none.ofd", "a.ofd/b"] {
        check_refused(source.read(path).await, "SOURCE_MISSING", path);
    }
    check_refused(source.read("sub").await, "SOURCE_NOT_A_FILE", "sub");
}

#[tokio::test]
async fn files_over_the_limit_are_refused() {
    let place = Place::new("");
    let file = File::create(place.files().join("large.ofd")).expect("a file");
    file.set_len(FILE_BYTES_MAX + 1).expect("a size");
    check_refused(
        place.open().read("large.ofd").await,
        "SOURCE_TOO_LARGE",
        "large.ofd",
    );
    file.set_len(FILE_BYTES_MAX).expect("a size");
    assert!(place.open().read("large.ofd").await.is_ok());
}

#[tokio::test]
async fn a_faulty_line_does_not_hide_the_others() {
    let long = "x".repeat(200 * 1024);
    let entries = [
        line(Some("a.ofd")),
        String::new(),
        "{".to_owned(),
        long,
        line(None),
        line(Some("none.ofd")),
        line(Some("sub/b.pdf")),
    ];
    let place = Place::new(&entries.join("\n"));
    let lines = place.open().entries().await.expect("entries");
    let found: Vec<_> = lines
        .iter()
        .map(|line| {
            let refused = line.entry.as_ref().err().map(|error| error.code());
            let file = line.file.as_ref().map(|file| (file.size_bytes, file.kind));
            (
                line.line,
                refused,
                file,
                line.file_fault.as_ref().map(SourceError::code),
            )
        })
        .collect();
    let expected = [
        (1, None, Some((8, FileKind::Ofd)), None),
        (3, Some("ENTRY_JSON"), None, None),
        (4, Some("ENTRY_LINE_TOO_LONG"), None, None),
        (5, None, None, None),
        (6, None, None, Some("SOURCE_MISSING")),
        (7, None, Some((8, FileKind::Pdf)), None),
    ];
    assert_eq!(found, expected);
    let digest = lines
        .first()
        .and_then(|line| line.file.clone())
        .map(|file| file.sm3);
    assert_eq!(digest, Some(format!("{:064x}", 8)));
}

#[tokio::test]
async fn licence_types_are_optional() {
    let place = Place::new("");
    let source = place.open();
    assert_eq!(source.types().await.expect("types"), None);
    let path = place.folder.path().join("library/licence_types.json");
    fs::write(path, b"[]").expect("types");
    assert_eq!(source.types().await.expect("types"), Some(b"[]".to_vec()));
}

#[test]
fn a_folder_that_is_no_library_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for dir in [folder.path().to_owned(), folder.path().join("none")] {
        let refused = FolderSource::open(dir, digest)
            .err()
            .map(|error| error.code());
        assert_eq!(refused, Some("SOURCE_MISSING"));
    }
}
