//! `hub serve`: one node until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use connectors::bus::{Bus, EmbeddedBus, KafkaBus};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock::SystemClock;
use crate::config::{BusKind, Config, LogConfig, NodeConfig};
use crate::directory;
use crate::http;
use crate::measure;
use crate::node::{Node, Running, node_keys};
use crate::upkeep::jittered;

/// File of the embedded bus below the node's data folder.
const BUS_FILE: &str = "bus.sqlite";

/// Run one node.
///
/// On the embedded bus this is a lone node: it serves its own library and verifies files, and
/// no other node hears it; on Apache Kafka it speaks with the others. At its start it writes its
/// public keys to `<data>/<name>.node.json`: the file that its peers' settings name and that
/// `hub prove --trust` takes. Stops on Ctrl-C or SIGTERM after the requests in progress.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Configuration file; see deploy/hub.toml for every setting with its default.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Runs `hub serve`.
///
/// # Errors
/// A configuration, a part of the node or an address that cannot be used; nothing is listened
/// on then.
pub async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    start_log(&config.log)?;
    measure::install()?;
    std::fs::create_dir_all(&config.node.data)
        .with_context(|| format!("folder {}", config.node.data.display()))?;
    // Before anything that needs the others: two nodes that are set up wait for each other's keys.
    publish_keys(&config.node)?;
    let bus = open_bus(&config.node).await?;
    let name = config.node.name.clone();
    let running = Node::start(config.node, bus, Arc::new(SystemClock)).await?;
    let outcome = serve(&running, config.listen).await;
    running.shutdown().await;
    outcome?;
    tracing::info!(node.name = name, "stopped");
    Ok(ExitCode::SUCCESS)
}

/// Opens the bus that the configuration names.
///
/// # Errors
/// A log file, setting, certificate or password file that cannot be used. Brokers that are away
/// are no error: the node starts and says in `/readyz` that they are.
pub async fn open_bus(config: &NodeConfig) -> anyhow::Result<Arc<dyn Bus>> {
    Ok(match config.bus.kind {
        BusKind::Embedded => Arc::new(EmbeddedBus::open(&config.data.join(BUS_FILE)).await?),
        BusKind::Kafka => Arc::new(KafkaBus::open(config.bus.kafka(&config.name)?)?),
    })
}

/// Writes the node's public keys where an operator finds them for its peers and for auditors.
fn publish_keys(config: &NodeConfig) -> anyhow::Result<()> {
    let keys = node_keys(&config.data)?.public();
    crate::prove::publish_keys(&config.data, &config.name, &keys)?;
    Ok(())
}

async fn serve(running: &Running, listen: std::net::SocketAddr) -> anyhow::Result<()> {
    let node = Arc::clone(&running.node);
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listening on {listen}"))?;
    let address = listener.local_addr()?;
    let stop = stop_signal()?;
    tracing::info!(
        node.name = node.name,
        listen.address = %address,
        listen.url = %format!("http://{address}/v1/"),
        bus.kind = node.config.bus.kind.as_str(),
        "listening"
    );
    let national = node.config.national.as_str();
    if node.peers().find(national).is_none() {
        tracing::warn!(
            node.national = national,
            "the national node is not known: nothing is exchanged until it is among the peers or \
             the operator lists it"
        );
    }
    let registering = tokio::spawn(register(Arc::clone(&node), signal(SignalKind::hangup())?));
    let measuring = tokio::spawn(measure_on());
    let served = http::serve(listener, node, stop).await;
    registering.abort();
    measuring.abort();
    Ok(served?)
}

/// Registers the library in the background, a node with a large one answers meanwhile; then again
/// at every interval and on SIGHUP.
async fn register(node: Arc<Node>, mut hangup: Signal) {
    if node.source.is_none() {
        return;
    }
    loop {
        // What came of it is in the log of the path itself.
        if let Err(refusal) = directory::register_source(&node).await {
            tracing::error!(cause = %refusal, "the library could not be registered");
        }
        let wait = jittered(Duration::from_secs(node.config.rescan_s));
        tokio::select! {
            () = tokio::time::sleep(wait), if !wait.is_zero() => {}
            Some(()) = hangup.recv() => tracing::info!("the library is read again on SIGHUP"),
            else => return,
        }
    }
}

async fn measure_on() {
    let mut every = tokio::time::interval(measure::UPKEEP_EVERY);
    loop {
        every.tick().await;
        measure::upkeep();
    }
}

/// Completes on Ctrl-C or SIGTERM.
pub(crate) fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("stopping on SIGTERM"),
            _ = interrupt.recv() => tracing::info!("stopping on Ctrl-C"),
        }
    })
}

/// What a client of the bus says when it is dropped: that it could not leave its group in good
/// order after a failure. The failure stands in the log, and its reader is made anew.
const FAREWELLS: &str = "rdkafka::consumer::base_consumer=off";

fn start_log(config: &LogConfig) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.filter)
        .context("log.filter of the configuration")?
        .add_directive(FAREWELLS.parse()?);
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        .try_init()
        .map_err(|cause| anyhow::anyhow!("log: {cause}"))
}
