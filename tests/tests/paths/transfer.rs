//! A file of several parts, fetched over restarts: what came is kept and not asked for again.

mod home;

use schemas::message::CHUNK_BYTES;
use tests::{MATTER, SICHUAN, ZHEJIANG, eventually, padded};

use self::home::{Home, asked, chunks_sent, kept, start};

/// Parts of the file.
const PARTS: u32 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_fetch_asks_only_for_what_had_not_come() {
    let licences = usize::try_from(PARTS).expect("fits") + 1;
    let mut hub = start(licences, PARTS).await;
    for came in 0..=PARTS {
        let number = usize::try_from(came).expect("fits");
        hub.stop_node(ZHEJIANG).await;
        let home = Home::of(&hub, number);
        let asking = home.ask(&hub).await;
        let before = asked(&hub).await.len();
        // All but the last come while somebody waits; the last one while the node is down.
        let (last, early) = match came {
            0 => (None, 0..0),
            came => (Some(came - 1), 0..came - 1),
        };
        let early: Vec<u32> = early.collect();
        home.send(&hub, &early).await;
        eventually("the parts are kept", async || {
            kept(&hub, number).await == early
        })
        .await;
        asking.abort();
        hub.stop_node(SICHUAN).await;
        if let Some(last) = last {
            home.send(&hub, &[last]).await;
        }
        hub.start_node(SICHUAN).await;
        let all: Vec<u32> = (0..came).collect();
        eventually("the late part is kept", async || {
            kept(&hub, number).await == all
        })
        .await;
        // The first question is too old to be answered when the home node comes back.
        hub.clock.advance(chrono::Duration::seconds(60));
        hub.start_node(ZHEJIANG).await;
        let sent = chunks_sent(&hub).await;

        let delivery = hub
            .deliver(&hub.identifier(number))
            .await
            .expect("delivered");
        assert_eq!(Some(delivery.bytes().to_vec()), hub.items[number].file);
        let requests = asked(&hub).await;
        if came == PARTS {
            assert_eq!(requests.len(), before, "nothing to ask for");
        } else {
            assert_eq!(requests.len(), before + 1);
            let missing: Vec<u32> = match came {
                0 => Vec::new(),
                came => (came..PARTS).collect(),
            };
            assert_eq!(requests[before].chunks, missing, "after {came} parts");
        }
        let missing = usize::try_from(PARTS - came).expect("fits");
        assert_eq!(
            chunks_sent(&hub).await,
            sent + missing,
            "after {came} parts"
        );
        assert!(
            kept(&hub, number).await.is_empty(),
            "a whole file needs no parts"
        );
    }
    assert_eq!(
        hub.leaves(ZHEJIANG, "hand_out", "OK").await,
        i64::from(PARTS),
        "each handing out is recorded"
    );
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_node_that_was_killed_goes_on_for_the_same_caller() {
    let mut hub = start(1, PARTS).await;
    hub.stop_node(ZHEJIANG).await;
    let home = Home::of(&hub, 0);
    let asking = home.ask(&hub).await;
    home.send(&hub, &[2, 0]).await;
    eventually("two parts came", async || kept(&hub, 0).await == [0, 2]).await;
    hub.start_node(ZHEJIANG).await;
    let delivered = asking.await.expect("no panic").expect("delivered");
    assert_eq!(Some(delivered), hub.items[0].file);
    assert_eq!(asked(&hub).await.len(), 1);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_after_the_caller_went_counts_for_the_next() {
    let mut hub = start(1, PARTS).await;
    hub.stop_node(ZHEJIANG).await;
    let home = Home::of(&hub, 0);
    home.ask(&hub).await.abort();
    home.send(&hub, &[3]).await;
    eventually("the part is kept", async || kept(&hub, 0).await == [3]).await;
    // It is asked for again: parts of the first question still count, its refusal does not.
    let asking = home.ask_again(&hub).await;
    home.refuse(&hub).await;
    home.send(&hub, &[0, 1, 2]).await;
    let delivered = asking.await.expect("no panic").expect("delivered");
    assert_eq!(Some(delivered), hub.items[0].file);
    let requests = asked(&hub).await;
    let chunks: Vec<_> = requests.iter().map(|request| &request.chunks[..]).collect();
    assert_eq!(chunks, [&[][..], &[0, 1, 2]]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_part_that_was_changed_is_thrown_away() {
    let mut hub = start(5, PARTS).await;
    let spoilings = [
        (
            "no message",
            "update file_chunk set body = {text:spoilt} where number = 1",
            false,
        ),
        (
            "another part in its place",
            "update file_chunk set body = (select other.body from file_chunk other \
             where other.fetch_id = file_chunk.fetch_id and other.number = 0) where number = 1",
            false,
        ),
        ("changed bytes", "", false),
        ("other bytes, well sealed", "", true),
    ];
    for (number, (name, change, is_from_nothing)) in spoilings.into_iter().enumerate() {
        hub.stop_node(ZHEJIANG).await;
        let home = Home::of(&hub, number);
        let asking = home.ask(&hub).await;
        match (change.is_empty(), is_from_nothing) {
            (true, true) => home.send_other(&hub, 1).await,
            (true, false) => home.send_changed(&hub, 1).await,
            _ => home.send(&hub, &[1]).await,
        }
        home.send(&hub, &[0]).await;
        eventually("the parts are kept", async || {
            kept(&hub, number).await == [0, 1]
        })
        .await;
        asking.abort();
        if !change.is_empty() {
            let sqlite = change.replace("{text:spoilt}", "cast('spoilt' as blob)");
            let postgres = change.replace("{text:spoilt}", "'spoilt'::bytea");
            let changed = hub.database(SICHUAN).tamper(&sqlite, &postgres).await;
            changed.expect("changes");
        }
        hub.stop_node(SICHUAN).await;
        hub.start_node(SICHUAN).await;
        hub.clock.advance(chrono::Duration::seconds(60));
        hub.start_node(ZHEJIANG).await;
        let before = asked(&hub).await.len();
        let delivery = hub.deliver(&hub.identifier(number)).await;
        let delivery = delivery.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!(
            Some(delivery.bytes().to_vec()),
            hub.items[number].file,
            "{name}"
        );
        let requests = asked(&hub).await.split_off(before);
        let chunks: Vec<_> = requests.iter().map(|request| &request.chunks[..]).collect();
        if is_from_nothing {
            assert_eq!(chunks, [&[2, 3][..], &[]], "{name}");
        } else {
            assert_eq!(chunks, [&[1, 2, 3][..]], "{name}");
        }
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_callers_share_one_transfer() {
    let hub = start(1, PARTS).await;
    let identifier = hub.identifier(0);
    let (one, other) = tokio::join!(hub.deliver(&identifier), hub.deliver(&identifier));
    for delivery in [one, other] {
        let delivery = delivery.expect("delivered");
        assert_eq!(Some(delivery.bytes().to_vec()), hub.items[0].file);
    }
    assert_eq!(asked(&hub).await.len(), 1);
    assert_eq!(
        chunks_sent(&hub).await,
        usize::try_from(PARTS).expect("fits")
    );
    assert_eq!(hub.leaves(ZHEJIANG, "hand_out", "OK").await, 1);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_sealed_parts_of_what_was_asked_for_are_kept_and_not_for_ever() {
    let mut hub = start(1, PARTS).await;
    hub.stop_node(ZHEJIANG).await;
    let home = Home::of(&hub, 0);
    let asking = home.ask(&hub).await;
    home.send_strange(&hub).await;
    home.send(&hub, &[1]).await;
    eventually("the part is kept", async || kept(&hub, 0).await == [1]).await;
    asking.abort();
    let file = hub.items[0].file.clone().expect("a file");
    let part = &file[CHUNK_BYTES..CHUNK_BYTES + 32];
    for name in ["hub.sqlite", "hub.sqlite-wal"] {
        let path = hub.folder.path().join(SICHUAN).join(name);
        let bytes = std::fs::read(path).unwrap_or_default();
        assert!(
            !super::contains(&bytes, part),
            "a part lies in clear in {name}"
        );
    }
    assert!(
        super::contains(&file, part),
        "the search would have seen it"
    );

    let upkeep = async || hub::upkeep::run(hub.node(SICHUAN)).await.expect("upkeep");
    hub.clock.advance(chrono::Duration::minutes(59));
    upkeep().await;
    assert_eq!(kept(&hub, 0).await, [1], "still of use");
    hub.clock.advance(chrono::Duration::minutes(2));
    upkeep().await;
    assert!(kept(&hub, 0).await.is_empty(), "nobody comes for it");
    // What comes now is kept no more: nobody would take it away.
    home.send(&hub, &[2]).await;
    home.send_read(&hub).await;
    assert!(kept(&hub, 0).await.is_empty());
    hub.start_node(ZHEJIANG).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wanted_parts_that_a_file_does_not_have_are_not_answered() {
    let hub = start(1, PARTS).await;
    let permit = hub
        .permit(&hub.identifier(0), MATTER)
        .await
        .expect("decided");
    let home = Home::of(&hub, 0);
    for chunks in [&[1, 1][..], &[2, 1], &[0, PARTS], &[128]] {
        home.request(&hub, &permit.record, chunks).await;
    }
    home.request(&hub, &permit.record, &[3]).await;
    eventually("the right one is answered", async || {
        chunks_sent(&hub).await == 1
    })
    .await;
    hub.settle().await;
    assert_eq!(hub.leaves(ZHEJIANG, "refuse", "BODY_MALFORMED").await, 4);
    hub.stop().await;
}

/// A file of exactly `parts` parts.
fn large(file: &[u8], parts: u32, seed: u64) -> Vec<u8> {
    let parts = usize::try_from(parts).expect("fits");
    padded(file, (parts - 1) * CHUNK_BYTES, seed)
}
