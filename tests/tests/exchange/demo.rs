//! The demo's walk-through over three processes.

use tests::processes::Engines;
use tests::program::{hub, run};

use crate::demo::{check_proofs, check_steps};

#[tokio::test]
async fn the_demo_shows_the_same_on_kafka_and_postgresql() {
    let Some(engines) = Engines::from_environment("the demo on Kafka and PostgreSQL") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // Databases of this run alone.
    let database = format!("hub_demo_{}", uuid::Uuid::new_v4().simple());
    for node in ["national", "zhejiang", "sichuan"] {
        engines.make_database(&format!("{database}_{node}")).await;
    }
    let shown = run(hub()
        .args(["demo", "--exit", "--kafka", &engines.kafka, "--postgres"])
        .arg(engines.database(&format!("{database}_{{node}}")))
        .arg("--data")
        .arg(folder.path()));
    check_steps(&shown);
    check_proofs(folder.path());
}
