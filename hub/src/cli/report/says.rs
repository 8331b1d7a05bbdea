//! What a PDF says to its reader, as it was signed: shown beside the verdict, so that a clerk can
//! hold it against what is on the screen.

use schemas::verdict::{FileKind, Verdict};

use super::markup::Markup;
use super::page::Words;
use super::{signatures, text};

/// Digits in a row from which on a number is not shown in full.
const LONG_NUMBER: usize = 15;

/// What was found, or why nothing is shown.
pub enum Says {
    /// The beginning of the text.
    Text(Excerpt),
    /// Nothing is shown, and why.
    Nothing(Refusal),
}

/// The beginning of a file's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The text, one line per line of the page as far as that can be told.
    pub text: String,
    /// How many pages the file has.
    pub pages: usize,
    /// Whether something was left out.
    pub is_cut: bool,
    /// How many characters have no known meaning, as their font does not tell it.
    pub unreadable: usize,
}

/// Why no text is shown. None of these touches the verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No signature holds over the file or an earlier revision of it.
    #[error("TEXT_NOT_SIGNED")]
    NotSigned,
    /// The signed revision is larger than what is read for its text.
    #[error("TEXT_TOO_LARGE")]
    TooLarge,
    /// A page, its content or a font is malformed or exceeds a limit.
    #[error("TEXT_MALFORMED: {0}")]
    Malformed(String),
    /// Reading took too long.
    #[error("TEXT_TIMEOUT")]
    Timeout,
    /// The reader of content failed.
    #[error("TEXT_READER_FAILED")]
    ReaderFailed,
    /// There is no text: a scanned picture, for instance.
    #[error("TEXT_NONE")]
    NoText,
}

/// What a file says, where that is looked for: a PDF with signatures. `read` is asked for so many
/// bytes from its beginning.
#[must_use]
pub fn of_file(verdict: &Verdict, read: impl FnOnce(usize) -> Option<Vec<u8>>) -> Option<Says> {
    if verdict.kind != FileKind::Pdf || verdict.signatures.is_empty() {
        return None;
    }
    // The longest of the revisions that were really signed: the last word of all who signed.
    let intact = verdict.signatures.iter();
    let intact = intact.filter(|one| signatures::is_intact(one));
    let signed = intact.filter_map(|signature| signature.signed_bytes).max();
    let text = match signed.map(usize::try_from) {
        None => Err(Refusal::NotSigned),
        Some(Ok(length)) if length <= text::REVISION_BYTES_MAX => match read(length) {
            Some(revision) => text::of_revision(revision),
            None => Err(Refusal::ReaderFailed),
        },
        Some(_) => Err(Refusal::TooLarge),
    };
    Some(match text {
        Ok(excerpt) => Says::Text(excerpt),
        Err(refusal) => Says::Nothing(refusal),
    })
}

/// Shows it.
pub(super) fn write(section: &mut Markup, says: &Says) {
    section.both_in(
        "h2",
        "签名时文件上的文字（摘录）",
        "What the file says, as signed",
    );
    match says {
        Says::Nothing(refusal) => {
            let words = refusal_words(refusal);
            section.both_in("p", words.0, words.1);
            section.classed("p", "detail", |p| p.given(&refusal.to_string()));
        }
        Says::Text(excerpt) => {
            section.classed("p", "dim", |p| {
                let pages = excerpt.pages;
                p.both(
                    &format!(
                        "共 {pages} 页。文字由程序提取，仅供核对，次序和版式可能不同，以文件显示的为准；\
                         身份证号等长数字只显示首尾。"
                    ),
                    &format!(
                        "Pages: {pages}. Taken out by a program, for comparison; order and layout \
                         may differ: what the file shows counts. Of long numbers, such as those of \
                         citizens, only the ends are shown."
                    ),
                );
            });
            section.classed("div", "says", |div| {
                div.element("bdi", |bdi| bdi.text(&masked(&excerpt.text)));
                if excerpt.is_cut {
                    div.text(" …");
                }
            });
            let unreadable = excerpt.unreadable;
            if unreadable > 0 {
                section.classed("p", "dim", |p| {
                    p.both(
                        &format!("有 {unreadable} 个字符无法转成文字（显示为 □）。"),
                        &format!("Characters without a known meaning, shown as □: {unreadable}."),
                    );
                });
            }
        }
    }
}

/// The text without the middle of long numbers: those of citizens have 15 or 18 places
/// (GB 11643), and a page that is printed and handed on needs none of them in full.
fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let is_part = |character: char| character.is_ascii_digit() || "Xx".contains(character);
        let end = from
            .find(|character| !is_part(character))
            .unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        masked.push_str(before);
        match (
            number.get(..4),
            number.get(number.len().saturating_sub(2)..),
        ) {
            (Some(first), Some(last)) if number.len() >= LONG_NUMBER => {
                masked.push_str(first);
                masked.push_str(&"*".repeat(number.len() - 6));
                masked.push_str(last);
            }
            _ => masked.push_str(number),
        }
        rest = after;
    }
    masked.push_str(rest);
    masked
}

fn refusal_words(refusal: &Refusal) -> Words {
    match refusal {
        Refusal::NotSigned => (
            "没有显示：文件的内容与签名对不上，现在的文字不是签名人所签的。",
            "Not shown: the content does not fit the signature, so what the file says now is not \
             what was signed.",
        ),
        Refusal::TooLarge => (
            "没有显示：文件太大。这不影响结论。",
            "Not shown: the file is too large. The verdict is not affected.",
        ),
        Refusal::Malformed(_) => (
            "没有显示：文字无法安全地提取。这不影响结论。",
            "Not shown: its text cannot be taken out safely. The verdict is not affected.",
        ),
        Refusal::Timeout => (
            "没有显示：提取文字用时太长。这不影响结论。",
            "Not shown: taking it out lasted too long. The verdict is not affected.",
        ),
        Refusal::ReaderFailed => (
            "没有显示：提取文字时出错。这不影响结论。",
            "Not shown: taking it out failed. The verdict is not affected.",
        ),
        Refusal::NoText => (
            "文件里没有文字，可能是扫描的图片。",
            "There is no text in the file; it may be a scanned picture.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_not_shown_in_full() {
        let text = masked("证号 11010119900101001X，编号 2026-000001，110101199001010");
        assert_eq!(
            text,
            "证号 1101************1X，编号 2026-000001，1101*********10"
        );
    }
}
