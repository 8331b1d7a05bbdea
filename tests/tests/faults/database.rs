//! The database: a line that is cut, a server that stands still.

use std::time::Duration;

use tests::{NATIONAL, SICHUAN};

use super::calls::Answer;
use super::scene::Scene;
use super::{others_notice_nothing, refused};

/// What a request is refused with whose record cannot be written.
const BUSY: [(u16, &str); 1] = [(503, "OVERLOADED")];

/// Longest time until a caller is told that the database is away: what a page before a person
/// may take, and some for a busy machine.
const TOLD: Duration = Duration::from_secs(20);

/// A province loses its database; the others notice nothing.
pub(super) async fn a_line_that_is_cut(scene: &mut Scene) {
    println!("Sichuan's line to its database is cut");
    scene.database_line.cut();
    refuses_everything(scene).await;
    let own = scene.new_change(SICHUAN);
    others_notice_nothing(scene, &own.identifier).await;
    scene.database_line.heal();
    scene
        .recovers("a line to the database that was cut", vec![own])
        .await;
}

/// The server of all three stands still.
pub(super) async fn a_server_that_stands_still(scene: &mut Scene) {
    println!("the database server stands still");
    scene.engines.postgres(&["pause"]);
    refuses_everything(scene).await;
    let kept = scene.kept.clone();
    refused("the nation", &scene.look_up(NATIONAL, &kept).await, &BUSY);
    scene.engines.postgres(&["resume"]);
    scene
        .recovers("a database that stood still", Vec::new())
        .await;
}

/// Nothing that needs a record is answered, and whoever asks is told in time.
async fn refuses_everything(scene: &mut Scene) {
    let kept = scene.kept.clone();
    let told = |what: &str, answer: &Answer| {
        refused(what, answer, &BUSY);
        assert!(answer.took < TOLD, "{what}: {answer:?}");
    };
    told("a lookup", &scene.look_up(SICHUAN, &kept).await);
    told("a lookup again", &scene.look_up(SICHUAN, &kept).await);
    let trail = format!("licences/{kept}/trail");
    for page in ["receipts", "rejections", "log/head", "log/proofs/0", &trail] {
        told(page, &scene.get(SICHUAN, &format!("/v1/{page}")).await);
    }
    told("a permit", &scene.fetch(&kept).await);
    told("a lookup of its own", &scene.look_up_own().await);
    let change = scene.new_change(SICHUAN);
    told("a change of status", &scene.try_change(&change).await);
    scene.postpone(change);
    assert_eq!(scene.not_ready(SICHUAN).await, ["store"]);
}
