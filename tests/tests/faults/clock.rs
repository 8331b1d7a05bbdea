//! A node whose clock is wrong by ten minutes.

use std::path::{Path, PathBuf};
use std::process::Command;

use tests::program::skipped;
use tests::{NATIONAL, SICHUAN};

use super::scene::Scene;
use super::{done, found, refused};

/// Where Debian's package `libfaketime` puts what a program loads to see another time.
const FAKETIME: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// What sets the waits right that libfaketime leaves alone.
const WAITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/waits.c");

/// Ten minutes, as libfaketime takes them.
const AHEAD: &str = "+600s";
const BEHIND: &str = "-600s";

/// A province's clock is ahead: questions are answered; the home node of a file takes a permit that
/// was decided in its future for none.
pub(super) async fn a_province_that_is_ahead(scene: &mut Scene) {
    if !start_at(scene, SICHUAN, AHEAD).await {
        return;
    }
    answers_arrive(scene).await;
    let unseen = scene.unseen();
    let answer = scene.look_up(SICHUAN, &unseen).await;
    found("a lookup at the nation", &answer, NATIONAL);
    let file = scene.fetch(&unseen).await;
    refused("a file", &file, &[(502, "PEER_REFUSED")]);
    assert_eq!(file.json()["node_code"], "PERMIT_EXPIRED");
    go_on(scene, SICHUAN).await;
}

/// A province's clock is behind: the deadline of a question is over before it arrives anywhere, so
/// that nobody answers.
pub(super) async fn a_province_that_is_behind(scene: &mut Scene) {
    if !start_at(scene, SICHUAN, BEHIND).await {
        return;
    }
    let before = passed_over(scene).await;
    let unseen = scene.unseen();
    let nowhere = scene.look_up(SICHUAN, &unseen).await;
    refused("a lookup at the nation", &nowhere, &[(504, "PEER_TIMEOUT")]);
    assert!(passed_over(scene).await > before, "it came, too late");
    go_on(scene, SICHUAN).await;
}

/// The nation's clock is ahead: to it all provinces are behind.
pub(super) async fn a_nation_that_is_ahead(scene: &mut Scene) {
    if !start_at(scene, NATIONAL, AHEAD).await {
        return;
    }
    let unseen = scene.unseen();
    let nowhere = scene.look_up(SICHUAN, &unseen).await;
    refused("a lookup at the nation", &nowhere, &[(504, "PEER_TIMEOUT")]);
    let kept = scene.kept.clone();
    done("a file from memory", &scene.fetch(&kept).await);
    let answer = scene.look_up(NATIONAL, &unseen).await;
    found("the nation, asked by itself", &answer, "own-store");
    go_on(scene, NATIONAL).await;
}

/// The nation's clock is behind: it answers, and the provinces deal with each other.
pub(super) async fn a_nation_that_is_behind(scene: &mut Scene) {
    if !start_at(scene, NATIONAL, BEHIND).await {
        return;
    }
    answers_arrive(scene).await;
    let unseen = scene.unseen();
    let answer = scene.look_up(SICHUAN, &unseen).await;
    found("a lookup at the nation", &answer, NATIONAL);
    done("a file", &scene.fetch(&unseen).await);
    go_on(scene, NATIONAL).await;
}

/// Starts a node with a wrong clock; not where there is no libfaketime.
async fn start_at(scene: &mut Scene, node: &'static str, offset: &str) -> bool {
    let Some(library) = FAKETIME.into_iter().find(|path| Path::new(path).exists()) else {
        skipped("a wrong clock", "libfaketime is not there");
        return false;
    };
    println!("{node}'s clock is wrong by {offset}");
    let preload = format!("{library}:{}", waits(scene).display());
    let environment = [
        ("LD_PRELOAD", preload.as_str()),
        ("FAKETIME", offset),
        // Waits are measured by the monotonic clock; only the time of day is wrong.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    scene.hub.stop(node);
    scene.hub.start_node_in(node, &environment).await;
    true
}

/// Compiles [`WAITS`], with what links every Rust program.
fn waits(scene: &Scene) -> PathBuf {
    let library = scene.hub.folder.path().join("waits.so");
    let compiled = Command::new("cc")
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .args([library.as_path(), Path::new(WAITS)])
        .status();
    assert!(compiled.expect("a C compiler").success(), "compiles");
    library
}

/// How many questions came to the nation too late for an answer.
async fn passed_over(scene: &Scene) -> u64 {
    const COUNT: &str = r#"hub_messages_read_total{lane="requests",outcome="skipped"} "#;
    let metrics = scene.get(NATIONAL, "/metrics").await;
    let text = String::from_utf8(metrics.body).unwrap();
    let count = text.lines().find_map(|line| line.strip_prefix(COUNT));
    count.map_or(0, |count| count.parse().unwrap())
}

/// On a machine that does much else the first answers come too late for a node that just started.
async fn answers_arrive(scene: &mut Scene) {
    let unseen = scene.unseen();
    scene
        .until("an answer of the nation", async |scene: &Scene| {
            scene.look_up(SICHUAN, &unseen).await.is_done()
        })
        .await;
}

/// What does not depend on the clock; then the clock is right again.
async fn go_on(scene: &mut Scene, node: &'static str) {
    let change = scene.new_change(SICHUAN);
    let own = scene.look_up_own().await;
    found("a lookup of its own", &own, "own-store");
    done("a change of status", &scene.try_change(&change).await);
    scene.arrives(&change).await;
    scene.hub.stop(node);
    scene.hub.start_node(node).await;
    scene.recovers("a clock that was wrong", Vec::new()).await;
    // A node that was started anew has nothing in memory.
    let kept = scene.kept.clone();
    scene.deliver(&kept).await;
}
