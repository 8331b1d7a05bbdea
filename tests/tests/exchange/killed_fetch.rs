//! kill -9 of either node in the middle of a file, over processes on real engines.

use http::Method;
use sqlx::{Connection as _, PgConnection};
use tests::processes::{Engines, Libraries, Processes, permit_request};
use tests::{SICHUAN, ZHEJIANG, eventually, padded};

/// One file, and a licence without.
const LIBRARIES: Libraries = Libraries {
    licences: 2,
    files: 1,
};

/// Parts of the file.
const PARTS: i64 = 64;

/// Bytes that make it so large.
const PADDING: usize = 63 * 512 * 1024;

/// Parts that are there when the node is killed, at least.
const BEFORE: i64 = 3;

/// How often a caller comes back.
const TRIES_MAX: u32 = 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_once_over_a_kill_of_either_node() {
    let Some(engines) = Engines::from_environment("kills in the middle of a file") else {
        return;
    };
    for killed in [SICHUAN, ZHEJIANG] {
        let mut hub = Processes::start_with(engines.clone(), LIBRARIES, |name, items| {
            if name == ZHEJIANG {
                let file = items[0].file.take().unwrap();
                items[0].file = Some(padded(&file, PADDING, 7));
            }
        })
        .await;
        eventually("the file is in the directory", async || {
            permit(&hub).await.is_some()
        })
        .await;
        let path = place(&hub).await;
        let department = hub.department();
        let asking = tokio::spawn(async move {
            let answer = department.request_bytes(Method::GET, &path, None).await;
            answer.ok()
        });
        eventually("some parts came", async || kept(&hub).await >= BEFORE).await;
        hub.kill(killed);
        let at_kill = kept(&hub).await;
        println!("{killed} was killed with {at_kill} of {PARTS} parts at the other side");
        hub.start_node(killed).await;
        let first = asking.await.unwrap();
        let mut answer = first.filter(|_| killed == ZHEJIANG);
        for _ in 0..TRIES_MAX {
            if answer.is_some() {
                break;
            }
            let path = place(&hub).await;
            let department = hub.department();
            let asked = department.request_bytes(Method::GET, &path, None);
            answer = asked.await.ok();
        }
        let (_, _, bytes) = answer.expect("delivered in the end");
        assert_eq!(hub.items[0].file.as_deref(), Some(bytes.as_ref()));
        assert_eq!(kept(&hub).await, 0, "a whole file needs no parts");
        let sent = sent(&hub).await;
        println!("{sent} parts were sent");
        assert!(sent < 2 * PARTS, "{sent} parts: it began anew");
        hub.finish();
    }
}

/// Parts that Sichuan keeps.
async fn kept(hub: &Processes) -> i64 {
    number(hub, "select count(*) from file_chunk").await
}

/// Parts that Sichuan has read: a position is the number of records before it.
async fn sent(hub: &Processes) -> i64 {
    const READ: &str = "select cast(coalesce(sum(position), 0) as bigint) \
                        from consumed_partition where topic = 'files.sichuan'";
    number(hub, READ).await
}

/// A number from Sichuan's database, read beside the node.
async fn number(hub: &Processes, query: &'static str) -> i64 {
    let mut database = PgConnection::connect(&hub.database(SICHUAN)).await.unwrap();
    let found = sqlx::query_scalar(query).fetch_one(&mut database).await;
    database.close().await.unwrap();
    found.unwrap()
}

/// Where the file is to be had, under a new permit.
async fn place(hub: &Processes) -> String {
    let permit = permit(hub).await.expect("permitted");
    let identifier = &hub.items[0].entry.identifier;
    format!("/v1/licences/{identifier}/file?permit={permit}")
}

async fn permit(hub: &Processes) -> Option<String> {
    let wanted = permit_request(&hub.items[0].entry.identifier);
    let department = hub.department();
    let permitted = department.request_json(Method::POST, "/v1/permits", Some(&wanted));
    let (_, _, permit) = permitted.await.ok()?;
    Some(permit["id"].as_str()?.to_owned())
}
