//! Steps 2 and 3: the provinces register their libraries, the nation answers each entry.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::cast::{Cast, Player};
use super::stage::{Parts, Stage};
use super::step;
use crate::cli::out::outln;
use crate::directory;
use crate::store::{entries, receipts, registrations, rejections};

/// Longest wait for the receipts: some thousand entries take seconds.
const WAIT: Duration = Duration::from_secs(60);

/// How often the demo looks whether the receipts are there.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Most rejected entries that are shown.
const REJECTIONS_SHOWN: u32 = 5;

/// Registers the libraries, waits for every receipt, shows counts and rejections.
///
/// # Errors
/// A library that cannot be registered, a receipt that does not come.
pub(super) async fn show(stage: &Stage, cast: &Cast) -> anyhow::Result<()> {
    step(2, "目录同步与回执", "directory sync with receipts")?;
    let started = Instant::now();
    for (place, player) in [(&stage.home, &cast.home), (&stage.using, &cast.using)] {
        if place.library.is_some() {
            let report = directory::register_source(&player.node).await?;
            outln!(
                "   {:<28} 登记 registered {}, 变更 changed {}, 未变 unchanged {}, 不可读 unreadable {}",
                player.title,
                report.registered,
                report.changed,
                report.unchanged,
                report.unreadable
            )?;
        }
    }
    for player in [&cast.home, &cast.using] {
        all_receipts(player).await?;
        let counts = receipts::counts(player.node.store.reader()).await?;
        outln!(
            "   {:<28} 回执 receipts: 接受 accepted {}, 已有更新 superseded {}, 拒绝 rejected {}",
            player.title,
            counts.accepted,
            counts.superseded,
            counts.rejected
        )?;
    }
    let count = entries::count(cast.national.node.store.reader()).await?;
    outln!(
        "   {:<28} 目录 directory: {count} 条 entries, {:.1} s",
        cast.national.title,
        started.elapsed().as_secs_f64()
    )?;
    rejected(stage, cast).await
}

async fn rejected(stage: &Stage, cast: &Cast) -> anyhow::Result<()> {
    step(
        3,
        "被拒绝的目录条目",
        "rejected entries, kept in the quality queue",
    )?;
    let mut shown = Vec::new();
    for player in [&cast.national, &cast.home] {
        let reader = player.node.store.reader();
        for stored in rejections::page(reader, 0, REJECTIONS_SHOWN).await? {
            let rejection = stored.rejection;
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

/// Waits until every registered entry has its receipt.
async fn all_receipts(player: &Player) -> anyhow::Result<()> {
    let reader = player.node.store.reader();
    tokio::time::timeout(WAIT, async {
        while registrations::count_awaiting(reader).await? > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    })
    .await
    .context("receipts are missing")?
}
