//! What the directory says about the licence that a file names, GB/T 36906 information
//! verification: beside the verdict, wherever a verdict is answered.

use bytes::Bytes;
use hub::mint::Spoil;
use hub::refusal::Refusal;
use hub::{directory, seals};
use schemas::identifier::Identifier;
use schemas::status::LicenceStatus;
use schemas::verdict::Profile;
use serde_json::{Value, json};
use tests::{MATTER, NATIONAL, SICHUAN, TestHub, ZHEJIANG, caller};

use super::client::{NDJSON, last, multipart, part};
use super::scene::Scene;
use crate::state::leaves;

/// Zhejiang's licences here: in force, suspended, with another holder in the directory than in the
/// file, revoked; and behind them one that nobody registered.
const REGISTERED: usize = 4;

/// What a node that knows them all says of files 0 to 4, and of two that prove nothing.
const KNOWN: [Option<u8>; 7] = [
    Some(0),
    Some(2),
    Some(5),
    Some(3),
    Some(5),
    Some(4),
    Some(4),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn information_is_verified_where_the_directory_is() {
    let hub = hub().await;
    let files = brought(&hub);
    for node in [NATIONAL, ZHEJIANG] {
        check(&hub, node, &files, KNOWN).await;
    }
    // Sichuan's node is home of none of these licences, and asks nobody about them; nor does it
    // matter what it was told before.
    let mut expected = [None; 7];
    expected[5..].copy_from_slice(&KNOWN[5..]);
    check(&hub, SICHUAN, &files, expected).await;
    for (number, file) in files.iter().take(REGISTERED + 1).enumerate() {
        let found = directory::lookup(hub.node(SICHUAN), &caller(), &stated(file)).await;
        assert_eq!(found.expect("an answer").is_some(), number < REGISTERED);
    }
    check(&hub, SICHUAN, &files, expected).await;
    // The verdict that is remembered says no old status.
    change(&hub, 0, LicenceStatus::Suspended).await;
    hub.settle().await;
    assert_eq!(result(&hub, NATIONAL, &files[0]).await, Some(2));
    assert_eq!(result(&hub, ZHEJIANG, &files[0]).await, Some(2));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_told_about_a_licence_is_on_its_record() {
    let hub = hub().await;
    let files = brought(&hub);
    check(&hub, NATIONAL, &files, KNOWN).await;
    let leaves = leaves(&hub, NATIONAL).await;
    let is_verification = |leaf: &&Value| leaf["activity"] == "verify";
    let told: Vec<&Value> = leaves.iter().filter(is_verification).collect();
    assert_eq!(told.len(), KNOWN.len());
    for (leaf, file) in told.iter().zip(&files).take(REGISTERED + 1) {
        assert_eq!(leaf["identifier"], stated(file).as_str());
    }
    // Which revision of the entry it was: of the suspended one the second.
    let revisions = told.iter().map(|leaf| leaf["entity"]["revision"].as_u64());
    let expected = [Some(1), Some(2), Some(1), Some(2), None, None, None];
    assert!(revisions.eq(expected), "{told:?}");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_over_http_carry_the_result() {
    let mut scene = Scene::start(2, |_| ()).await;
    let identifier = scene.hub.identifier(0);
    let permit = scene.hub.permit(&identifier, MATTER).await;
    let permit = permit.expect("decided");
    let body = [
        part("of-another-province.ofd", &scene.file(0)),
        part("nothing.ofd", b""),
        last(),
    ];
    let (lines, _) = scene.batch(&multipart(), body.concat()).await;
    let results: Vec<&Value> = lines.iter().map(information).collect();
    assert_eq!(results, [&Value::Null, &json!(4)]);
    let wanted = json!({ "identifier": identifier.as_str(), "permit": permit.record.id });
    let (lines, _) = scene.batch(NDJSON, wanted.to_string().into_bytes()).await;
    assert_eq!(information(&lines[0]), &json!(0));
    let delivery = scene.hub.deliver(&identifier).await.expect("delivered");
    assert_eq!(json!(delivery.verdict())["gb36906_information"], 0);
    // A file whose entry says something else is not delivered, and the refusal says why.
    scene.hub.items[1].entry.holders[0].name.push('甲');
    scene.hub.write_library();
    scene.hub.sync().await;
    let refused = scene.hub.deliver(&scene.hub.identifier(1)).await;
    let Err(Refusal::NotDelivered { verdict, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(json!(verdict)["gb36906_information"], 5);
    scene.hub.stop().await;
}

async fn hub() -> TestHub {
    let mut hub = TestHub::start(REGISTERED, REGISTERED).await;
    hub.items[2].entry.holders[0].name.push('甲');
    hub.write_library();
    hub.sync().await;
    change(&hub, 1, LicenceStatus::Suspended).await;
    change(&hub, 3, LicenceStatus::Revoked).await;
    hub.settle().await;
    hub
}

async fn change(hub: &TestHub, number: usize, status: LicenceStatus) {
    let identifier = hub.identifier(number);
    directory::change_status(hub.node(ZHEJIANG), &identifier, status, caller().agent())
        .await
        .expect("the status changes");
}

#[track_caller]
fn information(line: &Value) -> &Value {
    &line["verdict"]["gb36906_information"]
}

/// Files 0 to 4, sealed anew, and two that prove nothing.
fn brought(hub: &TestHub) -> Vec<Bytes> {
    let sealed = (0..=REGISTERED).map(|number| hub.resealed_file(number));
    let bad = [hub.spoiled_file(0, Spoil::Tampered), b"no OFD".to_vec()];
    sealed.chain(bad).map(Bytes::from).collect()
}

/// What the file says that it is.
fn stated(file: &Bytes) -> Identifier {
    let metadata = certs::ofd::metadata(file).expect("metadata");
    let identifier = metadata.identifier().expect("an identifier");
    Identifier::parse_strict(identifier).expect("conformant")
}

/// Brings every file to a node, in order.
async fn check(hub: &TestHub, node: &str, files: &[Bytes], expected: [Option<u8>; 7]) {
    let mut results = Vec::new();
    for file in files {
        results.push(result(hub, node, file).await);
    }
    assert_eq!(results, expected, "{node}");
}

async fn result(hub: &TestHub, node: &str, file: &Bytes) -> Option<u8> {
    let node = hub.node(node);
    let verdict = seals::verify_posted(node, &caller(), file.clone(), Profile::Licence).await;
    let verdict = verdict.expect("a verdict");
    verdict.gb36906_information.map(u8::from)
}
