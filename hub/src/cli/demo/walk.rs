//! Steps 4 to 9 on minted licences, over HTTP, as the department of the using province.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use connectors::client::{Client, ClientError, Problem};
use http::{HeaderMap, Method};
use schemas::identifier::Identifier;
use schemas::verdict::{FileKind, Verdict};
use serde_json::{Value, json};

use super::asked;
use super::cast::{Cast, keys_folder};
use super::stage::{MintedParts, Stage};
use super::step;
use crate::cli::out::{self, outln};
use crate::cli::{report, trail};
use crate::prove::{self, TrustedNodes};

/// Walks through the steps and checks that each shows what it must show.
///
/// # Errors
/// The first step that goes another way.
pub(super) async fn show(stage: &Stage, cast: &Cast, parts: &MintedParts) -> anyhow::Result<()> {
    let department = cast.department()?;
    lookups(&department, &parts.good).await?;
    fetched(&department, stage, &parts.good, &parts.pdf).await?;
    step(6, "被篡改的文件不予交付", "a tampered file is refused")?;
    refused(&department, stage, &parts.tampered, "NOT_DELIVERED").await?;
    step(7, "无许可的用证被拒绝", "a use without a permit is refused")?;
    refused(&department, stage, &parts.not_permitted, "PERMIT_DENIED").await?;
    let proofs = shown_trail(stage, cast, &parts.good).await?;
    proven(stage, proofs)
}

async fn lookups(department: &Client, identifier: &Identifier) -> anyhow::Result<()> {
    step(4, "跨省查询", "lookup across provinces")?;
    outln!("   {identifier}")?;
    let (cold, cold_time) = look_up(department, identifier).await?;
    outln!(
        "   首次 cold    {:>8.2} ms  来源 source {}",
        milliseconds(cold_time),
        text(&cold, "/source")
    )?;
    let (cached, cached_time) = look_up(department, identifier).await?;
    outln!(
        "   缓存 cached  {:>8.2} ms  来源 source {}",
        milliseconds(cached_time),
        text(&cached, "/source")
    )?;
    outln!(
        "   {} · {} · {} {}",
        text(&cold, "/entry/licence_name"),
        text(&cold, "/entry/issuer_name"),
        text(&cold, "/status/zh"),
        text(&cold, "/status/en")
    )?;
    anyhow::ensure!(
        text(&cached, "/source") == "cache",
        "the second lookup was not cached"
    );
    Ok(())
}

async fn fetched(
    department: &Client,
    stage: &Stage,
    ofd: &Identifier,
    pdf: &Identifier,
) -> anyhow::Result<()> {
    step(
        5,
        "凭许可取证照文件并查验",
        "permit, fetch, verify, deliver",
    )?;
    show_delivery(department, stage, ofd, FileKind::Ofd).await?;
    outln!("   另一份为 PDF another one, a PDF: {pdf}")?;
    show_delivery(department, stage, pdf, FileKind::Pdf).await
}

async fn show_delivery(
    department: &Client,
    stage: &Stage,
    identifier: &Identifier,
    kind: FileKind,
) -> anyhow::Result<()> {
    let delivery = fetch(department, stage, identifier).await?;
    let header = |name: &str| {
        let value = delivery.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("-")
    };
    outln!(
        "   许可 permit {} (规则 rule {})",
        text(&delivery.permit, "/id"),
        text(&delivery.permit, "/rule")
    )?;
    outln!(
        "   文件 file {} {} bytes, {:.1} ms, {}",
        header("content-type"),
        delivery.bytes,
        milliseconds(delivery.time),
        header("content-digest")
    )?;
    out::text(report::verdict_text(&delivery.verdict, "   "))?;
    anyhow::ensure!(
        delivery.verdict.is_valid() && delivery.verdict.kind == kind,
        "the delivered file is not a valid one of its kind"
    );
    Ok(())
}

/// A file that is asked for is refused, with this code.
async fn refused(
    department: &Client,
    stage: &Stage,
    identifier: &Identifier,
    code: &str,
) -> anyhow::Result<()> {
    outln!("   {identifier}")?;
    let problem = refusal(fetch(department, stage, identifier).await)?;
    print_refusal(&problem)?;
    anyhow::ensure!(problem.code == code, "refused as {}", problem.code);
    Ok(())
}

async fn shown_trail(
    stage: &Stage,
    cast: &Cast,
    identifier: &Identifier,
) -> anyhow::Result<Vec<PathBuf>> {
    step(8, "溯源链", "the trail, over all nodes")?;
    let out = stage.dir.join("proofs");
    let trusted = TrustedNodes::from_folder(&keys_folder(&stage.dir))?;
    let found = asked::trail(cast.players(), identifier, &trusted).await?;
    out::text(trail::table(&found))?;
    trail::write_proofs(&found, &out)
}

fn proven(stage: &Stage, proofs: Vec<PathBuf>) -> anyhow::Result<()> {
    step(9, "离线证明", "a proof, verified offline")?;
    let trust = keys_folder(&stage.dir);
    for file in &proofs {
        let proven = prove::file(file, Some(&trust))?;
        anyhow::ensure!(proven.is_proven(), "{} is not proven", file.display());
    }
    let last = proofs.last().ok_or_else(|| anyhow!("the trail is empty"))?;
    outln!(
        "   hub prove {} --trust {}",
        last.display(),
        trust.display()
    )?;
    for line in prove::file(last, Some(&trust))?.to_string().lines() {
        outln!("   {line}")?;
    }
    outln!("   {} 份证明全部成立 proofs, all good", proofs.len())?;
    Ok(())
}

/// What a department got.
pub(super) struct Fetched {
    /// The permit.
    pub(super) permit: Value,
    /// Size of the file.
    pub(super) bytes: usize,
    /// From the request for the file to its last byte.
    pub(super) time: Duration,
    /// Headers of the delivery.
    pub(super) headers: HeaderMap,
    /// The verdict on it.
    pub(super) verdict: Verdict,
}

/// One lookup with its time.
pub(super) async fn look_up(
    client: &Client,
    identifier: &Identifier,
) -> Result<(Value, Duration), ClientError> {
    let started = Instant::now();
    let path = format!("/v1/licences/{identifier}");
    let (_, _, found) = client.request_json(Method::GET, &path, None).await?;
    Ok((found, started.elapsed()))
}

/// Permit, file and verdict, as a department's system would ask for them.
pub(super) async fn fetch(
    client: &Client,
    stage: &Stage,
    identifier: &Identifier,
) -> Result<Fetched, ClientError> {
    let wanted = json!({
        "identifier": identifier,
        "purpose": {
            "matter_code": stage.matter,
            "matter_name": "建筑企业资质办理（演示）",
            "system_name": "一窗受理系统（演示）",
            "call_category": "0",
            "cause": "免提交纸质证照",
        },
    });
    let (_, _, permit) = client
        .request_json(Method::POST, "/v1/permits", Some(&wanted))
        .await?;
    let path = format!(
        "/v1/licences/{identifier}/file?permit={}",
        text(&permit, "/id")
    );
    let started = Instant::now();
    let (_, headers, bytes) = client.request_bytes(Method::GET, &path, None).await?;
    let time = started.elapsed();
    let (_, _, verdict) = client.request_json(Method::GET, &path, None).await?;
    let verdict = serde_json::from_value(verdict).map_err(|_| ClientError::NotJson)?;
    Ok(Fetched {
        permit,
        bytes: bytes.len(),
        time,
        headers,
        verdict,
    })
}

/// The refusal that is expected here.
pub(super) fn refusal<T>(outcome: Result<T, ClientError>) -> anyhow::Result<Box<Problem>> {
    match outcome {
        Ok(_) => bail!("this was to be refused, and was not"),
        Err(ClientError::Refused(problem)) => Ok(problem),
        Err(other) => Err(other).context("this was to be refused by the node"),
    }
}

/// A refusal as a clerk would read it: code, failing checks, what to do, both languages.
pub(super) fn print_refusal(problem: &Problem) -> std::io::Result<()> {
    outln!("   拒绝 refused: {} ({})", problem.code, problem.status)?;
    outln!("     {} / {}", problem.zh, problem.en)?;
    if let Some(rule) = problem.members.get("rule").and_then(Value::as_str) {
        outln!("     规则 rule: {rule}")?;
    }
    if let Some(finding) = problem.members.get("finding").and_then(Value::as_str) {
        outln!("     未通过的检查 failing check: {finding}")?;
        out::text(report::code_text(finding, "     "))?;
        for detail in failing_details(problem.members.get("verdict")) {
            outln!("     · {detail}")?;
        }
    } else {
        outln!("     {} / {}", problem.next_zh, problem.next_en)?;
    }
    Ok(())
}

fn failing_details(verdict: Option<&Value>) -> Vec<String> {
    let Some(verdict) = verdict.cloned() else {
        return Vec::new();
    };
    let Ok(verdict) = serde_json::from_value::<Verdict>(verdict) else {
        return Vec::new();
    };
    let signatures = verdict
        .signatures
        .iter()
        .flat_map(|signature| signature.checks.iter());
    verdict
        .checks
        .iter()
        .chain(signatures)
        .filter(|check| check.result == schemas::verdict::CheckResult::Fail)
        .map(|check| format!("{} {}", check.code.as_str(), check.detail))
        .collect()
}

/// A text inside an answer, by JSON pointer; `-` when it is not there.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or("-")
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
