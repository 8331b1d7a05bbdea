//! The database's disk is full.

use std::io::Write as _;
use std::path::Path;

use tests::program::skipped;
use tests::{SICHUAN, ZHEJIANG};

use super::refused;
use super::scene::Scene;

/// Answers until the last free page of some table is used up: a leaf has half a KiB, and a table
/// grows by some pages at a time.
const TRIES_MAX: usize = 20_000;

/// Bytes written at a time to fill the disk.
const PIECE_BYTES: usize = 64 * 1024;

pub(super) async fn a_full_disk(scene: &mut Scene) {
    let Some(disk) = scene.engines.disk().map(Path::to_owned) else {
        skipped(
            "a full disk of the database",
            "only root may mount a small one",
        );
        return;
    };
    println!("the disk of the database is full");
    let filler = disk.join("filler");
    fill(&filler);
    let kept = scene.kept.clone();
    let mut answered = 0;
    let answer = loop {
        let answer = scene.look_up(SICHUAN, &kept).await;
        if !answer.is_done() {
            break answer;
        }
        answered += 1;
        assert!(answered < TRIES_MAX, "the disk is not full");
    };
    refused(
        &format!("a lookup after {answered} more"),
        &answer,
        &[(503, "OVERLOADED")],
    );
    let changes = [scene.new_change(SICHUAN), scene.new_change(ZHEJIANG)];
    for change in &changes {
        let answer = scene.try_change(change).await;
        // A page may have room left.
        if !answer.is_done() {
            refused("a change of status", &answer, &[(503, "OVERLOADED")]);
        }
    }
    std::fs::remove_file(&filler).unwrap();
    // The server ends when its log cannot grow; then a person starts it again.
    scene.engines.postgres(&["start"]);
    scene
        .recovers("a disk that was full", Vec::from(changes))
        .await;
}

/// Writes until nothing more fits.
fn fill(filler: &Path) {
    let mut file = std::fs::File::create(filler).unwrap();
    let mut piece = vec![0; PIECE_BYTES];
    while !piece.is_empty() {
        if file.write_all(&piece).is_err() {
            piece.truncate(piece.len() / 2);
        }
    }
}
