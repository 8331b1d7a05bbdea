//! Kill -9 at every step between "effect written" and "message sent", and between "message read"
//! and "effect durable", one after the other. Each step is held up from outside until the databases
//! and the broker show that it was reached.

use tests::program::skipped;
use tests::{NATIONAL, ZHEJIANG};

use super::check_logs;
use super::scene::{Scene, Waiting};

/// Keeps the messages that wait from being marked as sent.
const HOLD_MESSAGES: &str = "select number from outbox for update";

/// Keeps messages from being applied.
const HOLD_APPLIED: &str = "lock table applied in share mode";

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_each_step_nothing_is_lost_or_doubled() {
    if std::env::var_os("HUB_TEST_KAFKA").is_none() {
        skipped("kills at each step", "HUB_TEST_KAFKA names no engines");
        return;
    }
    let mut scene = Scene::start().await;
    change_written_and_not_committed(&mut scene).await;
    change_committed_and_commit_not_answered(&mut scene).await;
    publication_not_begun(&mut scene).await;
    publication_under_way(&mut scene).await;
    record_on_the_broker_and_acknowledgement_not_read(&mut scene).await;
    acknowledgement_read_and_mark_not_written(&mut scene).await;
    mark_committed_and_record_not_read(&mut scene).await;

    position_asked_for(&mut scene).await;
    record_read_and_not_applied(&mut scene).await;
    record_applied_and_commit_not_answered(&mut scene).await;
    receipt_under_way(&mut scene).await;
    receipt_on_the_broker_and_mark_not_written(&mut scene).await;
    receipt_read_and_not_applied(&mut scene).await;
    receipt_applied(&mut scene).await;
    check_logs(&mut scene.hub).await;
}

async fn change_written_and_not_committed(scene: &mut Scene) {
    let leaves = scene.count(ZHEJIANG, "log_leaf").await;
    let held = scene
        .hold(ZHEJIANG, "lock table outbox in share mode")
        .await;
    let wanted = scene.wanted();
    let asked = scene.ask_aside(&wanted);
    scene.until_held_up(ZHEJIANG, "insert into outbox").await;
    scene.hub.kill(ZHEJIANG);
    assert_eq!(asked.await.unwrap(), None, "it was acknowledged");
    held.release().await;
    scene.hub.start_node(ZHEJIANG).await;
    assert_eq!(scene.count(ZHEJIANG, "log_leaf").await, leaves);
    scene.ask(&wanted).await;
    scene.check("change written, not committed").await;
}

async fn change_committed_and_commit_not_answered(scene: &mut Scene) {
    let revision = scene.revision().await;
    scene.hold_answers_to_commits().await;
    let wanted = scene.wanted();
    let asked = scene.ask_aside(&wanted);
    scene.until_held_up(ZHEJIANG, "commit").await;
    scene.hub.kill(ZHEJIANG);
    assert_eq!(asked.await.unwrap(), None, "it was acknowledged");
    scene.answer_commits().await;
    scene.hub.start_node(ZHEJIANG).await;
    assert_eq!(scene.revision().await, revision + 1, "it is not durable");
    scene.ask(&wanted).await;
    assert_eq!(scene.revision().await, revision + 1, "it was done twice");
    scene
        .check("change committed, the commit not answered")
        .await;
}

async fn publication_not_begun(scene: &mut Scene) {
    let before = published_in_part(scene, ZHEJIANG).await;
    let unread = scene.unread_by_broker();
    scene.change().await;
    let waiting = scene.until_waiting(ZHEJIANG, 2).await;
    let behind = waiting.iter().find(|one| one.id != before.id).unwrap();
    scene.hub.kill(ZHEJIANG);
    let grown = scene.unread_by_broker().saturating_sub(unread);
    assert!(grown < behind.size / 2, "{grown} bytes were sent");
    scene.broker("resume");
    scene.hub.start_node(ZHEJIANG).await;
    let behind = behind.id.clone();
    scene.topics().0.until_there(&behind, 1).await;
    scene.check("publication not begun").await;
}

async fn publication_under_way(scene: &mut Scene) {
    let message = published_in_part(scene, ZHEJIANG).await;
    scene.hub.kill(ZHEJIANG);
    scene.broker("resume");
    scene.hub.start_node(ZHEJIANG).await;
    scene.topics().0.until_there(&message.id, 1).await;
    scene
        .check("publication under way, no acknowledgement")
        .await;
}

async fn record_on_the_broker_and_acknowledgement_not_read(scene: &mut Scene) {
    let message = published_in_part(scene, ZHEJIANG).await;
    scene.hub.pause(ZHEJIANG);
    scene.broker("resume");
    scene.topics().0.until_there(&message.id, 1).await;
    assert_eq!(scene.waiting(ZHEJIANG).await[0].id, message.id);
    scene.kill(ZHEJIANG).await;
    scene.topics().0.until_there(&message.id, 2).await;
    scene
        .check("record on the broker, acknowledgement not read")
        .await;
}

async fn acknowledgement_read_and_mark_not_written(scene: &mut Scene) {
    let message = published_in_part(scene, ZHEJIANG).await;
    let held = scene.hold(ZHEJIANG, HOLD_MESSAGES).await;
    scene.broker("resume");
    scene.topics().0.until_there(&message.id, 1).await;
    scene.until_held_up(ZHEJIANG, "delete from outbox").await;
    scene.hub.kill(ZHEJIANG);
    scene.undo_held_up(ZHEJIANG).await;
    held.release().await;
    assert_eq!(scene.waiting(ZHEJIANG).await[0].id, message.id);
    scene.hub.start_node(ZHEJIANG).await;
    scene.topics().0.until_there(&message.id, 2).await;
    scene
        .check("acknowledgement read, sent mark not written")
        .await;
}

async fn mark_committed_and_record_not_read(scene: &mut Scene) {
    scene.hub.kill(NATIONAL);
    let leaves = scene.count(NATIONAL, "log_leaf").await;
    scene.change().await;
    scene.until_waiting(ZHEJIANG, 0).await;
    scene.kill(ZHEJIANG).await;
    assert_eq!(scene.count(NATIONAL, "log_leaf").await, leaves);
    scene.hub.start_node(NATIONAL).await;
    scene.check("sent mark written, record not read").await;
}

async fn position_asked_for(scene: &mut Scene) {
    scene.hub.kill(NATIONAL);
    scene.change().await;
    let hold = "lock table consumed_partition in access exclusive mode";
    let held = scene.hold(NATIONAL, hold).await;
    scene.hub.begin_start(NATIONAL);
    let statement = "select position from consumed_partition";
    scene.until_held_up(NATIONAL, statement).await;
    scene.hub.kill(NATIONAL);
    held.release().await;
    scene.hub.start_node(NATIONAL).await;
    scene.check("partition assigned, position not known").await;
}

async fn record_read_and_not_applied(scene: &mut Scene) {
    let held = scene.hold(NATIONAL, HOLD_APPLIED).await;
    scene.change().await;
    scene.until_held_up(NATIONAL, "insert into applied").await;
    scene.hub.kill(NATIONAL);
    held.release().await;
    scene.hub.start_node(NATIONAL).await;
    scene.check("record read, effect not committed").await;
}

async fn record_applied_and_commit_not_answered(scene: &mut Scene) {
    let leaves = scene.count(NATIONAL, "log_leaf").await;
    let held = scene.hold(NATIONAL, HOLD_APPLIED).await;
    scene.change().await;
    // Zhejiang's own commits are over before those of the nation are held up.
    scene.until_waiting(ZHEJIANG, 0).await;
    scene.until_held_up(NATIONAL, "insert into applied").await;
    scene.hold_answers_to_commits().await;
    held.release().await;
    scene.until_held_up(NATIONAL, "commit").await;
    scene.hub.kill(NATIONAL);
    scene.answer_commits().await;
    scene.until_rows(NATIONAL, "log_leaf", leaves + 1).await;
    scene.hub.start_node(NATIONAL).await;
    scene
        .check("effect committed, the commit not answered")
        .await;
}

async fn receipt_under_way(scene: &mut Scene) {
    let receipt = published_in_part(scene, NATIONAL).await;
    scene.hub.kill(NATIONAL);
    scene.broker("resume");
    scene.hub.start_node(NATIONAL).await;
    scene.topics().1.until_there(&receipt.id, 1).await;
    scene.check("effect committed, receipt under way").await;
}

async fn receipt_on_the_broker_and_mark_not_written(scene: &mut Scene) {
    let receipt = published_in_part(scene, NATIONAL).await;
    let held = scene.hold(NATIONAL, HOLD_MESSAGES).await;
    scene.broker("resume");
    scene.topics().1.until_there(&receipt.id, 1).await;
    scene.until_held_up(NATIONAL, "delete from outbox").await;
    scene.hub.kill(NATIONAL);
    scene.undo_held_up(NATIONAL).await;
    held.release().await;
    scene.hub.start_node(NATIONAL).await;
    scene.topics().1.until_there(&receipt.id, 2).await;
    scene
        .check("receipt on the broker, sent mark not written")
        .await;
}

async fn receipt_read_and_not_applied(scene: &mut Scene) {
    let held = scene
        .hold(ZHEJIANG, "lock table receipt in share mode")
        .await;
    scene.change().await;
    scene.until_held_up(ZHEJIANG, "insert into receipt").await;
    scene.hub.kill(ZHEJIANG);
    held.release().await;
    scene.hub.start_node(ZHEJIANG).await;
    scene.check("receipt read, effect not committed").await;
}

async fn receipt_applied(scene: &mut Scene) {
    let receipts = scene.count(ZHEJIANG, "receipt").await;
    scene.change().await;
    scene.until_rows(ZHEJIANG, "receipt", receipts + 1).await;
    scene.kill(ZHEJIANG).await;
    scene.check("receipt committed").await;
}

/// A change whose message – Zhejiang's about it, or the nation's receipt for it – was handed to a
/// broker that stands still.
async fn published_in_part(scene: &mut Scene, node: &str) -> Waiting {
    if node == NATIONAL {
        let held = scene.hold(NATIONAL, HOLD_APPLIED).await;
        scene.change().await;
        scene.until_waiting(ZHEJIANG, 0).await;
        scene.until_held_up(NATIONAL, "insert into applied").await;
        scene.broker("pause");
        held.release().await;
    } else {
        scene.broker("pause");
        scene.change().await;
    }
    let message = scene.until_waiting(node, 1).await.remove(0);
    scene.until_sent(&message).await;
    message
}
