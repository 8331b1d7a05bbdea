//! `hub doctor`: whether everything that a node needs is there and fits together.
//!
//! It looks and changes nothing. Every check ends by itself within [`CHECK_WAIT`], so that a
//! server that does not answer is a line of the report and not a command that hangs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use schemas::catalogue;
use serde_json::json;

use super::out::outln;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, NodeConfig};

mod outside;
mod own;
mod trusted;

/// Longest wait for one check: an answer of brokers or a database that takes longer is too late
/// for the node as well.
const CHECK_WAIT: Duration = Duration::from_secs(15);

/// Examine a node: configuration, keys, database, clock, brokers, topics, trust, certificates.
///
/// Run it before the first start, after an upgrade, and when something does not work; also beside
/// a running node. It looks and changes nothing. One line per check: grade, check, stable code,
/// what was found, and what to do next.
///
/// Exit code 0 when no check failed (warnings are none), 1 when one did.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Configuration file of the node, as for `hub serve`.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print one JSON object per check.
    #[arg(long)]
    json: bool,
    /// Warn of certificates that end within so many days.
    #[arg(long, value_name = "DAYS", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(0..=3650))]
    days: u32,
    /// Warn of revocation lists that end within so many days.
    #[arg(long, value_name = "DAYS", default_value_t = 2,
          value_parser = clap::value_parser!(u32).range(0..=3650))]
    crl_days: u32,
    /// Replicas that every partition should have; 1 for a single broker.
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(i32).range(1..=16))]
    replication: i32,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    /// As it should be.
    Ok,
    /// The node works, and somebody should look.
    Warn,
    /// The node does not work, or not rightly.
    Fail,
}

/// What one check found.
#[derive(Clone, Debug)]
struct Finding {
    check: &'static str,
    grade: Grade,
    code: Option<&'static str>,
    detail: String,
}

/// Runs `hub doctor`.
///
/// # Errors
/// The output cannot be written.
pub(crate) async fn run(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let mut report = Report {
        is_json: args.json,
        worst: Grade::Ok,
    };
    match Config::load(&args.config) {
        Ok(config) => {
            report.add(vec![Finding::ok("config", args.config.display())])?;
            examine(&config.node, &args, &mut report).await?;
        }
        Err(cause) => {
            report.add(vec![Finding::fail("config", "DOCTOR_CONFIG", cause)])?;
        }
    }
    Ok(ExitCode::from(u8::from(report.worst == Grade::Fail)))
}

async fn examine(
    config: &NodeConfig,
    args: &DoctorArgs,
    report: &mut Report,
) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let (found, keys) = own::keys(config);
    report.add(found)?;
    let mut store = None;
    let database = async {
        let (found, opened) = own::database(config).await;
        store = opened;
        found
    };
    report.add(bounded("database", database).await)?;
    if let Some(store) = &store {
        report.add(bounded("clock", own::clock(store, now)).await)?;
    }
    report.add(bounded("disk", own::disk(config)).await)?;
    report.add(own::policy(config))?;
    if config.source.is_some() {
        report.add(bounded("source", outside::source(config)).await)?;
    }
    report.add(bounded("broker", outside::broker(config, args.replication)).await)?;
    report.add(outside::connection_certificates(config, args, now))?;
    let trust = trusted::check(config, store.as_ref(), keys.as_ref(), args, now);
    report.add(bounded("trust", trust).await)?;
    if let Some(store) = store {
        store.close().await;
    }
    Ok(())
}

async fn bounded(check: &'static str, work: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
    within(CHECK_WAIT, check, work).await
}

async fn within(
    wait: Duration,
    check: &'static str,
    work: impl Future<Output = Vec<Finding>>,
) -> Vec<Finding> {
    let late = |_| {
        let detail = format!("no answer within {} s", wait.as_secs());
        vec![Finding::fail(check, "DOCTOR_TIMEOUT", detail)]
    };
    tokio::time::timeout(wait, work).await.unwrap_or_else(late)
}

/// What was printed so far.
struct Report {
    is_json: bool,
    worst: Grade,
}

impl Report {
    fn add(&mut self, findings: Vec<Finding>) -> anyhow::Result<()> {
        for finding in findings {
            self.worst = self.worst.max(finding.grade);
            if self.is_json {
                outln!("{}", finding.to_json())?;
            } else {
                outln!("{}", finding.line())?;
            }
        }
        Ok(())
    }
}

impl Grade {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    fn zh(self) -> &'static str {
        match self {
            Self::Ok => "正常",
            Self::Warn => "注意",
            Self::Fail => "失败",
        }
    }
}

impl Finding {
    fn ok(check: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::new(check, Grade::Ok, None, detail)
    }

    fn warn(check: &'static str, code: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::new(check, Grade::Warn, Some(code), detail)
    }

    fn fail(check: &'static str, code: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::new(check, Grade::Fail, Some(code), detail)
    }

    fn new(
        check: &'static str,
        grade: Grade,
        code: Option<&'static str>,
        detail: impl std::fmt::Display,
    ) -> Self {
        Self {
            check,
            grade,
            code,
            // One line per check, whatever a server says.
            detail: format!("{detail:#}").replace(['\n', '\r'], " "),
        }
    }

    fn line(&self) -> String {
        let (grade, zh) = (self.grade.as_str(), self.grade.zh());
        let mut line = format!("{zh} {grade:4}  {:12}", self.check);
        if let Some(code) = self.code {
            line = format!("{line}  {code}");
        }
        line = format!("{line}  {}", self.detail);
        if let Some(text) = self.code.and_then(catalogue::text) {
            line = format!("{line}  → {} {}", text.next_zh, text.next_en);
        }
        line
    }

    fn to_json(&self) -> serde_json::Value {
        let text = self.code.and_then(catalogue::text);
        json!({
            "check": self.check,
            "grade": self.grade.as_str(),
            "code": self.code,
            "detail": self.detail,
            "zh": text.map(|text| &text.zh),
            "en": text.map(|text| &text.en),
            "next_zh": text.map(|text| &text.next_zh),
            "next_en": text.map(|text| &text.next_en),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_that_says_what_to_do() {
        let finding = Finding::fail("broker", "DOCTOR_BROKER", "away\nsince noon");
        let line = finding.line();
        assert!(line.starts_with("失败 fail  broker"), "{line}");
        assert!(line.contains("DOCTOR_BROKER  away since noon"), "{line}");
        let text = catalogue::text("DOCTOR_BROKER").expect("a text");
        assert!(
            line.ends_with(&format!("{} {}", text.next_zh, text.next_en)),
            "{line}"
        );
        assert_eq!(finding.to_json()["next_en"], json!(text.next_en));
        assert_eq!(Finding::ok("disk", "").to_json()["code"], json!(null));
    }

    #[tokio::test]
    async fn a_check_that_does_not_end_is_a_finding() {
        let found = within(Duration::ZERO, "broker", std::future::pending()).await;
        assert_eq!(
            found.first().map(|one| one.code),
            Some(Some("DOCTOR_TIMEOUT"))
        );
    }
}
