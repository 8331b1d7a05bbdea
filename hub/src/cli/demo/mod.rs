//! `hub demo`: the main job in one process, from development certificates to a proof.
//!
//! `stage` makes what the demo plays with, `cast` starts the nodes (in this process by `host`, as
//! three `hub serve` processes on Kafka and PostgreSQL by `process`), `sync` fills the directory,
//! `asked` reads what the operators of the nodes see, `walk` goes through the nine steps over HTTP
//! as a department would, `given` tries each licence of somebody else's library instead.

mod asked;
mod cast;
mod given;
mod host;
mod process;
mod stage;
mod sync;
mod walk;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use self::cast::{Cast, Engines};
use self::stage::{Parts, Stage};
use crate::cli::out::outln;
use crate::cli::serve::stop_signal;
use crate::clock::{Clock, SystemClock};

/// Show the main job: a national node and two provinces in one process (演示).
///
/// Mints certificates and sealed licences, starts three nodes – on the embedded default, or with
/// --kafka as three processes on Apache Kafka –, syncs the directory, looks licences
/// up across provinces, fetches and verifies files, refuses what must be refused, prints the trail
/// of a licence and proves it. Then serves until Ctrl-C.
#[derive(clap::Args, Debug)]
pub struct DemoArgs {
    /// Keep all state in this folder; a demo that was killed starts again on it.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address of the using province's HTTP interface; the others take any free port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Use this library (entries.jsonl, files/, trust/) instead of minted licences.
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Run the nodes as three processes on these Kafka brokers (host:port, separated by commas).
    ///
    /// Plain connections, for brokers on this machine: deploy/demo.sh --kafka starts one.
    #[arg(long, value_name = "BROKERS")]
    kafka: Option<String>,
    /// Address of the nodes' PostgreSQL databases, which must be there; {node} stands for a node's
    /// name. Without it each node has a SQLite file.
    #[arg(long, value_name = "URL", requires = "kafka")]
    postgres: Option<String>,
    /// Stop after the walk-through.
    #[arg(long)]
    exit: bool,
}

/// Runs the demo.
///
/// # Errors
/// A part cannot be minted, opened or started, or a step did not show what it must show.
pub async fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let folder = StateFolder::make(args.data.as_deref())?;
    let dir = folder.path();
    let stage = match &args.source {
        Some(source) => stage::given(dir, source).await?,
        None => stage::minted(dir, SystemClock.now()).await?,
    };
    let engines = engines(args, dir)?;
    let cast = cast::start(&stage, &engines, args.listen).await?;
    let shown = match show(&stage, &cast).await {
        Ok(()) if !args.exit => serve_on(&cast, dir).await,
        shown => shown,
    };
    cast.stop().await?;
    shown?;
    if folder.is_temporary() {
        drop(folder);
        outln!("\n临时数据已删除，加 --data DIR 可保留。")?;
        outln!("The temporary data is gone; --data DIR keeps it, with the proofs.")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn engines(args: &DemoArgs, dir: &Path) -> anyhow::Result<Engines> {
    let Some(brokers) = &args.kafka else {
        return Ok(Engines::Embedded);
    };
    let one_for_all = |url: &String| !url.contains("{node}");
    anyhow::ensure!(
        !args.postgres.as_ref().is_some_and(one_for_all),
        "--postgres names one database for all nodes: put {{node}} in the place of its name"
    );
    // The same state finds its own topics again; another demo on the same brokers has others.
    let kept = dir.join("topics.prefix");
    if !kept.exists() {
        let random = uuid::Uuid::new_v4().simple().to_string();
        let prefix = format!("demo-{}.", random.get(..8).unwrap_or_default());
        std::fs::write(&kept, prefix).with_context(|| kept.display().to_string())?;
    }
    Ok(Engines::Kafka {
        brokers: brokers.clone(),
        postgres: args.postgres.clone(),
        prefix: std::fs::read_to_string(&kept)?,
    })
}

async fn show(stage: &Stage, cast: &Cast) -> anyhow::Result<()> {
    step(1, "节点启动", "nodes up")?;
    for player in cast.players() {
        outln!("   {:<28} http://{}", player.title, player.address)?;
    }
    sync::show(stage, cast).await?;
    match &stage.parts {
        Parts::Minted(parts) => walk::show(stage, cast, parts).await,
        Parts::Given(entries) => given::show(stage, cast, entries).await,
    }
}

/// Heading of a step.
fn step(number: u8, zh: &str, en: &str) -> std::io::Result<()> {
    outln!("\n{number}. {zh} · {en}")
}

/// Says what can be tried now and leaves the nodes running until they are told to stop.
async fn serve_on(cast: &Cast, dir: &Path) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    outln!("\n演示完成，服务继续运行，按 Ctrl-C 停止。")?;
    outln!("The walk-through is done; the nodes keep serving until Ctrl-C. Try:")?;
    outln!("  export TOKEN={}", cast.token)?;
    outln!(
        "  curl -H \"Authorization: Bearer $TOKEN\" http://{}/v1/log/head",
        cast.using.address
    )?;
    outln!("  state 数据目录: {}", dir.display())?;
    stop.await;
    Ok(outln!("\n正在停止 stopping")?)
}

/// Where the demo keeps its state; a temporary one is removed however the demo ends.
struct StateFolder {
    path: PathBuf,
    is_temporary: bool,
}

impl StateFolder {
    fn make(kept: Option<&Path>) -> anyhow::Result<Self> {
        let temporary =
            || std::env::temp_dir().join(format!("license-hub-demo-{}", std::process::id()));
        let folder = Self {
            path: kept.map_or_else(temporary, Path::to_owned),
            is_temporary: kept.is_none(),
        };
        std::fs::create_dir_all(&folder.path).with_context(|| folder.path.display().to_string())?;
        Ok(folder)
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn is_temporary(&self) -> bool {
        self.is_temporary
    }
}

impl Drop for StateFolder {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's folder of temporary files: no loss.
        if self.is_temporary {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
