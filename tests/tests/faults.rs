//! What fails is not a node but something that it needs: the line to the broker, a broker, the
//! database, the clock, a disk. While it lasts callers get what still works, or a coded refusal
//! that says when to come back, each within a bound; when it is over everything works again by
//! itself, and nothing that was acknowledged is lost.
//!
//! One set of engines and nodes for all, one fault after the other: what a fault leaves behind
//! would show in the next.

mod calls;
mod clock;
mod database;
mod disk;
mod lines;
mod scene;

use schemas::identifier::Identifier;
use tests::program::{is_long_run, skipped};
use tests::{NATIONAL, ZHEJIANG};

use self::calls::Answer;
use self::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_told_what_is_away_and_everything_recovers() {
    let is_named = std::env::var_os("HUB_FAULTS").is_some();
    if std::env::var_os("HUB_TEST_KAFKA").is_none() || !(is_long_run() || is_named) {
        skipped(
            "faults of lines, brokers, database, clock, disk",
            "only with --long and engines",
        );
        return;
    }
    let mut scene = Scene::start().await;
    if is_wanted("bus") {
        lines::a_province_without_the_bus(&mut scene).await;
    }
    if is_wanted("broker") {
        lines::a_broker_that_stands_still(&mut scene).await;
    }
    if is_wanted("database") {
        database::a_server_that_stands_still(&mut scene).await;
    }
    if is_wanted("disk") {
        disk::a_full_disk(&mut scene).await;
    }
    if is_wanted("lines") {
        lines::a_thin_and_slow_line(&mut scene).await;
        database::a_line_that_is_cut(&mut scene).await;
    }
    if is_wanted("clock") {
        clock::a_province_that_is_ahead(&mut scene).await;
        clock::a_province_that_is_behind(&mut scene).await;
        clock::a_nation_that_is_ahead(&mut scene).await;
        clock::a_nation_that_is_behind(&mut scene).await;
    }
    scene.finish().await;
}

/// All, but for whoever works on some of them: `HUB_FAULTS=broker,disk`.
fn is_wanted(fault: &str) -> bool {
    let only = std::env::var("HUB_FAULTS").ok();
    only.is_none_or(|only| only.split(',').any(|one| one == fault))
}

/// The nation and another province answer about a licence of Sichuan that they have not in memory.
async fn others_notice_nothing(scene: &Scene, identifier: &Identifier) {
    let nation = scene.look_up(NATIONAL, identifier).await;
    found("the nation, asked by itself", &nation, "own-store");
    let province = scene.look_up(ZHEJIANG, identifier).await;
    found("another province", &province, NATIONAL);
}

/// Something was found, from where it should be.
#[track_caller]
fn found(what: &str, answer: &Answer, source: &str) {
    println!(
        "  {what}: {} from {} after {:.1?}",
        answer.status,
        answer.source(),
        answer.took
    );
    assert!(answer.is_done(), "{what}: {answer:?}");
    assert_eq!(answer.source(), source, "{what}: {answer:?}");
}

/// Something was done.
#[track_caller]
fn done(what: &str, answer: &Answer) {
    println!("  {what}: {} after {:.1?}", answer.status, answer.took);
    assert!(answer.is_done(), "{what}: {answer:?}");
}

/// Something was refused, with one of these codes.
#[track_caller]
fn refused(what: &str, answer: &Answer, expected: &[(u16, &str)]) {
    println!(
        "  {what}: {} {} after {:.1?}",
        answer.status,
        answer.code(),
        answer.took
    );
    let is_expected = expected.contains(&(answer.status, answer.code().as_str()));
    assert!(is_expected, "{what}: {answer:?}");
}
