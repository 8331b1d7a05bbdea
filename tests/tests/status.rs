//! Who decides about the status of a licence: the library, until a registrar says otherwise.

use hub::directory;
use schemas::leaf::Agent;
use schemas::status::LicenceStatus;
use tests::{TestHub, ZHEJIANG};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registrars_status_stands_until_the_library_says_another() {
    let mut hub = TestHub::start(1, 1).await;
    hub.sync().await;
    revoke(&hub).await;
    assert_eq!(status(&hub).await, LicenceStatus::Revoked);

    hub.items[0].entry.issuer_name.push_str("（更名）");
    hub.write_library();
    assert_eq!(hub.sync().await.changed, 1);
    let after = status(&hub).await;
    assert_eq!(
        after,
        LicenceStatus::Revoked,
        "a correction of a name brought the licence back"
    );

    hub.items[0].entry.status = LicenceStatus::Cancelled;
    hub.write_library();
    assert_eq!(hub.sync().await.changed, 1);
    assert_eq!(
        status(&hub).await,
        LicenceStatus::Cancelled,
        "the library's own word is new"
    );
    hub.stop().await;
}

async fn revoke(hub: &TestHub) {
    let agent = Agent {
        organisation: "o".to_owned(),
        caller: "registrar".to_owned(),
    };
    let zhejiang = hub.node(ZHEJIANG);
    directory::change_status(zhejiang, &hub.identifier(0), LicenceStatus::Revoked, agent)
        .await
        .expect("the status changes");
    hub.settle().await;
}

/// The status in the national directory.
async fn status(hub: &TestHub) -> LicenceStatus {
    let national = hub.node(tests::NATIONAL);
    let key = national.keys.column_key();
    hub::store::entries::find(national.store.reader(), &hub.identifier(0), key)
        .await
        .expect("the store answers")
        .expect("the entry is there")
        .public
        .status
}
