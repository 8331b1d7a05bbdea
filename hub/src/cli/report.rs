//! How a verdict and a code are shown to people: Chinese first, then English, from the catalogue.

mod appendix;
mod banner;
mod findings;
mod fonts;
mod markup;
pub mod page;
pub mod says;
mod signatures;
mod text;

use std::fmt::Write;

use schemas::catalogue;
use schemas::verdict::{Checks, Outcome, SignatureReport, Verdict};

use self::markup::visible;
use self::page::beijing;

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
        "{indent}验证结论 verdict: {} {}{code}  (EN 319 102-1 {}, SM3 {})",
        outcome_zh(verdict.verdict),
        verdict.verdict.as_str(),
        words(&verdict.indication, verdict.subindication.as_deref()),
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
        text.push_str(&warning_text(&warning.as_str(), &format!("{indent}  ")));
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

/// What a code means where it changes no verdict: its note, or else what it always means.
fn warning_text(code: &str, indent: &str) -> String {
    let note =
        catalogue::text(code).and_then(|text| text.note_zh.as_deref().zip(text.note_en.as_deref()));
    note.map_or_else(
        || code_text(code, indent),
        |(zh, en)| format!("{indent}{zh}。\n{indent}{en}.\n"),
    )
}

fn signature_text(text: &mut String, signature: &SignatureReport, indent: &str) {
    let version = signature
        .seal_version
        .map(|version| format!(" {version:?}"))
        .unwrap_or_default();
    let signed_at = signature
        .signed_at
        .map(|time| format!("，北京时间 {} Beijing time", beijing(time)))
        .unwrap_or_default();
    let (zh, en) = signatures::kind_words(signature.kind);
    let _ = writeln!(
        text,
        "{indent}签章 signature {}: {} {}, {zh} {en}{version}, {}{signed_at} ({})",
        visible(&signature.id),
        outcome_zh(signature.verdict),
        signature.verdict.as_str(),
        visible(signature.signer.as_deref().unwrap_or("-")),
        words(&signature.indication, signature.subindication.as_deref()),
    );
    checks_text(text, &signature.checks, indent);
    for change in &signature.modifications {
        let change = visible(change);
        let _ = writeln!(text, "{indent}  签名之后 after signing: {change}");
    }
    if let Some(bytes) = signature
        .signed_bytes
        .filter(|_| !signature.modifications.is_empty())
    {
        let _ = writeln!(
            text,
            "{indent}  签名时的版本 the signed revision: 前 {bytes} 字节 the first {bytes} bytes \
             (--signed DIR)"
        );
    }
}

/// One line for each kind of check.
fn checks_text(text: &mut String, checks: &Checks, indent: &str) {
    for row in findings::rows(checks.iter()) {
        let (look, code) = (row.state.look(), row.code.as_str());
        let (zh, en) = check_names(&code);
        let _ = writeln!(
            text,
            "{indent}  {} {} {zh} · {en} [{code}]: {}",
            look.sign,
            look.words.0,
            visible(&row.details()),
        );
    }
}

fn words(indication: &str, subindication: Option<&str>) -> String {
    match subindication {
        Some(subindication) => format!("{indication} / {subindication}"),
        None => indication.to_owned(),
    }
}

/// What holds when a check passes, in both languages.
fn check_names(code: &str) -> (&'static str, &'static str) {
    let names = catalogue::text(code)
        .and_then(|text| text.check_zh.as_deref().zip(text.check_en.as_deref()));
    names.unwrap_or_default()
}

/// The word of a verdict, in Chinese.
pub(super) fn outcome_zh(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Valid => "有效",
        Outcome::Invalid => "无效",
        Outcome::Indeterminate => "不能确定",
    }
}
