//! The `hub` program as a process of its own, for tests that must see what a user sees.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The program, built beside the tests. `deploy/test.sh` builds it before them.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn hub() -> Command {
    let tests = std::env::current_exe().expect("own path");
    let folder = tests
        .parent()
        .and_then(|deps| deps.parent())
        .expect("target folder");
    let program = folder.join("hub");
    assert!(
        program.exists(),
        "{} is missing: cargo build --package hub",
        program.display()
    );
    Command::new(program)
}

/// Runs the program to its end.
///
/// # Panics
/// When it cannot be started.
pub fn run(command: &mut Command) -> Finished {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the program starts");
    Finished {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// What a finished program left.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; none when it was killed.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it printed as trouble.
    pub stderr: String,
}

/// The folder of files with expected verdicts, when it is there: `HUB_CORPUS`, or `shared/corpus`
/// beside the checkout. Says loudly when a test is skipped without it.
#[must_use]
pub fn corpus(test: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = std::env::var_os("HUB_CORPUS").map_or(beside, PathBuf::from);
    if folder.join("ofd").is_dir() {
        return Some(folder);
    }
    skipped(test, &format!("no corpus at {}", folder.display()));
    None
}

/// Says that a test is skipped, past the capture of test output: it must be seen also when the
/// test passes.
///
/// # Panics
/// When standard error is closed.
pub fn skipped(test: &str, reason: &str) {
    let line = format!("SKIPPED {test}: {reason}\n");
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("standard error");
}

/// Whether the counted tests run at full count.
#[must_use]
pub fn is_long_run() -> bool {
    std::env::var_os("HUB_LONG").is_some_and(|value| value == "1")
}
