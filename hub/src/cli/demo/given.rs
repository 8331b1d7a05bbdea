//! The walk-through on somebody else's library: every licence is looked up, permitted, fetched
//! across the provinces and either delivered with its verdict or refused with the reason.

use anyhow::Context;
use connectors::client::ClientError;
use schemas::entry::SourceEntry;
use serde_json::Value;

use super::asked;
use super::cast::{Cast, keys_folder};
use super::stage::Stage;
use super::step;
use super::walk::{fetch, look_up, print_refusal, text};
use crate::cli::out::{self, outln};
use crate::cli::report;
use crate::cli::trail;
use crate::prove::TrustedNodes;

/// Tries each licence.
///
/// # Errors
/// A failure that is no refusal: the node is not reached or answers what cannot be read.
pub(super) async fn show(stage: &Stage, cast: &Cast, all: &[SourceEntry]) -> anyhow::Result<()> {
    let department = cast.department()?;
    step(
        4,
        "逐一查询、跨省获取、查验",
        "each licence: looked up, fetched, verified",
    )?;
    let (mut delivered, mut refused) = (0_u32, 0_u32);
    for entry in all {
        let identifier = &entry.identifier;
        outln!(
            "\n   {identifier} · {}",
            entry.file.as_deref().unwrap_or("-")
        )?;
        match look_up(&department, identifier).await {
            Ok((found, _)) => outln!(
                "   目录 entry: {} · 来源 source {}",
                text(&found, "/entry/licence_name"),
                text(&found, "/source")
            )?,
            Err(ClientError::Refused(problem)) => print_refusal(&problem)?,
            Err(other) => return Err(other).context("lookup"),
        }
        match fetch(&department, stage, identifier).await {
            Ok(fetched) => {
                delivered += 1;
                outln!("   已交付 delivered: {} bytes", fetched.bytes)?;
                out::text(report::verdict_text(&fetched.verdict, "   "))?;
            }
            Err(ClientError::Refused(problem)) => {
                refused += 1;
                print_refusal(&problem)?;
                print_verdict(problem.members.get("verdict"))?;
            }
            Err(other) => return Err(other).context("fetch"),
        }
    }
    outln!("\n   交付 delivered {delivered}, 拒绝 refused {refused}")?;
    step(5, "溯源链", "the trails, with proofs")?;
    let out = stage.dir.join("proofs");
    let trusted = TrustedNodes::from_folder(&keys_folder(&stage.dir))?;
    for entry in all {
        let found = asked::trail(cast.players(), &entry.identifier, &trusted).await?;
        let files = trail::write_proofs(&found, &out)?;
        outln!("   {} · {} 份证明 proofs", entry.identifier, files.len())?;
    }
    outln!(
        "   hub prove {}/… --trust {}",
        out.display(),
        keys_folder(&stage.dir).display()
    )?;
    Ok(())
}

fn print_verdict(verdict: Option<&Value>) -> std::io::Result<()> {
    let parsed = verdict
        .cloned()
        .and_then(|verdict| serde_json::from_value(verdict).ok());
    if let Some(verdict) = parsed {
        out::text(report::verdict_text(&verdict, "   "))?;
    }
    Ok(())
}
