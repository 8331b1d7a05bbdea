//! Page content of an OFD as it is drawn: text, lines, areas and pictures (GB/T 33190-2016).
//!
//! All lengths are millimetres from the page's upper left corner; fonts are named, not embedded.

use std::fmt::Write as _;

/// Namespace of every OFD element (GB/T 33190-2016).
pub(super) const NAMESPACE: &str = "http://www.ofdspec.org/2016";

/// Width of a half-width character as a share of the font size.
const HALF_WIDTH: f64 = 0.5;
/// Width of a capital letter: fonts that stand in for the named ones are not half-width.
const CAPITAL_WIDTH: f64 = 0.66;
/// Descent below the baseline as a share of the font size.
const DESCENT: f64 = 0.25;

/// Fonts by name, as official layouts use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Font {
    /// 宋体, body text.
    Song,
    /// 黑体, titles and labels.
    Hei,
    /// 楷体, values.
    Kai,
}

/// Ink colours, RGB as OFD writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Black,
    Grey,
    Red,
    Gold,
    PaleGold,
}

/// One run of text.
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    /// Left end of the baseline.
    pub(super) x: f64,
    /// Baseline.
    pub(super) y: f64,
    /// Height of a full-width character.
    pub(super) size: f64,
    /// Extra distance between characters.
    pub(super) spacing: f64,
    pub(super) font: Font,
    pub(super) ink: Ink,
}

/// Numbers for the objects of one document; each is given once.
#[derive(Debug, Default)]
pub(super) struct ObjectIds(u32);

/// One layer of a page while it is drawn.
pub(super) struct Drawing<'a> {
    ids: &'a mut ObjectIds,
    xml: String,
    width: f64,
    height: f64,
}

impl ObjectIds {
    /// The next number, from 1.
    pub(super) const fn next(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }

    /// The largest number given so far (`MaxUnitID`).
    pub(super) const fn largest(&self) -> u32 {
        self.0
    }
}

impl Font {
    pub(super) const ALL: [Self; 3] = [Self::Song, Self::Hei, Self::Kai];

    /// Family name.
    pub(super) const fn family(self) -> &'static str {
        match self {
            Self::Song => "宋体",
            Self::Hei => "黑体",
            Self::Kai => "楷体",
        }
    }

    /// Object number of the font resource: the first numbers of every document.
    pub(super) const fn id(self) -> u32 {
        match self {
            Self::Song => 1,
            Self::Hei => 2,
            Self::Kai => 3,
        }
    }
}

impl Ink {
    const fn rgb(self) -> &'static str {
        match self {
            Self::Black => "20 20 20",
            Self::Grey => "130 130 130",
            Self::Red => "200 22 30",
            Self::Gold => "176 132 58",
            Self::PaleGold => "226 204 158",
        }
    }
}

impl<'a> Drawing<'a> {
    /// An empty layer of a page of the given size.
    pub(super) const fn new(ids: &'a mut ObjectIds, width: f64, height: f64) -> Self {
        Self {
            ids,
            xml: String::new(),
            width,
            height,
        }
    }

    /// Puts one line of text.
    pub(super) fn text(&mut self, line: &Text<'_>) {
        let advances: Vec<f64> = line
            .text
            .chars()
            .map(|one| advance(one, line.size) + line.spacing)
            .collect();
        let width: f64 = advances.iter().sum();
        let last = advances.len().saturating_sub(1);
        let deltas: Vec<String> = advances
            .iter()
            .take(last)
            .map(|step| format!("{step:.3}"))
            .collect();
        let deltas = deltas.join(" ");
        let deltas = if deltas.is_empty() {
            String::new()
        } else {
            format!(" DeltaX=\"{deltas}\"")
        };
        let id = self.ids.next();
        // Writing to a String cannot fail.
        let _ = write!(
            self.xml,
            "<ofd:TextObject ID=\"{id}\" Boundary=\"{x:.3} {top:.3} {width:.3} {height:.3}\" \
             Font=\"{font}\" Size=\"{size:.3}\"><ofd:FillColor Value=\"{ink}\"/>\
             <ofd:TextCode X=\"0\" Y=\"{size:.3}\"{deltas}>{text}</ofd:TextCode></ofd:TextObject>",
            x = line.x,
            top = line.y - line.size,
            height = line.size * (1.0 + DESCENT),
            font = line.font.id(),
            size = line.size,
            ink = line.ink.rgb(),
            text = escape(line.text),
        );
    }

    /// Draws a line along `path`, which is in OFD's abbreviated form (`M x y L x y …`).
    pub(super) fn stroke(&mut self, path: &str, line_width: f64, ink: Ink) {
        self.path(
            &format!("Stroke=\"true\" Fill=\"false\" LineWidth=\"{line_width:.3}\""),
            &format!("<ofd:StrokeColor Value=\"{}\"/>", ink.rgb()),
            path,
        );
    }

    /// Fills the area inside `path`.
    pub(super) fn fill(&mut self, path: &str, ink: Ink) {
        self.path(
            "Stroke=\"false\" Fill=\"true\"",
            &format!("<ofd:FillColor Value=\"{}\"/>", ink.rgb()),
            path,
        );
    }

    /// Draws the four sides of a box.
    pub(super) fn frame(&mut self, area: Area, line_width: f64, ink: Ink) {
        self.stroke(&area.outline(), line_width, ink);
    }

    /// Puts the picture of a resource into a box.
    pub(super) fn picture(&mut self, area: Area, resource: u32) {
        let id = self.ids.next();
        // Writing to a String cannot fail.
        let _ = write!(
            self.xml,
            "<ofd:ImageObject ID=\"{id}\" ResourceID=\"{resource}\" \
             Boundary=\"{x:.3} {y:.3} {w:.3} {h:.3}\" CTM=\"{w:.3} 0 0 {h:.3} 0 0\"/>",
            x = area.x,
            y = area.y,
            w = area.width,
            h = area.height,
        );
    }

    /// The next object number of the document.
    pub(super) const fn next_id(&mut self) -> u32 {
        self.ids.next()
    }

    /// The layer's objects as XML.
    pub(super) fn finish(self) -> String {
        self.xml
    }

    fn path(&mut self, attributes: &str, colour: &str, path: &str) {
        let id = self.ids.next();
        // Writing to a String cannot fail.
        let _ = write!(
            self.xml,
            "<ofd:PathObject ID=\"{id}\" Boundary=\"0 0 {w:.3} {h:.3}\" {attributes}>{colour}\
             <ofd:AbbreviatedData>{path}</ofd:AbbreviatedData></ofd:PathObject>",
            w = self.width,
            h = self.height,
        );
    }
}

/// A box on the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    /// The box made smaller by `distance` on each side.
    pub(super) fn inset(self, distance: f64) -> Self {
        Self {
            x: self.x + distance,
            y: self.y + distance,
            width: self.width - 2.0 * distance,
            height: self.height - 2.0 * distance,
        }
    }

    /// Its closed outline as a path.
    pub(super) fn outline(self) -> String {
        let (right, bottom) = (self.x + self.width, self.y + self.height);
        let mut path = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            path,
            "M {x:.3} {y:.3} L {right:.3} {y:.3} L {right:.3} {bottom:.3} L {x:.3} {bottom:.3} C",
            x = self.x,
            y = self.y,
        );
        path
    }
}

/// Width of a text without extra spacing.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().map(|one| advance(one, size)).sum()
}

/// Breaks a text into lines no wider than `width`.
pub(super) fn wrap(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0.0;
    for one in text.chars() {
        let step = advance(one, size);
        if used + step > width && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
            used = 0.0;
        }
        line.push(one);
        used += step;
    }
    lines.push(line);
    lines
}

/// Text as XML content or attribute value; characters that XML 1.0 forbids are left out.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            control if control.is_control() => {}
            '\u{fffe}' | '\u{ffff}' => {}
            other => out.push(other),
        }
    }
    out
}

fn advance(one: char, size: f64) -> f64 {
    match one {
        'A'..='Z' => size * CAPITAL_WIDTH,
        other if other.is_ascii() => size * HALF_WIDTH,
        _ => size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_spaced() {
        let mut ids = ObjectIds::default();
        let mut drawing = Drawing::new(&mut ids, 210.0, 297.0);
        drawing.text(&Text {
            text: "证<1&",
            x: 10.0,
            y: 20.0,
            size: 4.0,
            spacing: 0.0,
            font: Font::Kai,
            ink: Ink::Black,
        });
        let xml = drawing.finish();
        assert!(
            xml.contains("DeltaX=\"4.000 2.000 2.000\">证&lt;1&amp;</ofd:TextCode>"),
            "{xml}"
        );
        assert_eq!(escape("a\u{0}\"b"), "a&quot;b");
    }

    #[test]
    fn lines_are_no_wider_than_asked() {
        assert_eq!(wrap("一二三四五", 4.0, 8.5), ["一二", "三四", "五"]);
        assert_eq!(wrap("", 4.0, 8.5), [""]);
        assert_eq!(wrap("一", 4.0, 1.0), ["一"]);
    }
}
