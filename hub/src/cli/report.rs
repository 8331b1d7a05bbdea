//! How a verdict and a code are shown to people: Chinese first, then English, from the catalogue.

use std::fmt::Write;

use schemas::catalogue;
use schemas::verdict::{Check, CheckResult, Checks, Outcome, SignatureReport, Verdict};

/// The verdict check by check, every line indented by `indent`.
#[must_use]
pub fn verdict_text(verdict: &Verdict, indent: &str) -> String {
    let mut text = String::new();
    let code = verdict
        .code
        .map(|code| format!(" {}", code.as_str()))
        .unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{indent}验证结论 verdict: {} {}{code}  (SM3 {})",
        outcome_zh(verdict.verdict),
        verdict.verdict.as_str(),
        verdict.sm3.get(..16).unwrap_or(&verdict.sm3),
    );
    if let Some(code) = verdict.code {
        text.push_str(&code_text(&code.as_str(), &format!("{indent}  ")));
    }
    checks_text(&mut text, &verdict.checks, indent);
    for signature in &verdict.signatures {
        signature_text(&mut text, signature, indent);
    }
    for warning in &verdict.warnings {
        let _ = writeln!(text, "{indent}提示 warning: {}", warning.as_str());
        text.push_str(&code_text(&warning.as_str(), &format!("{indent}  ")));
    }
    text
}

/// What a code means and what to do, both languages, two lines; empty for an unknown code.
#[must_use]
pub fn code_text(code: &str, indent: &str) -> String {
    catalogue::text(code).map_or_else(String::new, |text| {
        format!(
            "{indent}{}。{}（责任方：{}）\n{indent}{}. {}. (side: {})\n",
            text.zh,
            text.next_zh,
            text.side.zh(),
            text.en,
            text.next_en,
            text.side.as_str(),
        )
    })
}

fn signature_text(text: &mut String, signature: &SignatureReport, indent: &str) {
    let version = signature
        .seal_version
        .map(|version| format!(" {version:?}"))
        .unwrap_or_default();
    let signed_at = signature
        .signed_at
        .map(|time| time.to_rfc3339())
        .unwrap_or_default();
    let _ = writeln!(
        text,
        "{indent}签章 signature {} {:?}{version}: {} {}",
        signature.id,
        signature.kind,
        signature.signer.as_deref().unwrap_or("-"),
        signed_at,
    );
    checks_text(text, &signature.checks, indent);
}

fn checks_text(text: &mut String, checks: &Checks, indent: &str) {
    for Check {
        code,
        result,
        detail,
        ..
    } in checks.iter()
    {
        let mark = match result {
            CheckResult::Pass => "✓ 通过",
            CheckResult::Fail => "✗ 失败",
            CheckResult::Unknown => "? 未知",
            CheckResult::Skip => "- 略过",
        };
        let (zh, en) = check_names(&code.as_str());
        let _ = writeln!(
            text,
            "{indent}  {mark} {zh} · {en} [{}]: {detail}",
            code.as_str()
        );
    }
}

/// What holds when a check passes, in both languages.
fn check_names(code: &str) -> (&'static str, &'static str) {
    let names = catalogue::text(code)
        .and_then(|text| text.check_zh.as_deref().zip(text.check_en.as_deref()));
    names.unwrap_or_default()
}

fn outcome_zh(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Valid => "有效",
        Outcome::Invalid => "无效",
        Outcome::Indeterminate => "不能确定",
    }
}
