//! A node whose clock is wrong by ten minutes.

use std::path::Path;

use tests::program::skipped;
use tests::{NATIONAL, SICHUAN};

use super::scene::Scene;
use super::{done, found, refused};

/// Where Debian's package `libfaketime` puts what a program loads to see another time.
const FAKETIME: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// What a node with such a clock sees. (Backwards, libfaketime breaks the waits of the Kafka
/// client, which are no part of this; a node that is behind is the other side of one ahead.)
const AHEAD: &str = "+600s";

/// A province's clock is ahead: questions are answered; the home node of a file takes a permit that
/// was decided in its future for none.
pub(super) async fn a_province_that_is_ahead(scene: &mut Scene) {
    if !start_ahead(scene, SICHUAN).await {
        return;
    }
    let unseen = scene.unseen();
    found(
        "a lookup at the nation",
        &scene.look_up(SICHUAN, &unseen).await,
        NATIONAL,
    );
    let file = scene.fetch(&unseen).await;
    refused("a file", &file, &[(502, "PEER_REFUSED")]);
    assert_eq!(file.json()["node_code"], "PERMIT_EXPIRED");
    go_on(scene, SICHUAN).await;
}

/// All provinces are behind the nation: the deadline of a question is over before it arrives there,
/// so that nobody answers.
pub(super) async fn provinces_that_are_behind(scene: &mut Scene) {
    if !start_ahead(scene, NATIONAL).await {
        return;
    }
    let unseen = scene.unseen();
    let nowhere = scene.look_up(SICHUAN, &unseen).await;
    refused("a lookup at the nation", &nowhere, &[(504, "PEER_TIMEOUT")]);
    let kept = scene.kept.clone();
    done("a file from memory", &scene.fetch(&kept).await);
    found(
        "the nation, asked by itself",
        &scene.look_up(NATIONAL, &unseen).await,
        "own-store",
    );
    go_on(scene, NATIONAL).await;
}

/// Starts a node with a wrong clock; not where there is no libfaketime.
async fn start_ahead(scene: &mut Scene, node: &'static str) -> bool {
    let Some(library) = FAKETIME.into_iter().find(|path| Path::new(path).exists()) else {
        skipped("a wrong clock", "libfaketime is not there");
        return false;
    };
    println!("{node}'s clock is ten minutes ahead");
    let environment = [
        ("LD_PRELOAD", library),
        ("FAKETIME", AHEAD),
        // Waits are measured by the monotonic clock; only the time of day is wrong.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    scene.hub.stop(node);
    scene.hub.start_node_in(node, &environment).await;
    true
}

/// What does not depend on the clock; then the clock is right again.
async fn go_on(scene: &mut Scene, node: &'static str) {
    let change = scene.new_change(SICHUAN);
    found(
        "a lookup of its own",
        &scene.look_up_own().await,
        "own-store",
    );
    done("a change of status", &scene.try_change(&change).await);
    scene.arrives(&change).await;
    // Not in good order: libfaketime makes some waits of the Kafka client as long as the clock is
    // wrong, also that for its end.
    scene.hub.kill(node);
    scene.hub.start_node(node).await;
    scene.recovers("a clock that was wrong", Vec::new()).await;
    // A node that was started anew has nothing in memory.
    let kept = scene.kept.clone();
    scene.deliver(&kept).await;
}
