//! What was checked, what is wrong and what to do about it, in the words of the catalogue.

use schemas::catalogue::{self, Text};
use schemas::verdict::{Check, CheckResult, Checks, Effect, FindingCode, Verdict};

use super::markup::{Markup, shortened};
use super::page::{Words, head_row};
use super::signatures;

/// Most details that are shown of one kind of finding.
const DETAILS_MAX: usize = 12;
/// Longest detail that is shown, in characters.
const DETAIL_CHARACTERS_MAX: usize = 400;

/// What a malformed file is called whose signature is sound.
const CHANGED: Words = (
    "签名之后文件被改动",
    "The file was changed after it was signed",
);

/// What decides against the file, one card for each kind of finding.
pub(super) fn problems(section: &mut Markup, verdict: &Verdict) {
    let decides = |check: &&Check| State::of(check) >= State::Open;
    let rows = rows(all(verdict).filter(decides));
    if rows.is_empty() {
        return;
    }
    section.both_in("h2", "发现的问题", "What is wrong");
    let is_changed_later = verdict.signatures.iter().any(signatures::is_changed_later);
    for row in rows {
        let class = if row.state == State::Broken {
            "card card-fail"
        } else {
            "card card-unknown"
        };
        let is_change = is_changed_later && row.code == FindingCode::FormatFailure;
        section.classed("div", class, |card| problem(card, &row, is_change));
    }
}

/// What is worth knowing and changes nothing.
pub(super) fn warnings(section: &mut Markup, verdict: &Verdict) {
    let rows = rows(all(verdict).filter(|check| State::of(check) == State::Note));
    if rows.is_empty() {
        return;
    }
    let title = (
        "提示（不影响结论）",
        "Notes, which do not change the verdict",
    );
    section.both_in("h2", title.0, title.1);
    for row in rows {
        section.classed("div", "card card-warning", |card| note(card, &row));
    }
}

/// All checks: of the file as a whole, then of each signature.
pub(super) fn every_check(section: &mut Markup, verdict: &Verdict) {
    section.both_in("h2", "逐项检查", "Every check");
    if verdict.checks.iter().next().is_some() {
        let title = ("整个文件", "The file as a whole");
        table(section, title, None, &verdict.checks);
    }
    for signature in &verdict.signatures {
        let title = signatures::kind_words(signature.kind);
        table(section, title, Some(&signature.id), &signature.checks);
    }
}

fn problem(card: &mut Markup, row: &Row<'_>, is_change: bool) {
    let code = row.code.as_str();
    if let Some(text) = catalogue::text(&code) {
        if is_change {
            title(card, row.state, CHANGED.0, CHANGED.1);
        } else {
            title(card, row.state, &text.zh, &text.en);
        }
        why(card, text);
        advice(card, text);
        card.classed("p", "dim", |p| {
            let zh = format!("问题出在：{}。", text.side.zh());
            let en = format!("Whose side it is on: {}.", text.side.en());
            p.both(&zh, &en);
        });
    }
    details(card, row, &code);
}

fn note(card: &mut Markup, row: &Row<'_>) {
    let code = row.code.as_str();
    if let Some(text) = catalogue::text(&code) {
        match text.note_zh.as_deref().zip(text.note_en.as_deref()) {
            Some((zh, en)) => {
                let (name_zh, name_en) = check_name(text);
                title(card, row.state, name_zh, &name_en);
                card.both_in("p", &format!("{zh}。"), &format!("{en}."));
            }
            None => {
                title(card, row.state, &text.zh, &text.en);
                why(card, text);
                advice(card, text);
            }
        }
    }
    details(card, row, &code);
}

fn title(card: &mut Markup, state: State, zh: &str, en: &str) {
    card.element("h3", |h3| {
        let look = state.look();
        h3.classed("span", look.class, |span| span.text(look.sign));
        h3.text(" ");
        h3.both(zh, en);
    });
}

fn why(place: &mut Markup, text: &Text) {
    if let Some((zh, en)) = text.why_zh.as_deref().zip(text.why_en.as_deref()) {
        place.both_in("p", zh, en);
    }
}

fn advice(card: &mut Markup, text: &Text) {
    card.element("p", |p| {
        p.element("strong", |strong| {
            strong.both("怎么办：", "What to do: ");
        });
        let (zh, en) = (format!("{}。", text.next_zh), format!("{}.", text.next_en));
        p.both(&zh, &en);
    });
}

fn table(section: &mut Markup, title: Words, id: Option<&str>, checks: &Checks) {
    section.element("table", |table| {
        table.element("caption", |caption| {
            caption.both(title.0, title.1);
            if let Some(id) = id {
                caption.text(" ");
                caption.given(id);
            }
        });
        let columns = [("结果", "Result"), ("检查什么", "What was looked at")];
        head_row(table, &columns);
        table.element("tbody", |body| {
            for row in rows(checks.iter()) {
                body.classed("tr", row.state.row_class(), |line| check_row(line, &row));
            }
        });
    });
}

fn check_row(line: &mut Markup, row: &Row<'_>) {
    let look = row.state.look();
    line.element("td", |cell| {
        cell.classed("span", look.class, |mark| {
            mark.text(look.sign);
            mark.text(" ");
            mark.both(look.words.0, look.words.1);
        });
    });
    let code = row.code.as_str();
    line.element("td", |cell| {
        if let Some(text) = catalogue::text(&code) {
            let (zh, en) = check_name(text);
            cell.element("strong", |strong| strong.both(zh, &en));
            why(cell, text);
        }
        details(cell, row, &code);
    });
}

/// What was seen, in the English of the report, under the stable code.
fn details(place: &mut Markup, row: &Row<'_>, code: &str) {
    place.classed("p", "detail", |p| {
        p.text(&format!("{code}: "));
        p.element("bdi", |bdi| bdi.text(&row.details()));
    });
}

/// Checks of one code together: what they add up to, and what was seen.
pub(super) struct Row<'a> {
    pub(super) code: FindingCode,
    pub(super) state: State,
    seen: Vec<(State, &'a str)>,
}

impl Row<'_> {
    /// What was seen, each with its own sign where they differ.
    pub(super) fn details(&self) -> String {
        let differ = self.seen.iter().any(|(state, _)| *state != self.state);
        let shown = self.seen.iter().take(DETAILS_MAX);
        let shown = shown.map(|(state, detail)| {
            let detail = shortened(detail, DETAIL_CHARACTERS_MAX);
            if differ {
                format!("{} {detail}", state.look().sign)
            } else {
                detail
            }
        });
        let mut details: Vec<String> = shown.collect();
        if self.seen.len() > DETAILS_MAX {
            details.push("…".to_owned());
        }
        details.join("; ")
    }
}

/// One row for each code, where it first occurs.
pub(super) fn rows<'a>(checks: impl Iterator<Item = &'a Check>) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for check in checks {
        let (code, state) = (check.code, State::of(check));
        let seen = (state, check.detail.as_str());
        match rows.iter_mut().find(|row| row.code == code) {
            Some(row) => {
                row.state = row.state.max(state);
                if !row.seen.contains(&seen) {
                    row.seen.push(seen);
                }
            }
            None => rows.push(Row {
                code,
                state,
                seen: vec![seen],
            }),
        }
    }
    rows
}

fn all(verdict: &Verdict) -> impl Iterator<Item = &Check> {
    let of_signatures = verdict.signatures.iter();
    let of_signatures = of_signatures.flat_map(|signature| signature.checks.iter());
    verdict.checks.iter().chain(of_signatures)
}

/// How a check went, the worse the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    NotMade,
    Passed,
    Note,
    Open,
    Broken,
}

/// How a state looks: sign and words, never colour alone.
pub(super) struct Look {
    class: &'static str,
    pub(super) sign: &'static str,
    pub(super) words: Words,
}

impl State {
    fn of(check: &Check) -> Self {
        match (check.effect, check.result) {
            (Effect::Invalid, _) | (Effect::None, CheckResult::Fail) => Self::Broken,
            (Effect::Indeterminate, _) | (Effect::None, CheckResult::Unknown) => Self::Open,
            (Effect::Warning, _) => Self::Note,
            (Effect::None, CheckResult::Skip) => Self::NotMade,
            (Effect::None, CheckResult::Pass) => Self::Passed,
        }
    }

    /// On paper only those rows are explained that say something against the file.
    fn row_class(self) -> &'static str {
        if self > Self::Passed {
            "telling"
        } else {
            "quiet"
        }
    }

    pub(super) fn look(self) -> Look {
        let (class, sign, words) = match self {
            Self::NotMade => ("mark mark-skip", "–", ("未做", "not made")),
            Self::Passed => ("mark mark-pass", "✓", ("通过", "passed")),
            Self::Note => ("mark mark-warning", "!", ("提示", "note")),
            Self::Open => ("mark mark-unknown", "?", ("缺证据", "evidence missing")),
            Self::Broken => ("mark mark-fail", "✗", ("未通过", "failed")),
        };
        Look { class, sign, words }
    }
}

/// What holds when a check passes, as it begins a line.
fn check_name(text: &Text) -> (&str, String) {
    let zh = text.check_zh.as_deref().unwrap_or_default();
    let mut en = text.check_en.as_deref().unwrap_or_default().chars();
    let first = en.next().map(|first| first.to_uppercase());
    (zh, first.into_iter().flatten().chain(en).collect())
}
