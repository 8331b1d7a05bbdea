//! `hub demo`: the main job in one process, from development certificates to a proof.
//!
//! `stage` makes what the demo plays with, `cast` starts the nodes, `sync` fills the
//! directory, `walk` goes through the nine steps over HTTP as a department would, `given`
//! tries each licence of somebody else's library instead.

mod cast;
mod given;
mod stage;
mod sync;
mod walk;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use self::cast::Cast;
use self::stage::{Parts, Stage};
use crate::cli::serve::stop_signal;
use crate::clock::{Clock, SystemClock};

/// Show the main job: a national node and two provinces in one process (演示).
///
/// Mints certificates and sealed licences, starts three nodes on the embedded default, syncs the
/// directory, looks licences up across provinces, fetches and verifies files, refuses what must be
/// refused, prints the trail of a licence and proves it. Then serves until Ctrl-C.
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
    /// Stop after the walk-through.
    #[arg(long)]
    exit: bool,
}

/// Runs the demo.
///
/// # Errors
/// A part cannot be minted, opened or started, or a step did not show what it must show.
pub async fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let temporary = args.data.is_none().then(temporary_folder);
    let dir = args
        .data
        .clone()
        .or_else(|| temporary.clone())
        .unwrap_or_default();
    std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
    let stage = match &args.source {
        Some(source) => stage::given(&dir, source).await?,
        None => stage::minted(&dir, SystemClock.now()).await?,
    };
    let cast = cast::start(&stage, args.listen).await?;
    let shown = show(&stage, &cast).await;
    if shown.is_ok() && !args.exit {
        invite(&cast, &dir);
        stop_signal()?.await;
        println!("\n正在停止 stopping");
    }
    cast.stop().await?;
    if let Some(folder) = temporary {
        std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        println!("\n临时数据已删除，加 --data DIR 可保留。");
        println!("The temporary data is gone; --data DIR keeps it, with the proofs.");
    }
    shown.map(|()| ExitCode::SUCCESS)
}

async fn show(stage: &Stage, cast: &Cast) -> anyhow::Result<()> {
    step(1, "节点启动", "nodes up");
    for player in cast.players() {
        println!("   {:<28} http://{}", player.title, player.address);
    }
    sync::show(stage, cast).await?;
    match &stage.parts {
        Parts::Minted(parts) => walk::show(stage, cast, parts).await,
        Parts::Given(entries) => given::show(stage, cast, entries).await,
    }
}

/// Heading of a step.
fn step(number: u8, zh: &str, en: &str) {
    println!("\n{number}. {zh} · {en}");
}

fn invite(cast: &Cast, dir: &Path) {
    println!("\n演示完成，服务继续运行，按 Ctrl-C 停止。");
    println!("The walk-through is done; the nodes keep serving until Ctrl-C. Try:");
    println!("  export TOKEN={}", cast.token);
    println!(
        "  curl -H \"Authorization: Bearer $TOKEN\" http://{}/v1/log/head",
        cast.using.address
    );
    println!("  state 数据目录: {}", dir.display());
}

fn temporary_folder() -> PathBuf {
    std::env::temp_dir().join(format!("license-hub-demo-{}", std::process::id()))
}
