//! The main job over three processes, and again after each of them was restarted.

use std::collections::BTreeMap;
use std::time::Duration;

use connectors::client::{Client, ClientError};
use http::Method;
use schemas::identifier::Identifier;
use schemas::message::{DirectoryReceipt, ReceiptOutcome};
use serde_json::Value;
use tests::processes::{Engines, Libraries, Processes, permit_request};
use tests::{NATIONAL, SICHUAN, ZHEJIANG, eventually_within};

use super::brokers_view::check_reveals_nothing;

/// Licences in each of two libraries: a thousand in all.
const LIBRARIES: Libraries = Libraries {
    licences: 500,
    files: 6,
};

/// Longest wait for a thousand receipts in an unoptimised program on a busy machine.
const SYNC: Duration = Duration::from_secs(180);

/// How often it is looked whether they are there.
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_exchange_and_go_on_after_each_was_restarted() {
    let Some(engines) = Engines::from_environment("three processes on Kafka and PostgreSQL") else {
        return;
    };
    // One entry whose type does not bear its registered name: the national node refuses it.
    let mut hub = Processes::start_with(engines, LIBRARIES, |name, items| {
        if name == ZHEJIANG {
            let last = items.last_mut().unwrap();
            last.entry.type_name.push_str("（旧版）");
        }
    })
    .await;
    let refused = hub.items.last().unwrap().entry.identifier.clone();
    check_synchronised(&hub, &refused).await;

    let with_file: Vec<Identifier> = hub
        .items
        .iter()
        .filter(|item| item.file.is_some() && item.entry.status.is_usable())
        .map(|item| item.entry.identifier.clone())
        .collect();
    check_lookup(&hub, &with_file[0]).await;
    check_delivery(&hub, &with_file[0]).await;

    for (number, name) in [NATIONAL, ZHEJIANG, SICHUAN].into_iter().enumerate() {
        hub.restart(name).await;
        check_delivery(&hub, &with_file[number + 1]).await;
    }
    check_synchronised(&hub, &refused).await;
    check_reveals_nothing(&hub).await;
    hub.finish();
}

/// Every entry has its receipt at its home node; one was rejected, with the reason, on both sides.
async fn check_synchronised(hub: &Processes, refused: &Identifier) {
    for name in [ZHEJIANG, SICHUAN] {
        let operator = hub.operator(name);
        eventually_within(SYNC, "every entry has its receipt", async || {
            // Not as fast as it can: the node bounds what one caller may ask.
            tokio::time::sleep(LOOK_EVERY).await;
            receipts(&operator).await.len() == LIBRARIES.licences
        })
        .await;
        let found = receipts(&operator).await;
        for (identifier, receipt) in found {
            if identifier == refused.as_str() {
                assert_eq!(receipt.outcome, ReceiptOutcome::Rejected);
                assert!(receipt.reasons.iter().any(|one| one.rule == "Q-TYPE-NAME"));
            } else {
                assert_eq!(receipt.outcome, ReceiptOutcome::Accepted, "{identifier}");
            }
        }
    }
    let queue = get(&hub.operator(NATIONAL), "/v1/rejections").await;
    let items = queue["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{queue}");
    assert_eq!(items[0]["identifier"], refused.as_str());
}

/// Sichuan finds Zhejiang's licence at the nation, then in its cache; a refused one is nowhere.
async fn check_lookup(hub: &Processes, identifier: &Identifier) {
    let department = hub.department();
    let path = format!("/v1/licences/{identifier}");
    let found = get(&department, &path).await;
    assert_eq!(found["entry"]["identifier"], identifier.as_str());
    assert_eq!(found["source"], "national", "{found}");
    assert_eq!(get(&department, &path).await["source"], "cache");
    let absent = hub.items.last().unwrap().entry.identifier.clone();
    let path = format!("/v1/licences/{absent}");
    let answer = department.request_json(Method::GET, &path, None).await;
    let Err(ClientError::Refused(problem)) = answer else {
        panic!("a refused entry is in the directory: {answer:?}");
    };
    assert_eq!(problem.code, "NOT_FOUND");
}

/// Sichuan's department gets a permit and, under it, the very file that Zhejiang keeps.
async fn check_delivery(hub: &Processes, identifier: &Identifier) {
    let department = hub.department();
    let wanted = permit_request(identifier);
    let permitted = department
        .request_json(Method::POST, "/v1/permits", Some(&wanted))
        .await;
    let (_, _, permit) = permitted.unwrap();
    let permit = permit["id"].as_str().unwrap();
    let path = format!("/v1/licences/{identifier}/file?permit={permit}");
    let fetched = department.request_bytes(Method::GET, &path, None).await;
    let (_, _, bytes) = fetched.unwrap();
    let item = hub
        .items
        .iter()
        .find(|item| item.entry.identifier == *identifier);
    assert_eq!(item.unwrap().file.as_deref(), Some(bytes.as_ref()));
}

/// The receipts of a home node, by licence.
async fn receipts(operator: &Client) -> BTreeMap<String, DirectoryReceipt> {
    let (mut found, mut after) = (BTreeMap::new(), 0);
    loop {
        let page = get(operator, &format!("/v1/receipts?after={after}")).await;
        for item in page["items"].as_array().unwrap() {
            let receipt: DirectoryReceipt = serde_json::from_value(item.clone()).unwrap();
            let doubled = found.insert(receipt.identifier.clone(), receipt);
            assert_eq!(doubled, None, "two receipts for one revision");
        }
        match page["next"].as_i64() {
            Some(next) => after = next,
            None => return found,
        }
    }
}

async fn get(client: &Client, path: &str) -> Value {
    let (_, _, answer) = client.request_json(Method::GET, path, None).await.unwrap();
    answer
}
