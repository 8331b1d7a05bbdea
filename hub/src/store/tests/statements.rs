//! Every statement is listed, and both databases understand it.

use std::path::{Path, PathBuf};

use super::*;

#[tokio::test]
async fn every_statement_can_be_prepared() {
    let bench = Bench::new().await;
    bench.store.check_statements().await.unwrap();
}

/// A statement that no list names would be tried for the first time by a user.
#[test]
fn every_statement_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&folder, &mut files);
    let all = std::fs::read_to_string(folder.join("store/mod.rs")).unwrap();
    let mut statements = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let is_layer = ["/sql/", "/tests/", "tests.rs", "/postgres/"]
            .iter()
            .any(|part| file.to_string_lossy().contains(part));
        if is_layer {
            continue;
        }
        let listed = text
            .split_once("STATEMENTS: &[&dyn Statement] =")
            .and_then(|(_, rest)| rest.split_once("];"))
            .map(|(list, _)| list)
            .unwrap_or_default();
        for line in text.lines() {
            let is_statement = |kind: &str| {
                let kinds = ["Sql", "Insert<", "Together<"];
                kinds.iter().any(|one| kind.starts_with(one))
            };
            let name = line
                .strip_prefix("const ")
                .and_then(|rest| rest.split_once(": "))
                .filter(|(_, kind)| is_statement(kind));
            if let Some((name, _)) = name {
                statements += 1;
                let is_listed = listed.contains(&format!("&{name},"))
                    || listed.contains(&format!("&{name}]"))
                    || listed.ends_with(&format!("&{name}"));
                // This one reads a temporary table, which its own test makes.
                let is_listed = is_listed || name == "TAKE_OVER";
                assert!(
                    is_listed,
                    "{name} is not in STATEMENTS of {}",
                    file.display()
                );
            }
        }
        if !listed.is_empty() {
            let module = file.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(
                all.contains(&format!("{module}::STATEMENTS"))
                    || ["raw", "load", "write"].contains(&module.as_str()),
                "{module} is not in STATEMENTS of the store"
            );
        }
    }
    assert!(statements > 40, "only {statements} statements were found");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for found in std::fs::read_dir(folder).unwrap() {
        let path = found.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
