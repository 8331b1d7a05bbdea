//! Whose seal, when, over what: the facts about each signature that a clerk asks for, and what was
//! changed after it.

use chrono::{DateTime, Utc};
use schemas::verdict::{
    Check, CheckResult, Effect, FindingCode, Outcome, SealVersion, SignatureKind, SignatureReport,
    Verdict,
};

use super::markup::Markup;
use super::page::{Words, beijing};

/// One card for each signature.
pub(super) fn write(section: &mut Markup, verdict: &Verdict) {
    section.both_in("h2", "谁盖的章、什么时候", "Whose seal, and when");
    if verdict.signatures.is_empty() {
        section.element("p", |p| match verdict.code {
            Some(FindingCode::Unsigned) => p.both(
                "这个文件里没有电子印章，也没有电子签名。",
                "There is no seal and no signature in this file.",
            ),
            _ => p.both(
                "没有能够读取的印章或签名，因此不知道是谁盖的章。",
                "No seal or signature could be read, so nobody knows whose it is.",
            ),
        });
    }
    for (number, signature) in verdict.signatures.iter().enumerate() {
        card(section, number + 1, signature);
    }
}

fn card(section: &mut Markup, number: usize, signature: &SignatureReport) {
    let (class, mark, (sign, words)) = state_words(signature.verdict);
    section.classed("div", class, |card| {
        card.element("h3", |h3| {
            let kind = kind_words(signature.kind);
            h3.text(&format!("{number}. "));
            h3.both(kind.0, kind.1);
            h3.text(" ");
            h3.classed("span", mark, |span| {
                span.text(sign);
                span.text(" ");
                span.both(words.0, words.1);
            });
        });
        if signature.verdict != Outcome::Valid {
            card.classed("p", "mark-unknown", |p| {
                let (zh, en) = proof_words(signature);
                p.both(zh, en);
            });
        }
        card.element("dl", |list| facts(list, signature));
    });
}

/// What is proven of the facts about a signature that does not make the file valid.
fn proof_words(signature: &SignatureReport) -> Words {
    let is_change = |check: &Check| check.code == FindingCode::FormatFailure;
    let is_open = |check: &Check| matches!(check.effect, Effect::Invalid | Effect::Indeterminate);
    let is_all_else_settled = signature
        .checks
        .iter()
        .all(|one| is_change(one) || !is_open(one));
    match (is_changed_later(signature), is_all_else_settled) {
        (true, true) => (
            "签名已经证实，但只针对文件较早的版本；之后的改动不属于所签内容：",
            "The signature is proven, but for an earlier revision of the file; what was changed \
             later is not part of it:",
        ),
        (true, false) => (
            "签名本身没有问题，但只针对文件较早的版本；以下是文件所称，未全部证实：",
            "The signature itself is sound, but for an earlier revision of the file; not all of \
             what follows is proven:",
        ),
        (false, _) => (
            "以下是文件所称，未经证实：",
            "What follows is what the file says; it is not proven:",
        ),
    }
}

fn facts(list: &mut Markup, signature: &SignatureReport) {
    fact(
        list,
        ("盖章（签名）人", "Sealed or signed by"),
        |dd| match signature.signer.as_deref().map(Signer::of) {
            Some(signer) => {
                dd.element("strong", |strong| strong.given(&signer.name));
                if let Some(organisation) = signer.organisation {
                    dd.text(" · ");
                    dd.given(&organisation);
                }
            }
            None => dd.both("无法得知", "Not known"),
        },
    );
    fact(list, ("时间", "Time"), |dd| match signature.signed_at {
        Some(time) => signing_time(dd, signature, time),
        None => dd.both("无法得知", "Not known"),
    });
    fact(list, ("方式", "Kind"), |dd| {
        let words = form_words(signature);
        dd.both(words.0, words.1);
    });
    fact(list, ("保护的内容", "What it protects"), |dd| {
        let words = coverage_words(&signature.coverage);
        dd.both(words.0, words.1);
    });
    if let Some(bytes) = signature
        .signed_bytes
        .filter(|_| signature.coverage == "ENTIRE_REVISION")
    {
        fact(list, ("签名时的版本", "As it was signed"), |dd| {
            let zh = format!("文件的前 {bytes} 字节；用 hub verify --signed 可以取出单独查看。");
            let en = format!(
                "The first {bytes} bytes of the file; hub verify --signed writes them to a file."
            );
            dd.both(&zh, &en);
        });
    }
}

fn fact(list: &mut Markup, name: Words, content: impl FnOnce(&mut Markup)) {
    list.both_in("dt", name.0, name.1);
    list.element("dd", content);
}

fn signing_time(dd: &mut Markup, signature: &SignatureReport, time: DateTime<Utc>) {
    let is_stamped = signature.checks.iter().any(|check| {
        check.code == FindingCode::TimestampOrderFailure && check.result == CheckResult::Pass
    });
    let (zh, en) = match signature.kind {
        SignatureKind::Timestamp => ("由时间戳机构给出", "given by a timestamp authority"),
        _ if is_stamped => ("有可信时间戳证明", "proven by a trusted timestamp"),
        SignatureKind::Cms => ("签名人的电脑所记", "as the signer's computer had it"),
        _ => ("印章数据中所记", "as recorded in the seal's data"),
    };
    let time = beijing(time);
    let zh = format!("{time}（北京时间；{zh}）");
    dd.both(&zh, &format!("{time} (Beijing time; {en})"));
}

/// What was changed after signing, when anything was.
pub(super) fn changes(section: &mut Markup, verdict: &Verdict) {
    let changed = |signature: &&SignatureReport| !signature.modifications.is_empty();
    let changed: Vec<_> = verdict.signatures.iter().filter(changed).collect();
    if changed.is_empty() {
        return;
    }
    section.both_in("h2", "签名之后的变化", "Changes after signing");
    for signature in changed {
        section.element("p", |p| {
            p.both("签名 ", "After the signature ");
            p.given(&signature.id);
            p.both(" 之后：", " was made:");
        });
        section.element("ul", |list| {
            for change in &signature.modifications {
                let (level, what) = change.split_once(": ").unwrap_or(("", change));
                list.element("li", |item| {
                    let words = level_words(level);
                    item.both(words.0, words.1);
                    item.text(" ");
                    item.classed("span", "detail", |detail| detail.given(what));
                });
            }
        });
    }
}

/// Whether digest and signature hold: then what is covered is what was signed, whoever did it and
/// whatever was changed later.
pub(super) fn is_intact(signature: &SignatureReport) -> bool {
    let about = |code| {
        signature
            .checks
            .iter()
            .filter(move |check| check.code == code)
    };
    let is_broken = |code| about(code).any(|check| check.effect == Effect::Invalid);
    let holds = about(FindingCode::SigCryptoFailure).any(|check| check.result == CheckResult::Pass);
    holds && !is_broken(FindingCode::SigCryptoFailure) && !is_broken(FindingCode::HashFailure)
}

/// Whether a signature is sound, and what was changed after it is why the file is refused.
pub(super) fn is_changed_later(signature: &SignatureReport) -> bool {
    let is_refused = signature.checks.code() == Some(FindingCode::FormatFailure);
    is_refused && is_intact(signature) && !signature.modifications.is_empty()
}

/// Whether a change, as a report names it, is one that goes with signing.
pub(super) fn is_harmless(change: &str) -> bool {
    change.starts_with("LTA: ") || change.starts_with("SIGNATURES: ")
}

fn level_words(level: &str) -> Words {
    match level {
        "LTA" => (
            "追加了验证数据或时间戳（正常）：",
            "Validation data or a timestamp was added (usual):",
        ),
        "SIGNATURES" => ("又有人签名（正常）：", "Somebody signed too (usual):"),
        "FORM_FILLING" => ("填写了表格：", "A form was filled in:"),
        "ANNOTATIONS" => ("添加或改动了批注：", "Annotations were added or changed:"),
        _ => (
            "改动了文件的其他部分，显示的内容可能已经不同：",
            "Something else was changed; what is shown may be different:",
        ),
    }
}

/// Classes of a card and of its sign; the sign, and the words for it.
fn state_words(outcome: Outcome) -> (&'static str, &'static str, (&'static str, Words)) {
    match outcome {
        Outcome::Valid => ("card card-valid", "mark-pass", ("✓", ("有效", "valid"))),
        Outcome::Invalid => ("card card-fail", "mark-fail", ("✗", ("无效", "not valid"))),
        Outcome::Indeterminate => {
            let words = ("不能确定", "cannot be determined");
            ("card card-unknown", "mark-unknown", ("?", words))
        }
    }
}

pub(super) fn kind_words(kind: SignatureKind) -> Words {
    match kind {
        SignatureKind::Seal => ("电子印章", "E-seal"),
        SignatureKind::Sign => ("电子签名", "Signature"),
        SignatureKind::Cms => ("PDF 电子签名", "PDF signature"),
        SignatureKind::Timestamp => ("时间戳", "Timestamp"),
    }
}

fn form_words(signature: &SignatureReport) -> Words {
    match (signature.kind, signature.seal_version) {
        (SignatureKind::Seal, Some(SealVersion::V1)) => (
            "电子印章，GM/T 0031-2014 格式",
            "e-seal in the form of GM/T 0031-2014",
        ),
        (SignatureKind::Seal, Some(SealVersion::V4)) => (
            "电子印章，国家标准 GB/T 38540-2020 格式",
            "e-seal in the form of the national standard GB/T 38540-2020",
        ),
        (SignatureKind::Seal, Some(SealVersion::V5)) => (
            "电子印章，GM/T 0031-2025 格式",
            "e-seal in the form of GM/T 0031-2025",
        ),
        (SignatureKind::Seal, None) => ("电子印章，格式无法识别", "e-seal of an unknown form"),
        (SignatureKind::Sign, _) => (
            "数字签名，没有印章（GB/T 35275）",
            "digital signature without a seal (GB/T 35275)",
        ),
        (SignatureKind::Cms, _) => (
            "PDF 中的数字签名（CMS）",
            "digital signature in a PDF (CMS)",
        ),
        (SignatureKind::Timestamp, _) => (
            "整个文件的时间戳，只证明时间，不表示谁同意其内容",
            "timestamp over the file: it proves a time, not that somebody agrees",
        ),
    }
}

/// The word of a report in other words.
pub(super) fn coverage_words(coverage: &str) -> Words {
    match coverage {
        "whole" => ("全部显示的内容", "everything that is shown"),
        "ENTIRE_FILE" => ("整个文件", "the whole file"),
        "ENTIRE_REVISION" => (
            "签名时的整个文件；之后又追加了内容（见下文）",
            "the whole file as it was when signed; something was added later, see below",
        ),
        "partial" | "PARTIAL" => (
            "只有一部分，或者无法确定",
            "a part only, or that cannot be told",
        ),
        _ => ("未知", "not known"),
    }
}

/// The parts of a subject (RFC 4514) that say who it is.
#[derive(Debug, PartialEq, Eq)]
struct Signer {
    name: String,
    organisation: Option<String>,
}

impl Signer {
    fn of(subject: &str) -> Self {
        let find = |wanted: &str| {
            parts(subject)
                .into_iter()
                .find(|(kind, _)| kind.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value)
        };
        let organisation = find("O");
        match find("CN") {
            Some(name) => Self {
                organisation: organisation.filter(|organisation| *organisation != name),
                name,
            },
            None => Self {
                name: organisation.unwrap_or_else(|| subject.to_owned()),
                organisation: None,
            },
        }
    }
}

/// Kinds and values of a subject; a comma or plus sign after a backslash belongs to its value.
fn parts(subject: &str) -> Vec<(String, String)> {
    let mut parts = vec![String::new()];
    let mut characters = subject.chars();
    while let Some(character) = characters.next() {
        match (character, parts.last_mut()) {
            ('\\', Some(part)) => part.extend(characters.next()),
            (',' | '+', _) => parts.push(String::new()),
            (other, Some(part)) => part.push(other),
            (_, None) => {}
        }
    }
    let split = |part: String| {
        let (kind, value) = part.split_once('=')?;
        Some((kind.trim().to_owned(), value.to_owned()))
    };
    parts.into_iter().filter_map(split).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signer_is_named_by_common_name_and_organisation() {
        let signer = Signer::of("CN=样例市大数据局,O=样例市人民政府,C=CN");
        assert_eq!(signer.name, "样例市大数据局");
        assert_eq!(signer.organisation.as_deref(), Some("样例市人民政府"));
        assert_eq!(Signer::of("O=样例市,C=CN").name, "样例市");
        assert_eq!(Signer::of("free text").name, "free text");
    }

    #[test]
    fn a_name_cannot_bring_an_organisation_along() {
        let signer = Signer::of("CN=a\\,O=公安部,C=CN");
        assert_eq!(
            (signer.name.as_str(), signer.organisation),
            ("a,O=公安部", None)
        );
    }
}
