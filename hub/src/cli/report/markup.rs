//! HTML that is well formed and escaped by construction: names of tags and attributes come from
//! the code, everything else is text.

use std::fmt::Write;

/// Longest text from a file that is shown, in characters: names are shorter, and a hostile one
/// must not push the verdict out of sight.
const GIVEN_CHARACTERS_MAX: usize = 400;

/// Markup in the making.
pub(super) struct Markup(String);

impl Markup {
    pub(super) fn new() -> Self {
        Self("<!DOCTYPE html>\n".to_owned())
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    /// An element without attributes.
    pub(super) fn element(&mut self, tag: &'static str, content: impl FnOnce(&mut Self)) {
        self.with(tag, &[], content);
    }

    /// An element of a class.
    pub(super) fn classed(
        &mut self,
        tag: &'static str,
        class: &'static str,
        content: impl FnOnce(&mut Self),
    ) {
        self.with(tag, &[("class", class)], content);
    }

    /// An element with attributes.
    pub(super) fn with(
        &mut self,
        tag: &'static str,
        attributes: &[(&'static str, &str)],
        content: impl FnOnce(&mut Self),
    ) {
        self.open(tag, attributes);
        self.0.push('>');
        content(self);
        let _ = write!(self.0, "</{tag}>");
        if !matches!(tag, "span" | "bdi" | "code" | "strong" | "a" | "label") {
            self.0.push('\n');
        }
    }

    /// An element that has no content.
    pub(super) fn empty(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) {
        self.open(tag, attributes);
        self.0.push_str("/>\n");
    }

    /// Text of this program.
    pub(super) fn text(&mut self, text: &str) {
        self.0.push_str(&escaped(text));
    }

    /// Text that came with a file: shortened, and kept apart from the direction of what is around.
    pub(super) fn given(&mut self, text: &str) {
        self.element("bdi", |bdi| {
            bdi.text(&shortened(text, GIVEN_CHARACTERS_MAX))
        });
    }

    /// The same in both languages; the reader chooses which to see.
    pub(super) fn both(&mut self, zh: &str, en: &str) {
        self.both_with(|markup| markup.text(zh), |markup| markup.text(en));
    }

    /// As [`Markup::both`], with more than text.
    pub(super) fn both_with(&mut self, zh: impl FnOnce(&mut Self), en: impl FnOnce(&mut Self)) {
        self.with("span", &[("class", "zh"), ("lang", "zh-CN")], zh);
        self.0.push(' ');
        self.with("span", &[("class", "en"), ("lang", "en")], en);
    }

    /// An element with the same in both languages.
    pub(super) fn both_in(&mut self, tag: &'static str, zh: &str, en: &str) {
        self.element(tag, |inner| inner.both(zh, en));
    }

    /// Style sheets of this program, which hold nothing to escape.
    pub(super) fn style(&mut self, css: &'static str) {
        self.element("style", |style| style.0.push_str(css));
    }

    fn open(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) {
        let _ = write!(self.0, "<{tag}");
        for (name, value) in attributes {
            let _ = write!(self.0, " {name}=\"{}\"", escaped(value));
        }
    }
}

/// The beginning of a text, and a sign where something is left out.
pub(super) fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Text for a place in markup; lines stay lines.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let lines: Vec<String> = text.split('\n').map(visible).collect();
    for character in lines.join("\n").chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// Text in which what cannot be seen is written out: such characters turn around or hide what
/// stands beside them, steer a terminal, and some are not allowed in markup at all.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "[U+{:04X}]", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Control characters, marks of direction, characters without width, and what is no character.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}' | '\u{E0000}'..='\u{E007F}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_file_becomes_markup_or_hides() {
        let mut markup = Markup::new();
        markup.with("p", &[("title", "\"><script>")], |p| {
            p.given("</bdi><img src=x onerror=\"alert('1')\">&\u{202E}fdp\0\u{200B}");
        });
        let text = markup.finish();
        assert_eq!(
            text,
            "<!DOCTYPE html>\n<p title=\"&quot;&gt;&lt;script&gt;\"><bdi>&lt;/bdi&gt;&lt;img src=x \
             onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;[U+202E]fdp[U+0000][U+200B]</bdi></p>\n"
        );
    }

    #[test]
    fn long_names_are_cut() {
        let mut markup = Markup::new();
        markup.given(&"证".repeat(5_000));
        let text = markup.finish();
        let shown = text.chars().filter(|character| *character == '证').count();
        assert_eq!(shown, GIVEN_CHARACTERS_MAX);
        assert!(text.contains('…'));
    }
}
