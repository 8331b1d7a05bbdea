//! What `hub verify` takes of memory, file by file of the corpus.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tests::program::{corpus, hub};

/// Most memory that the verification of one file may take, in KiB: 256 MiB.
const PEAK_KIB_MAX: u64 = 256 << 10;

#[test]
fn no_file_of_the_corpus_takes_much_memory() {
    let Some(corpus) = corpus("memory of a verification") else {
        return;
    };
    let gate = format!("gate-{}", std::process::id());
    let gate = Path::new(env!("CARGO_TARGET_TMPDIR")).join(gate);
    assert!(
        Command::new("mkfifo")
            .arg(&gate)
            .status()
            .unwrap()
            .success()
    );
    let mut most = (0, PathBuf::new());
    let mut count = 0;
    for (folder, trust) in [("ofd", "ofd"), ("ofd/real", "ofd"), ("pdf", "pdf")] {
        let trust = corpus.join(trust).join("trust");
        for entry in fs::read_dir(corpus.join(folder)).unwrap() {
            let file = entry.unwrap().path();
            let is_sealed = |kind: &OsStr| kind == "ofd" || kind == "pdf";
            if !file.extension().is_some_and(is_sealed) {
                continue;
            }
            let peak = peak_kib(&file, &trust, &gate);
            assert!(peak < PEAK_KIB_MAX, "{} took {peak} KiB", file.display());
            most = most.max((peak, file));
            count += 1;
        }
    }
    fs::remove_file(&gate).unwrap();
    assert!(count > 100, "only {count} files");
    println!(
        "{count} files, most memory {} KiB: {}",
        most.0,
        most.1.display()
    );
}

/// The most memory of a process that verified one file. Then it waits to open another one, a pipe
/// that nobody writes to yet, so that the kernel can still be asked.
fn peak_kib(file: &Path, trust: &Path, gate: &Path) -> u64 {
    let mut child = hub()
        .args([
            "verify",
            "--json",
            "--at",
            "2026-11-21T12:00:00Z",
            "--trust",
        ])
        .args([trust, file, gate])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut answer = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut answer).unwrap();
    assert!(
        answer.contains("\"verdict\""),
        "{}: {answer}",
        file.display()
    );
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| {
        let rest = line.strip_prefix("VmHWM:")?;
        rest.trim().trim_end_matches(" kB").parse().ok()
    });
    // Opening waits for the reader; it finds no regular file there, and ends.
    drop(OpenOptions::new().write(true).open(gate).unwrap());
    assert_eq!(child.wait().unwrap().code(), Some(3));
    peak.unwrap()
}
