//! The bus: a line that is cut, one that is slow and thin, a broker that stands still.

use std::time::Duration;

use tests::proxy::Line;
use tests::{NATIONAL, SICHUAN, ZHEJIANG};

use super::scene::Scene;
use super::{done, found, others_notice_nothing, refused};

/// What a question that cannot be sent is refused with.
const BUS_AWAY: [(u16, &str); 1] = [(503, "BUS_UNAVAILABLE")];

/// What a question is refused with when nobody knows whether it arrived.
const NO_ANSWER: [(u16, &str); 2] = [(503, "BUS_UNAVAILABLE"), (504, "PEER_TIMEOUT")];

/// A line between provinces as it was in the nineties: there and back in a fifth of a second.
const SLOW: Line = Line {
    delay: Duration::from_millis(100),
    // 3 Mbit/s.
    bytes_per_s: Some(375_000),
    is_cut: false,
};

/// One province loses the bus. It serves what it knows and takes changes; the others notice
/// nothing.
pub(super) async fn a_province_without_the_bus(scene: &mut Scene) {
    println!("Sichuan's line to the brokers is cut");
    scene.bus_line.cut();
    let unseen = scene.unseen();
    let change = scene.new_change(SICHUAN);
    let elsewhere = change.identifier.clone();
    refused(
        "a lookup of what nobody here knows",
        &scene.look_up(SICHUAN, &unseen).await,
        &BUS_AWAY,
    );
    knows_what_it_has(scene).await;
    done("a change of status", &scene.try_change(&change).await);
    refused(
        "a file nobody here knows",
        &scene.fetch(&unseen).await,
        &BUS_AWAY,
    );
    assert_eq!(scene.not_ready(SICHUAN).await, ["bus"]);
    others_notice_nothing(scene, &elsewhere).await;
    assert!(scene.not_ready(ZHEJIANG).await.is_empty());
    scene.bus_line.heal();
    scene
        .recovers("a line to the bus that was cut", vec![change])
        .await;
}

/// Everything works, more slowly.
pub(super) async fn a_thin_and_slow_line(scene: &mut Scene) {
    println!("Sichuan's line to the brokers: 100 ms each way, 3 Mbit/s");
    scene.bus_line.set(SLOW);
    let (unseen, change) = (scene.unseen(), scene.new_change(SICHUAN));
    found(
        "a lookup at the nation",
        &scene.look_up(SICHUAN, &unseen).await,
        NATIONAL,
    );
    done("a file", &scene.fetch(&unseen).await);
    done("a change of status", &scene.try_change(&change).await);
    assert!(scene.not_ready(SICHUAN).await.is_empty());
    scene.recovers("on a slow and thin line", Vec::new()).await;
    scene.bus_line.heal();
}

/// The only broker stands still: nobody has a bus.
pub(super) async fn a_broker_that_stands_still(scene: &mut Scene) {
    println!("the broker stands still");
    scene.engines.kafka(&["pause", "1"]);
    let unseen = scene.unseen();
    let changes = [scene.new_change(SICHUAN), scene.new_change(ZHEJIANG)];
    let nowhere = scene.look_up(SICHUAN, &unseen).await;
    refused("a lookup of what nobody here knows", &nowhere, &NO_ANSWER);
    knows_what_it_has(scene).await;
    found(
        "the nation, asked by itself",
        &scene.look_up(NATIONAL, &unseen).await,
        "own-store",
    );
    for change in &changes {
        done("a change of status", &scene.try_change(change).await);
    }
    for node in [NATIONAL, ZHEJIANG, SICHUAN] {
        assert_eq!(scene.not_ready(node).await, ["bus"], "{node}");
    }
    scene.engines.kafka(&["resume", "1"]);
    scene
        .recovers("a broker that stood still", Vec::new())
        .await;
}

/// What Sichuan has answers as ever.
async fn knows_what_it_has(scene: &Scene) {
    let remembered = scene.look_up(SICHUAN, &scene.kept).await;
    found("a lookup from memory", &remembered, "cache");
    found(
        "a lookup of its own",
        &scene.look_up_own().await,
        "own-store",
    );
    done("a file from memory", &scene.fetch(&scene.kept).await);
}
