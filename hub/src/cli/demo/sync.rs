//! Steps 2 and 3: the provinces register their libraries, the nation answers each entry.

use std::time::{Duration, Instant};

use anyhow::Context;
use schemas::message::ReceiptOutcome;

use super::asked::{self, Receipts};
use super::cast::{Cast, Player};
use super::host::Host;
use super::stage::{Parts, Place, Stage};
use super::step;
use crate::cli::out::outln;
use crate::directory;
use crate::store::registrations;

/// Longest wait for the receipts: some thousand entries take seconds, on a busy machine with
/// three processes, a broker and a database many times as long.
const WAIT: Duration = Duration::from_secs(180);

/// How often the demo looks whether the receipts are there: some pages each time, far below what
/// a node lets one caller ask.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Most rejected entries that are shown.
const REJECTIONS_SHOWN: u32 = 5;

/// Registers the libraries, waits for every receipt, shows counts and rejections.
///
/// # Errors
/// A library that cannot be registered, a receipt that does not come.
pub(super) async fn show(stage: &Stage, cast: &Cast) -> anyhow::Result<()> {
    step(2, "目录同步与回执", "directory sync with receipts")?;
    let started = Instant::now();
    let provinces = [(&stage.home, &cast.home), (&stage.using, &cast.using)];
    for (place, player) in provinces {
        if place.library.is_some() {
            register(player).await?;
        }
    }
    let mut accepted = 0;
    for (place, player) in provinces {
        let receipts = all_receipts(place, player).await?;
        outln!(
            "   {:<28} 回执 receipts: 接受 accepted {}, 已有更新 superseded {}, 拒绝 rejected {}",
            player.title,
            receipts.count(ReceiptOutcome::Accepted),
            receipts.count(ReceiptOutcome::Superseded),
            receipts.count(ReceiptOutcome::Rejected)
        )?;
        accepted += receipts.count(ReceiptOutcome::Accepted);
    }
    outln!(
        "   {:<28} 目录 directory: {accepted} 条 entries, {:.1} s",
        cast.national.title,
        started.elapsed().as_secs_f64()
    )?;
    rejected(stage, cast).await
}

/// A node in this process is told to register its library; `hub serve` does it by itself.
async fn register(player: &Player) -> anyhow::Result<()> {
    let Host::Here(hosted) = &player.host else {
        return Ok(());
    };
    let report = directory::register_source(&hosted.node).await?;
    outln!(
        "   {:<28} 登记 registered {}, 变更 changed {}, 未变 unchanged {}, 不可读 unreadable {}",
        player.title,
        report.registered,
        report.changed,
        report.unchanged,
        report.unreadable
    )?;
    Ok(())
}

async fn rejected(stage: &Stage, cast: &Cast) -> anyhow::Result<()> {
    step(
        3,
        "被拒绝的目录条目",
        "rejected entries, kept in the quality queue",
    )?;
    let mut shown = Vec::new();
    for player in [&cast.national, &cast.home] {
        let (rejections, are_more) = asked::rejections(&player.operator, REJECTIONS_SHOWN).await?;
        for rejection in rejections {
            let what = rejection.identifier.unwrap_or_else(|| {
                format!(
                    "第 {0} 行 line {0}",
                    rejection.source_line.unwrap_or_default()
                )
            });
            outln!("   {} · {what}", player.title)?;
            for reason in rejection.reasons {
                outln!("     {}: {} / {}", reason.rule, reason.zh, reason.en)?;
            }
            shown.push(what);
        }
        if are_more {
            outln!(
                "   {} · 还有更多，见 there are more, see GET http://{}/v1/rejections",
                player.title,
                player.address
            )?;
        }
    }
    if shown.is_empty() {
        outln!("   无 none")?;
    }
    if let Parts::Minted(parts) = &stage.parts {
        let faulty = parts.faulty.as_str();
        anyhow::ensure!(
            shown.iter().any(|what| what == faulty),
            "{faulty} was not rejected"
        );
    }
    Ok(())
}

/// Waits until every entry of the province's library has its receipt.
async fn all_receipts(place: &Place, player: &Player) -> anyhow::Result<Receipts> {
    let mut receipts = Receipts::default();
    let waiting = async {
        loop {
            let is_complete = match &player.host {
                Host::Here(hosted) => {
                    registrations::count_awaiting(hosted.node.store.reader()).await? == 0
                }
                Host::Process(_) => {
                    receipts.read(&player.operator).await?;
                    receipts.licences() >= place.entries
                }
            };
            if is_complete {
                return receipts.read(&player.operator).await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(WAIT, waiting)
        .await
        .context("receipts are missing")??;
    Ok(receipts)
}
