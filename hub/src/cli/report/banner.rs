//! The verdict in big plain words: what it is, why, what to do.

use schemas::catalogue;
use schemas::verdict::{FindingCode, Outcome, SignatureReport, Verdict};

use super::markup::Markup;
use super::page::{FileReport, Words};
use super::signatures;

/// Why a file is refused whose signature is sound.
const CHANGED_LATER: Words = (
    "原因：签名本身没有问题，但签名之后文件又被改动，现在看到的内容可能不是签名人所签的。",
    "Why: the signature itself is sound, but the file was changed after it: what it shows now may \
     not be what was signed.",
);

/// How a result looks: never by colour alone.
pub(super) struct Look {
    class: &'static str,
    sign: &'static str,
    words: Words,
}

impl Look {
    pub(super) fn of(file: &FileReport) -> Self {
        let (class, sign, words) = match &file.result {
            Err(_) => ("unread", "!", ("未能读取", "Not read")),
            Ok(verified) => match verified.verdict.verdict {
                Outcome::Valid => ("valid", "✓", ("有效", "Valid")),
                Outcome::Invalid => ("invalid", "✗", ("无效", "Not valid")),
                Outcome::Indeterminate => {
                    ("indeterminate", "?", ("不能确定", "Cannot be determined"))
                }
            },
        };
        Self { class, sign, words }
    }

    pub(super) fn mark(&self, cell: &mut Markup) {
        cell.with("strong", &[("class", "mark")], |strong| {
            strong.text(self.sign);
            strong.text(" ");
            strong.both(self.words.0, self.words.1);
        });
    }
}

/// The verdict in big plain words: what it is, why, what to do.
pub(super) fn banner(section: &mut Markup, file: &FileReport) {
    let look = Look::of(file);
    let class = format!("banner {}", look.class);
    section.with("div", &[("class", &class)], |banner| {
        banner.classed("p", "headline", |p| look.mark(p));
        match &file.result {
            Err(_) => banner.classed("p", "say", |p| {
                p.both(
                    "这个文件没有读出来，因此没有验证。请检查文件是否存在、是否过大。",
                    "This file could not be read, so nothing was verified. Look whether it is \
                     there, and whether it is too large.",
                );
            }),
            Ok(verified) => banner_words(banner, &verified.verdict),
        }
    });
}

fn banner_words(banner: &mut Markup, verdict: &Verdict) {
    let (what, next) = plain_words(verdict);
    banner.classed("p", "say", |p| p.both(what.0, what.1));
    let code = verdict.code.map(FindingCode::as_str).unwrap_or_default();
    let text = catalogue::text(&code);
    if let Some(text) = text {
        let is_changed_later = verdict.signatures.iter().any(signatures::is_changed_later);
        banner.classed("p", "say", |p| {
            if is_changed_later && verdict.code == Some(FindingCode::FormatFailure) {
                return p.both(CHANGED_LATER.0, CHANGED_LATER.1);
            }
            let (zh, en) = (format!("原因：{}。", text.zh), format!("Why: {}.", text.en));
            p.both(&zh, &en);
        });
    }
    banner.classed("p", "next", |p| match text {
        Some(text) => {
            let zh = format!("怎么办：{}。", text.next_zh);
            let en = format!("What to do: {}.", text.next_en);
            p.both(&zh, &en);
        }
        None => p.both(next.0, next.1),
    });
    if !verdict.warnings.is_empty() {
        banner.element("p", |p| {
            let count = verdict.warnings.len();
            let zh = format!("另有 {count} 条提示，见下文；提示不影响结论。");
            let en = format!("Notes: {count}, see below; they do not change the verdict.");
            p.both(&zh, &en);
        });
    }
}

/// What a verdict means, and what to do where the catalogue has no better advice.
fn plain_words(verdict: &Verdict) -> (Words, Words) {
    let is_changed = |signature: &SignatureReport| {
        let is_signing = |change: &String| !signatures::is_harmless(change);
        signature.modifications.iter().any(is_signing)
    };
    match verdict.verdict {
        Outcome::Valid if verdict.signatures.iter().any(is_changed) => (
            (
                "印章或签名真实可信，所签的内容没有被改动；但签名之后添加了内容，添加的部分不受签名保护。",
                "The seal or signature is genuine and trusted, and what was signed is unchanged; \
                 but something was added later, which is not protected.",
            ),
            (
                "怎么办：所签的内容可以采信；签名后添加的内容（见下文）不要当作签名人的意思。",
                "What to do: rely on what was signed; do not take what was added later, see below, \
                 for the signer's.",
            ),
        ),
        Outcome::Valid => (
            (
                "印章或签名真实可信，盖章之后内容没有被改动。",
                "The seal or signature is genuine and trusted, and nothing was changed after it.",
            ),
            (
                "怎么办：可以采信。请再核对证照上的持证人、事项和有效期是否与办理的业务相符。",
                "What to do: you may rely on the file. Compare the licence's holder, matter and \
                 term with your case.",
            ),
        ),
        Outcome::Invalid => (
            (
                "请勿采信这个文件：它没有通过验证。",
                "Do not rely on this file: it did not pass.",
            ),
            ("怎么办：拒收。", "What to do: refuse it."),
        ),
        Outcome::Indeterminate => (
            (
                "没有发现矛盾，但证据不足，不能确认真伪：暂时不得采信。",
                "Nothing contradicts it, but it cannot be told genuine from forged: do not rely \
                 on it.",
            ),
            (
                "怎么办：补齐证据后再验证。",
                "What to do: get the evidence, then verify again.",
            ),
        ),
    }
}
