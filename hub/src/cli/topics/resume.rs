//! `hub topics resume`: goes on where the log begins now.

use std::process::ExitCode;
use std::sync::Arc;

use certs::node_key::NodeKeys;
use connectors::bus::kafka::topics::TopicAdmin;
use schemas::envelope::topic::DIRECTORY_CHANGES;
use schemas::leaf::{Activity, Leaf, MessageReference};

use crate::cli::out::outln;
use crate::clock::{Clock as _, SystemClock};
use crate::config::NodeConfig;
use crate::node::keys_path;
use crate::permits::event_id;
use crate::provenance::ProvenanceLog;
use crate::store::{Store, StoreError, positions, snapshots};

pub(super) async fn run(config: &NodeConfig, topic: &str) -> anyhow::Result<ExitCode> {
    let admin = TopicAdmin::open(config.bus.kafka(&config.name)?)?;
    let ends = admin.ends(topic).await?;
    let store = Store::of_operator(config).await?;
    for (partition, oldest, newest) in ends {
        let Some(read) = positions::last(store.reader(), topic, partition).await? else {
            continue;
        };
        if (oldest..=newest).contains(&read) {
            outln!("{topic}/{partition}: fits, read up to {read}")?;
            continue;
        }
        place(config, &store, (topic, partition, oldest)).await?;
        outln!("{topic}/{partition}: was {read}, goes on after {oldest}")?;
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn place(
    config: &NodeConfig,
    store: &Store,
    (topic, partition, position): (&str, i32, i64),
) -> anyhow::Result<()> {
    let keys = Arc::new(NodeKeys::from_file(&keys_path(&config.data))?);
    let log = ProvenanceLog::open(store, &config.name, &keys).await?;
    let now = SystemClock.now();
    let mut leaf = Leaf::new(event_id(now), now, &config.name, Activity::Refuse);
    leaf.message = Some(MessageReference {
        id: String::new(),
        topic: Some(topic.to_owned()),
        partition: Some(partition).filter(|partition| *partition != 0),
        position: Some(position),
    });
    leaf.result = positions::RECORDS_LOST.to_owned();
    let (leaf, log) = (&leaf, &log);
    store
        .run_tx("resume_topic", |tx| {
            Box::pin(async move {
                positions::place(tx, topic, partition, position).await?;
                // What the records said that are gone, the home nodes still know.
                if topic == DIRECTORY_CHANGES {
                    snapshots::forget_all(tx).await?;
                }
                log.append(tx, leaf.clone(), None).await?;
                Ok::<_, StoreError>(())
            })
        })
        .await?;
    Ok(())
}
