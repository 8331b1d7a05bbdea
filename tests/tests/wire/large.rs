//! What is properly signed and said, and too large to be kept.

use hub::store::{entries, rejections};
use serde_json::json;
use tests::{NATIONAL, ZHEJIANG, eventually};

use super::message::change;
use super::stage::Stage;

/// Rule that such an entry breaks.
const TOO_LARGE: &str = "Q-TOO-LARGE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_is_too_large_is_refused_with_a_receipt_and_not_kept() {
    let stage = Stage::start().await;
    let hub = &stage.hub;
    let long = "样".repeat(100_000);
    let message = change(hub, 0, 2).at("/entry/licence_name", json!(long));
    let record = message.signed(&hub.node(ZHEJIANG).keys);
    hub.bus.publish(vec![record]).await.expect("publishes");
    eventually("the home node is told", async || {
        hub.leaves(ZHEJIANG, "receipt", TOO_LARGE).await == 1
    })
    .await;
    assert_eq!(hub.leaves(NATIONAL, "reject", TOO_LARGE).await, 1);
    let reader = hub.node(NATIONAL).store.reader();
    let queue = rejections::page(reader, 0, 10).await.expect("reads");
    let refused = queue.last().expect("a rejection");
    assert_eq!(
        refused.rejection.public, None,
        "what is too large is not kept"
    );
    let rules: Vec<_> = refused
        .rejection
        .reasons
        .iter()
        .map(|one| &*one.rule)
        .collect();
    assert_eq!(rules, [TOO_LARGE], "no other reason repeats it");
    let identifier = hub.identifier(0);
    let known = entries::standings(reader, &[&identifier]).await;
    assert_eq!(known.expect("reads")[identifier.as_str()].revision, 1);
    stage.hub.stop().await;
}
