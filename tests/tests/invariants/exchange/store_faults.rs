//! What a database without room does to messages that came: none is given up for it.

use std::sync::Arc;

use connectors::bus::OutgoingRecord;
use hub::directory;
use hub::store::outbox;
use schemas::envelope::topic;
use tests::{NATIONAL, SICHUAN, TestHub, ZHEJIANG, caller, eventually};

use super::super::observed::observed;
use super::super::rows;
use super::refusal;

#[test]
fn a_full_store_gives_no_change_up() {
    // Alone, and behind a change that is itself at fault.
    for at_fault in [0, 1] {
        observed(async |log| {
            let mut hub = TestHub::start(3, 0).await;
            hub.stop_node(NATIONAL).await;
            let zhejiang = hub.node(ZHEJIANG);
            let report = directory::register_source(zhejiang).await;
            assert_eq!(report.expect("registers").registered, 3);
            eventually("the changes are on the bus", async || {
                let waiting = outbox::count(zhejiang.store.reader()).await;
                waiting.expect("counts") == 0
            })
            .await;
            let changes = hub.records(topic::DIRECTORY_CHANGES).await;
            let is_first = format!("new.identifier = '{}'", header(&changes[0], "ce_subject"));
            if at_fault == 1 {
                refuse(&hub, NATIONAL, "entry", &is_first).await;
            }
            fill(
                &hub,
                NATIONAL,
                "entry",
                &format!("{at_fault} = 0 or not {is_first}"),
            )
            .await;
            hub.start_node(NATIONAL).await;
            log.says(&["reading failed", topic::DIRECTORY_CHANGES])
                .await;
            assert_eq!(rows(&hub, NATIONAL, "entry").await, 0);
            assert_eq!(hub.leaves(NATIONAL, "refuse", "*").await, at_fault);

            make_room(&hub, NATIONAL).await;
            eventually("the good changes are applied", async || {
                hub.leaves(NATIONAL, "apply", "OK").await == 3 - at_fault
            })
            .await;
            assert_eq!(hub.leaves(NATIONAL, "refuse", "INTERNAL").await, at_fault);
            let letters = hub.records(&topic::dead_letters(NATIONAL)).await;
            assert_eq!(i64::try_from(letters.len()), Ok(at_fault));
            hub.stop().await;
        });
    }
}

#[test]
fn an_unusable_announcement_is_buried_once_there_is_room() {
    observed(async |log| {
        let hub = TestHub::start(1, 0).await;
        hub.sync().await;
        let mut altered = hub.records(topic::DIRECTORY_CHANGES).await.swap_remove(0);
        altered.body = [&altered.body[..], b" "].concat().into();
        fill(&hub, SICHUAN, "log_leaf", "true").await;
        log.clear();
        hub.bus.publish(vec![altered]).await.expect("publishes");
        log.says(&["reading failed", topic::DIRECTORY_CHANGES])
            .await;
        assert_eq!(hub.leaves(SICHUAN, "refuse", "*").await, 0);
        make_room(&hub, SICHUAN).await;
        is_buried(&hub).await;
        hub.stop().await;
    });
}

#[test]
fn an_unusable_reply_is_buried_once_there_is_room() {
    observed(async |log| {
        let mut hub = TestHub::start(1, 0).await;
        hub.stop_node(NATIONAL).await;
        let keys = hub::node::node_keys(&hub.folder.path().join(NATIONAL)).expect("keys");
        let (node, identifier) = (Arc::clone(hub.node(SICHUAN)), hub.identifier(0));
        let asked =
            tokio::spawn(async move { directory::lookup(&node, &caller(), &identifier).await });
        let mut questions = Vec::new();
        eventually("the question is on the bus", async || {
            questions = hub.records(&topic::requests(NATIONAL)).await;
            questions.len() == 1
        })
        .await;
        let correlation = header(&questions[0], "ce_correlation");
        let mut reply = refusal(&hub, correlation, "NOT_FOUND", &keys);
        reply.body = [&reply.body[..], b" "].concat().into();
        fill(&hub, SICHUAN, "log_leaf", "true").await;
        hub.bus.publish(vec![reply]).await.expect("publishes");
        log.says(&["reading failed", &topic::replies(SICHUAN)])
            .await;
        assert_eq!(hub.leaves(SICHUAN, "refuse", "*").await, 0);
        make_room(&hub, SICHUAN).await;
        is_buried(&hub).await;
        asked.abort();
        hub.stop().await;
    });
}

fn header<'a>(record: &'a OutgoingRecord, name: &str) -> &'a str {
    let mut headers = record.headers.iter();
    let found = headers.find(|(found, _)| found == name);
    found.map(|(_, value)| value.as_str()).expect("a header")
}

/// Waits until Sichuan has one dead letter, of a message whose signature is wrong.
async fn is_buried(hub: &TestHub) {
    eventually("the refusal is recorded", async || {
        hub.leaves(SICHUAN, "refuse", "ENVELOPE_SIGNATURE").await == 1
    })
    .await;
    let mut letters = 0;
    eventually("the dead letter is on the bus", async || {
        letters = hub.records(&topic::dead_letters(SICHUAN)).await.len();
        letters > 0
    })
    .await;
    assert_eq!(letters, 1);
}

/// Makes insertions into a table fail as a full disk does, until [`make_room`]: the trigger asks
/// for a row number behind the last one, which SQLite answers with its code of a full disk.
async fn fill(hub: &TestHub, node: &str, table: &str, when: &str) {
    let sqlite = format!(
        "create table brim (number integer primary key autoincrement); \
         insert into brim values ({}); \
         create trigger no_room before insert on {table} when {when} \
         begin insert into brim values (null); end",
        i64::MAX
    );
    let postgres = format!(
        "create function no_room() returns trigger language plpgsql as \
         $$ begin raise exception 'full for a test' using errcode = 'disk_full'; end $$; \
         create trigger no_room before insert on {table} \
         for each row when ({when}) execute function no_room()"
    );
    let filled = hub.database(node).tamper(&sqlite, &postgres).await;
    filled.expect("executes");
}

/// Ends what [`fill`] began.
async fn make_room(hub: &TestHub, node: &str) {
    let (sqlite, postgres) = ("drop trigger no_room", "drop function no_room cascade");
    let emptied = hub.database(node).tamper(sqlite, postgres).await;
    emptied.expect("executes");
}

/// Makes insertions into a table fail for what is in the row.
async fn refuse(hub: &TestHub, node: &str, table: &str, when: &str) {
    let sqlite = format!(
        "create trigger refused before insert on {table} when {when} \
         begin select raise(abort, 'refused for a test'); end"
    );
    let postgres = format!(
        "create function refused() returns trigger language plpgsql as \
         $$ begin raise exception 'refused for a test'; end $$; \
         create trigger refused before insert on {table} \
         for each row when ({when}) execute function refused()"
    );
    let refusing = hub.database(node).tamper(&sqlite, &postgres).await;
    refusing.expect("executes");
}
