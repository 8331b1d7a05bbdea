//! `hub log fsck`: checks the provenance logs of all nodes from their leaves up.

use std::process::ExitCode;

use anyhow::Context;

use super::node_stores::{NodeStoreArgs, open_all};
use super::out::outln;
use crate::provenance::fsck::{FsckReport, fsck};

/// Work with provenance logs.
#[derive(clap::Args, Debug)]
pub(crate) struct LogArgs {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(clap::Subcommand, Debug)]
enum LogCommand {
    /// Recompute every leaf, node, root and signed head, and compare the tables with the leaves.
    ///
    /// Exit code 0 when all is clean, 1 when something is wrong, 3 when it cannot be read.
    Fsck {
        #[command(flatten)]
        stores: NodeStoreArgs,
        /// Print one JSON object per node.
        #[arg(long)]
        json: bool,
    },
}

/// Runs `hub log …`.
///
/// # Errors
/// The folder or a database in it cannot be read.
pub(crate) async fn run(args: LogArgs) -> anyhow::Result<ExitCode> {
    let LogCommand::Fsck { stores, json } = args.command;
    let mut is_clean = true;
    for opened in open_all(&stores).await? {
        let checked = fsck(&opened.store, &opened.log).await;
        opened.store.close().await;
        let report = checked.with_context(|| format!("the log of node {}", opened.node))?;
        if json {
            outln!("{}", serde_json::to_string(&report)?)?;
        } else {
            print(&report)?;
        }
        is_clean &= report.is_clean();
    }
    Ok(ExitCode::from(u8::from(!is_clean)))
}

fn print(report: &FsckReport) -> std::io::Result<()> {
    let FsckReport {
        origin,
        leaves,
        heads,
        entries,
        fault_count,
        faults,
    } = report;
    let state = if report.is_clean() {
        "完好 clean"
    } else {
        "有误 faulty"
    };
    outln!(
        "{origin}: {state}  记录 leaves {leaves} · 日志头 heads {heads} · 目录 entries {entries}"
    )?;
    for fault in faults {
        outln!("  {} {}", fault.code, fault.detail)?;
    }
    let unnamed = fault_count.saturating_sub(faults.len() as u64);
    if unnamed > 0 {
        outln!("  另有 {unnamed} 处 further faults")?;
    }
    Ok(())
}
