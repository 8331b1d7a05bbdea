//! `hub deadletters`: records that a node could not use, and what is done about them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use certs::node_key::NodeKeys;
use connectors::bus::{Bus, BusRecord, OutgoingRecord, Sharing};
use schemas::catalogue;
use schemas::envelope::topic;
use schemas::leaf::{Activity, Leaf, MessageReference};

use crate::cli::out::outln;
use crate::cli::serve::open_bus;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, NodeConfig};
use crate::exchange::letter::{self, Letter};
use crate::node::keys_path;
use crate::permits::event_id;
use crate::provenance::ProvenanceLog;
use crate::store::dead_letters::{self, Decision};
use crate::store::{Store, StoreError};

/// How long the first record is waited for: a client finds its brokers within that.
const FIRST_WAIT: Duration = Duration::from_secs(8);

/// How long the next is waited for: what is there comes at once.
const NEXT_WAIT: Duration = Duration::from_secs(2);

/// Look at the records that a node could not use, and decide what is done about them.
///
/// The node keeps such records with the reason, and where they came from, in the topic
/// deadletter.<node>. Decisions stand in its database and, as leaves, in its log. On the embedded
/// bus stop the node first: a running one would not see a record that is published beside it.
#[derive(clap::Args, Debug)]
pub(crate) struct DeadlettersArgs {
    #[command(subcommand)]
    command: DeadlettersCommand,
}

#[derive(clap::Subcommand, Debug)]
enum DeadlettersCommand {
    /// Print the records about which nothing is decided, one per line.
    List {
        #[command(flatten)]
        place: Place,
        /// Also those that were retried or dropped.
        #[arg(long)]
        all: bool,
    },
    /// Print where one record came from, why it could not be used, and its headers.
    Show {
        #[command(flatten)]
        place: Place,
        /// Number in the list.
        number: i64,
    },
    /// Publish records again, unchanged, where they came from: all checks run again.
    ///
    /// Exit code 0 when all were published, 1 when one cannot be.
    Retry(Chosen),
    /// Let records go: they are no longer listed.
    Drop(Chosen),
}

#[derive(clap::Args, Debug)]
struct Place {
    /// Configuration file of the node, as for `hub serve`.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(clap::Args, Debug)]
struct Chosen {
    #[command(flatten)]
    place: Place,
    /// Numbers in the list.
    #[arg(required = true, value_name = "NUMBER")]
    numbers: Vec<i64>,
}

/// Runs `hub deadletters …`.
///
/// # Errors
/// A configuration, bus or database that cannot be used; a number that is not in the list.
pub(crate) async fn run(args: DeadlettersArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        DeadlettersCommand::List { place, all } => list(&Desk::open(&place).await?, all).await,
        DeadlettersCommand::Show { place, number } => {
            show(&Desk::open(&place).await?, number).await
        }
        DeadlettersCommand::Retry(chosen) => decide(&chosen, Decision::Retried).await,
        DeadlettersCommand::Drop(chosen) => decide(&chosen, Decision::Dropped).await,
    }
}

async fn list(desk: &Desk, is_all: bool) -> anyhow::Result<ExitCode> {
    let mut read = desk.read().await?;
    let mut count = 0_usize;
    while let Some(record) = read.next().await? {
        let Some(letter) = letter::open(&record) else {
            outln!("{}  is no dead letter", record.position)?;
            continue;
        };
        let decision = dead_letters::find(desk.store.reader(), &letter.origin).await?;
        if decision.is_some() && !is_all {
            continue;
        }
        count += 1;
        outln!(
            "{}  {}  {}/{}/{}  {}  {}",
            record.position,
            shown(letter.code),
            shown(&letter.origin.topic),
            letter.origin.partition,
            letter.origin.position,
            shown(letter.claim("ce_source")),
            decision.map_or("open", Decision::as_str),
        )?;
    }
    outln!("{count} 条死信 dead letters")?;
    Ok(ExitCode::SUCCESS)
}

async fn show(desk: &Desk, number: i64) -> anyhow::Result<ExitCode> {
    let chosen = desk.find(&BTreeSet::from([number])).await?;
    for record in &chosen {
        let letter = letter::open(record).context("this record is no dead letter")?;
        let Letter { origin, code, .. } = &letter;
        outln!("原因 reason      {}", shown(code))?;
        if let Some(text) = catalogue::text(code) {
            outln!("                 {} {}", text.zh, text.en)?;
            outln!("                 {} {}", text.next_zh, text.next_en)?;
        }
        outln!(
            "来源 origin      {} partition {} position {}",
            shown(&origin.topic),
            origin.partition,
            origin.position
        )?;
        outln!("键 key           {}", shown(&record.key))?;
        outln!("内容 body        {} bytes", record.body.len())?;
        for (name, value) in letter.headers {
            outln!("  {}: {}", shown(name), shown(value))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn decide(chosen: &Chosen, decision: Decision) -> anyhow::Result<ExitCode> {
    let desk = Desk::open(&chosen.place).await?;
    let numbers: BTreeSet<i64> = chosen.numbers.iter().copied().collect();
    let mut is_done = true;
    for record in desk.find(&numbers).await? {
        let letter = letter::open(&record).context("this record is no dead letter")?;
        if decision == Decision::Retried
            && let Err(cause) = desk.publish_again(&record, &letter).await
        {
            outln!("{}: {cause:#}", record.position)?;
            is_done = false;
            continue;
        }
        desk.record(&letter, decision).await?;
        outln!("{}: {}", record.position, decision.as_str())?;
    }
    desk.store.close().await;
    Ok(ExitCode::from(u8::from(!is_done)))
}

/// What the commands work with.
struct Desk {
    config: NodeConfig,
    bus: Arc<dyn Bus>,
    store: Store,
}

impl Desk {
    async fn open(place: &Place) -> anyhow::Result<Self> {
        let config = Config::load(&place.config)?.node;
        let store = Store::of_operator(&config).await?;
        let bus = open_bus(&config).await?;
        Ok(Self { config, bus, store })
    }

    async fn read(&self) -> anyhow::Result<Reading> {
        let topic = topic::dead_letters(&self.config.name);
        let positions = Arc::new(None);
        let subscription = self.bus.subscribe(&topic, Sharing::Whole, positions).await;
        Ok(Reading {
            subscription: subscription?,
            batch: Vec::new().into_iter(),
            wait: FIRST_WAIT,
        })
    }

    /// The records of these numbers.
    async fn find(&self, numbers: &BTreeSet<i64>) -> anyhow::Result<Vec<BusRecord>> {
        let mut read = self.read().await?;
        let mut found = Vec::new();
        while found.len() < numbers.len() {
            let Some(record) = read.next().await? else {
                bail!("the dead letters have no record of this number");
            };
            if numbers.contains(&record.position) {
                found.push(record);
            }
        }
        Ok(found)
    }

    /// Publishes the record as it was before it became a letter.
    async fn publish_again(&self, record: &BusRecord, letter: &Letter<'_>) -> anyhow::Result<()> {
        if letter.code == "RECORD_MALFORMED" {
            bail!("only what could be read of this record was kept: it can be dropped alone");
        }
        // Whoever could write a letter must not have this node write anywhere else.
        let own = &self.config.name;
        let read_here = [
            topic::DIRECTORY_CHANGES.to_owned(),
            topic::DIRECTORY_RECEIPTS.to_owned(),
            topic::requests(own),
            topic::replies(own),
            topic::files(own),
            topic::TRUST.to_owned(),
        ];
        if !read_here.contains(&letter.origin.topic) {
            bail!(
                "this node does not read topic {}",
                shown(&letter.origin.topic)
            );
        }
        let again = OutgoingRecord {
            topic: letter.origin.topic.clone(),
            key: record.key.clone(),
            headers: letter.headers.to_vec(),
            body: record.body.clone(),
        };
        Ok(self.bus.publish(vec![again]).await?)
    }

    /// Records the decision and its leaf in one transaction. A kill before it leaves the letter
    /// open; a record that is published twice has its effect once.
    async fn record(&self, letter: &Letter<'_>, decision: Decision) -> anyhow::Result<()> {
        let keys = Arc::new(NodeKeys::from_file(&keys_path(&self.config.data))?);
        let log = ProvenanceLog::open(&self.store, &self.config.name, &keys).await?;
        let now = SystemClock.now();
        let mut leaf = Leaf::new(event_id(now), now, &self.config.name, Activity::DeadLetter);
        let origin = &letter.origin;
        leaf.message = Some(MessageReference {
            id: letter.claim("ce_id").chars().take(128).collect(),
            topic: Some(origin.topic.clone()),
            partition: Some(origin.partition).filter(|partition| *partition != 0),
            position: Some(origin.position),
        });
        leaf.result = decision.as_str().to_uppercase();
        let (leaf, log) = (&leaf, &log);
        self.store
            .run_tx("decide_dead_letter", |tx| {
                Box::pin(async move {
                    dead_letters::decide(tx, origin, decision, now).await?;
                    log.append(tx, leaf.clone(), None).await?;
                    Ok::<_, StoreError>(())
                })
            })
            .await?;
        Ok(())
    }
}

/// The dead letters from the oldest to the newest.
struct Reading {
    subscription: Box<dyn connectors::bus::Subscription>,
    batch: std::vec::IntoIter<BusRecord>,
    wait: Duration,
}

impl Reading {
    async fn next(&mut self) -> anyhow::Result<Option<BusRecord>> {
        loop {
            if let Some(record) = self.batch.next() {
                return Ok(Some(record));
            }
            let next = tokio::time::timeout(self.wait, self.subscription.next());
            let Ok(batch) = next.await else {
                return Ok(None);
            };
            self.batch = batch?.into_iter();
            self.wait = NEXT_WAIT;
        }
    }
}

/// Foreign text, so that it cannot command the terminal.
fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}
