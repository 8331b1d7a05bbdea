//! What is drawn on a page: text, lines, areas and pictures, whatever the format of the file.
//!
//! All lengths are millimetres from the page's upper left corner; fonts are named, not embedded.
//! `ofd/page.rs` and `pdf/page.rs` write the same drawing.

/// Width of a half-width character as a share of the font size.
const HALF_WIDTH: f64 = 0.5;
/// Width of a capital letter: fonts that stand in for the named ones are not half-width.
const CAPITAL_WIDTH: f64 = 0.66;

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

/// Ink colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Black,
    Grey,
    Red,
    Gold,
    PaleGold,
}

/// Pictures of a licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Picture {
    /// The holder's photo.
    Photo,
    /// A page of the scanned original, from 0.
    Scan(u32),
}

/// One run of text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    pub(super) text: String,
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

/// A line through points.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) points: Vec<(f64, f64)>,
    /// Whether it ends where it began.
    pub(super) is_closed: bool,
}

/// A box on the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// One thing that is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Text(Text),
    /// A line of a width.
    Stroke(Line, f64, Ink),
    /// The area inside a closed line.
    Fill(Line, Ink),
    Picture(Area, Picture),
}

/// What is drawn on a page, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Drawing {
    pub(super) shapes: Vec<Shape>,
}

impl Font {
    pub(super) const ALL: [Self; 3] = [Self::Song, Self::Hei, Self::Kai];
}

impl Ink {
    /// Red, green and blue.
    pub(super) const fn rgb(self) -> [u8; 3] {
        match self {
            Self::Black => [20, 20, 20],
            Self::Grey => [130, 130, 130],
            Self::Red => [200, 22, 30],
            Self::Gold => [176, 132, 58],
            Self::PaleGold => [226, 204, 158],
        }
    }
}

impl Text {
    /// How far the text goes on after each of its characters.
    pub(super) fn advances(&self) -> impl Iterator<Item = (char, f64)> {
        let advance = |one| (one, advance(one, self.size) + self.spacing);
        self.text.chars().map(advance)
    }
}

impl Drawing {
    /// Puts one line of text.
    pub(super) fn text(&mut self, text: Text) {
        self.shapes.push(Shape::Text(text));
    }

    /// Draws a line.
    pub(super) fn stroke(&mut self, line: Line, line_width: f64, ink: Ink) {
        self.shapes.push(Shape::Stroke(line, line_width, ink));
    }

    /// Fills the area inside a line.
    pub(super) fn fill(&mut self, line: Line, ink: Ink) {
        self.shapes.push(Shape::Fill(line, ink));
    }

    /// Draws the four sides of a box.
    pub(super) fn frame(&mut self, area: Area, line_width: f64, ink: Ink) {
        self.stroke(area.outline(), line_width, ink);
    }

    /// Puts a picture into a box.
    pub(super) fn picture(&mut self, area: Area, picture: Picture) {
        self.shapes.push(Shape::Picture(area, picture));
    }
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

    /// Its four corners, from the upper left one clockwise.
    pub(super) fn corners(self) -> [(f64, f64); 4] {
        let (right, bottom) = (self.x + self.width, self.y + self.height);
        [
            (self.x, self.y),
            (right, self.y),
            (right, bottom),
            (self.x, bottom),
        ]
    }

    fn outline(self) -> Line {
        Line {
            points: self.corners().to_vec(),
            is_closed: true,
        }
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
    fn lines_are_no_wider_than_asked() {
        assert_eq!(wrap("一二三四五", 4.0, 8.5), ["一二", "三四", "五"]);
        assert_eq!(wrap("", 4.0, 8.5), [""]);
        assert_eq!(wrap("一", 4.0, 1.0), ["一"]);
    }
}
