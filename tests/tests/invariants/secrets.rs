//! Invariant 7: nothing personal stands in clear in anything that a node keeps, sends or logs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use connectors::client::Client;
use http::Method;
use hub::store::rejections;
use hub::{directory, files, seals};
use schemas::permit::Purpose;
use schemas::verdict::Profile;
use serde_json::json;
use tests::{MATTER, NATIONAL, SICHUAN, TOKEN, TestHub, ZHEJIANG, caller, purpose};

use super::observed::{Log, observed};

/// Free text of a purpose may name a person.
const CAUSE: &str = "为样例人员办理示例事项";
/// A holder code with a wrong check character: the national node refuses its entry.
const WRONG_CODE: &str = "330100199001010099";
/// A name in a line that cannot be read.
const UNREAD_NAME: &str = "样例无法读取";

#[test]
fn nothing_personal_stands_in_clear_on_disk_on_the_bus_or_in_the_log() {
    observed(async |log| {
        let mut hub = TestHub::start(4, 2).await;
        hub.items[3].entry.holders[0].code = WRONG_CODE.to_owned();
        hub.items[3].entry.holders[0].code_type =
            schemas::holder_type::HolderType::from_code("111").expect("citizens");
        hub.write_library();
        hub.append_line(&format!(
            "{{\"holder_name\": \"{UNREAD_NAME}\", \"number\": 3}}"
        ));
        hub.sync().await;
        use_every_path(&hub).await;
        let answers = ask_over_http(&hub).await;
        let queue = rejections::page(hub.node(NATIONAL).store.reader(), 0, 10).await;
        assert_eq!(queue.expect("pages").len(), 1, "the wrong code was refused");

        let secrets = secrets(&hub);
        let folder = hub.folder.path().to_owned();
        let library = hub.library();
        let shown: Vec<String> = [NATIONAL, ZHEJIANG, SICHUAN]
            .map(|name| format!("{:?}", hub.node(name)))
            .to_vec();
        check("answers to faulty requests", answers.as_bytes(), &secrets);
        check("Debug of the nodes", shown.concat().as_bytes(), &secrets);
        check_files(&folder, &library, &secrets);
        for name in [SICHUAN, ZHEJIANG, NATIONAL] {
            hub.stop_node(name).await;
        }
        check_files(&folder, &library, &secrets);
        check_log(&log, &secrets);
        // The search sees what is there: the library itself holds all of it but what was asked.
        let list = std::fs::read(library.join("entries.jsonl")).expect("list");
        let seen = secrets
            .iter()
            .filter(|secret| holds(&list, secret.as_bytes()));
        assert_eq!(seen.count(), secrets.len() - 1, "all but the cause");
    });
}

async fn use_every_path(hub: &TestHub) {
    let (node, identifier) = (hub.node(SICHUAN), hub.identifier(0));
    for item in &hub.items {
        let answer = directory::lookup(node, &caller(), &item.entry.identifier).await;
        answer.expect("an answer");
        let code = &item.entry.holders[0].code;
        for name in [SICHUAN, NATIONAL, ZHEJIANG] {
            let answer = directory::search(hub.node(name), &caller(), code, None).await;
            answer.expect("an answer");
        }
    }
    let because = Purpose {
        cause: CAUSE.to_owned(),
        ..purpose(MATTER)
    };
    let decision = hub::permits::decide(node, &caller(), &identifier, &because).await;
    let permit = decision.expect("decided").permit.expect("the duty permits");
    files::deliver(node, &caller(), permit, &identifier)
        .await
        .expect("delivered");
    let denied = Purpose {
        matter_code: "another".to_owned(),
        ..because
    };
    hub::permits::decide(node, &caller(), &identifier, &denied)
        .await
        .expect("decided");
    let file = Bytes::from(hub.items[1].file.clone().expect("a file"));
    seals::verify_posted(node, &caller(), file, Profile::Licence)
        .await
        .expect("a verdict");
}

/// Requests that go wrong with personal data in them; what is answered.
async fn ask_over_http(hub: &TestHub) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let node = Arc::clone(hub.node(SICHUAN));
    let server = tokio::spawn(hub::http::serve(listener, node, async move {
        let _ = stopped.await;
    }));
    let client = Client::new(&format!("http://{address}"), Some(TOKEN)).expect("a client");
    let code = &hub.items[0].entry.holders[0].code;
    let name = &hub.items[0].entry.holders[0].name;
    let bodies = [
        (
            "/v1/licences/search",
            json!({ "holder_code": code, "unknown": name }),
        ),
        ("/v1/licences/search", json!({ "holder_code": [code] })),
        (
            "/v1/licences/search",
            json!({ "holder_code": code, "licence_type": name }),
        ),
        (
            "/v1/permits",
            json!({ "identifier": code, "purpose": { "cause": CAUSE } }),
        ),
    ];
    let mut answers = String::new();
    for (path, body) in bodies {
        let refused = client.request_json(Method::POST, path, Some(&body)).await;
        answers += &format!("{:?}\n", refused.expect_err("refused"));
    }
    let paths = [
        format!("/v1/licences/{code}"),
        format!("/v1/none?holder_code={code}"),
    ];
    for path in paths {
        let refused = client.request_json(Method::GET, &path, None).await;
        answers += &format!("{:?}\n", refused.expect_err("refused"));
    }
    let good = json!({ "holder_code": code });
    let found = client
        .request_json(Method::POST, "/v1/licences/search", Some(&good))
        .await;
    found.expect("found");
    stop.send(()).expect("still serving");
    server.await.expect("no panic").expect("served");
    answers
}

fn secrets(hub: &TestHub) -> Vec<String> {
    let mut secrets = vec![CAUSE.to_owned(), UNREAD_NAME.to_owned()];
    for item in &hub.items {
        secrets.push(item.entry.number.clone());
        for holder in &item.entry.holders {
            secrets.extend([holder.name.clone(), holder.code.clone()]);
        }
    }
    secrets
}

/// Every file below the folder: databases, their journals, the bus, keys; not the library itself.
fn check_files(folder: &Path, library: &Path, secrets: &[String]) {
    let mut files = 0;
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("lists") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && path != library {
                folders.push(path);
            } else if path.is_file() {
                let bytes = std::fs::read(&path).expect("reads");
                check(&path.display().to_string(), &bytes, secrets);
                files += 1;
            }
        }
    }
    assert!(files >= 8, "only {files} files were seen");
}

fn check_log(log: &Log, secrets: &[String]) {
    let text = log.text();
    let said = [
        "a permit was decided",
        "transaction committed",
        "a request was answered",
    ];
    for line in said {
        assert!(text.contains(line), "the log was not captured: {line}");
    }
    check("the log", text.as_bytes(), secrets);
    check("the log", text.as_bytes(), &[TOKEN.to_owned()]);
}

#[track_caller]
fn check(place: &str, bytes: &[u8], secrets: &[String]) {
    let held = secrets
        .iter()
        .filter(|secret| holds(bytes, secret.as_bytes()));
    let held: Vec<&String> = held.collect();
    assert!(held.is_empty(), "{place} holds {held:?}");
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
