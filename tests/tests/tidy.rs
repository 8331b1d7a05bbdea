//! Rules of the tree that no compiler checks: sizes, seams, secrets, and a true ARCHITECTURE.md.

use std::path::{Path, PathBuf};

/// Longest source file, in lines; longer ones are split by meaning.
const FILE_LINES_MAX: usize = 400;

/// Longest line, in characters.
const LINE_CHARACTERS_MAX: usize = 100;

#[test]
fn source_files_stay_small() {
    let long: Vec<String> = rust_files()
        .into_iter()
        .filter_map(|path| {
            let lines = read(&path).lines().count();
            (lines > FILE_LINES_MAX).then(|| format!("{} has {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "split these files:\n{}", long.join("\n"));
}

#[test]
fn lines_stay_short() {
    let mut wide = Vec::new();
    for path in rust_files() {
        for (number, line) in read(&path).lines().enumerate() {
            if line.chars().count() > LINE_CHARACTERS_MAX {
                wide.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert!(
        wide.is_empty(),
        "lines over {LINE_CHARACTERS_MAX} characters:\n{}",
        wide.join("\n")
    );
}

#[test]
fn unsafe_stands_in_one_place() {
    // Put together here so that this file does not find itself.
    let block = ["unsa", "fe {"].concat();
    let places: Vec<String> = rust_files()
        .into_iter()
        .flat_map(|path| {
            let count = read(&path).matches(&block).count();
            std::iter::repeat_n(path.display().to_string(), count)
        })
        .collect();
    let [place] = places.as_slice() else {
        panic!("unsafe blocks in {places:?}");
    };
    assert!(place.ends_with("certs/src/digest/lanes.rs"), "{place}");
}

#[test]
fn no_private_key_and_no_unfinished_code_is_in_the_tree() {
    // Put together here so that this file does not find itself.
    let key = ["PRIVATE", " KEY-----"].concat();
    let unfinished = [["to", "do!("].concat(), ["unimplem", "ented!("].concat()];
    for path in files(&root(), &|_| true) {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        assert!(
            is_rust || !text.contains(&key),
            "{} holds a private key",
            path.display()
        );
        for word in &unfinished {
            assert!(
                !is_rust || !text.contains(word),
                "{} holds {word}",
                path.display()
            );
        }
    }
}

#[test]
fn packages_keep_to_their_side_of_the_seams() {
    // Design: certs and connectors never see each other; schemas does no input or output.
    check_no_dependency(
        "schemas",
        &["tokio", "sqlx", "openssl", "axum", "certs", "connectors"],
    );
    check_no_dependency("certs", &["tokio", "sqlx", "axum", "connectors", "hub"]);
    check_no_dependency(
        "connectors",
        &["certs", "openssl", "sm2", "sm3", "hub", "axum"],
    );
    check_no_dependency("hub", &["openssl", "sm2", "sm3", "rdkafka"]);
}

#[test]
fn every_path_that_the_architecture_page_names_exists() {
    let page = read(&root().join("ARCHITECTURE.md"));
    let named: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|text| is_path(text))
        .collect();
    assert!(
        named.len() > 30,
        "the page names only {} files",
        named.len()
    );
    for path in named {
        assert!(
            root().join(path).exists(),
            "ARCHITECTURE.md names {path}, which does not exist"
        );
    }
}

#[track_caller]
fn check_no_dependency(package: &str, forbidden: &[&str]) {
    let manifest = read(&root().join(package).join("Cargo.toml"));
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let dependencies = dependencies.split("\n[").next().unwrap_or_default();
    for name in forbidden {
        let found = dependencies.lines().any(|line| {
            line.split(['=', '.', ' '])
                .next()
                .is_some_and(|dependency| dependency == *name)
        });
        assert!(!found, "{package} must not depend on {name}");
    }
}

/// Whether the text in backticks is meant as a path of this tree.
fn is_path(text: &str) -> bool {
    let packages = [
        "hub/",
        "certs/",
        "schemas/",
        "connectors/",
        "tests/",
        "benches/",
        "deploy/",
    ];
    packages.iter().any(|package| text.starts_with(package)) && !text.contains(['*', ' ', '<', '{'])
}

fn rust_files() -> Vec<PathBuf> {
    files(&root(), &|path| {
        path.extension().is_some_and(|extension| extension == "rs")
    })
}

fn files(dir: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("readable folder") {
        let path = entry.expect("readable entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if !matches!(name, ".git" | "target" | "data" | ".demo") {
                found.extend(files(&path, wanted));
            }
        } else if wanted(&path) {
            found.push(path);
        }
    }
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("workspace folder")
        .to_owned()
}
