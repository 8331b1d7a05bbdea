//! A drawing as the objects of an OFD layer (GB/T 33190-2016).

use std::fmt::Write as _;

use super::super::drawing::{Area, Drawing, Font, Ink, Line, Picture, Shape, Text};

/// Namespace of every OFD element (GB/T 33190-2016).
pub(super) const NAMESPACE: &str = "http://www.ofdspec.org/2016";

/// Descent below the baseline as a share of the font size.
const DESCENT: f64 = 0.25;

/// Numbers for the objects of one document; each is given once.
#[derive(Debug, Default)]
pub(super) struct ObjectIds(u32);

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

/// Family name of a font.
pub(super) const fn family(font: Font) -> &'static str {
    match font {
        Font::Song => "宋体",
        Font::Hei => "黑体",
        Font::Kai => "楷体",
    }
}

/// Object number of a font resource: the first numbers of every document.
pub(super) const fn font_id(font: Font) -> u32 {
    match font {
        Font::Song => 1,
        Font::Hei => 2,
        Font::Kai => 3,
    }
}

/// The objects of a layer on a page of a size; `resource` says the object number of a picture.
pub(super) fn objects(
    drawing: &Drawing,
    page: Area,
    ids: &mut ObjectIds,
    resource: impl Fn(Picture) -> u32,
) -> String {
    let mut xml = String::new();
    for shape in &drawing.shapes {
        let id = ids.next();
        match shape {
            Shape::Text(text) => write_text(&mut xml, id, text),
            Shape::Stroke(line, width, ink) => {
                let how = format!("Stroke=\"true\" Fill=\"false\" LineWidth=\"{width:.3}\"");
                let colour = format!("<ofd:StrokeColor Value=\"{}\"/>", rgb(*ink));
                write_path(&mut xml, id, page, &how, &colour, line);
            }
            Shape::Fill(line, ink) => {
                let colour = format!("<ofd:FillColor Value=\"{}\"/>", rgb(*ink));
                let how = "Stroke=\"false\" Fill=\"true\"";
                write_path(&mut xml, id, page, how, &colour, line);
            }
            Shape::Picture(area, picture) => {
                write_picture(&mut xml, id, *area, resource(*picture));
            }
        }
    }
    xml
}

/// Text as XML content or attribute value; characters that XML 1.0 forbids are left out.
pub(in super::super) fn escape(text: &str) -> String {
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

fn write_text(xml: &mut String, id: u32, line: &Text) {
    let advances: Vec<f64> = line.advances().map(|(_, advance)| advance).collect();
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
    // Writing to a String cannot fail.
    let _ = write!(
        xml,
        "<ofd:TextObject ID=\"{id}\" Boundary=\"{x:.3} {top:.3} {width:.3} {height:.3}\" \
         Font=\"{font}\" Size=\"{size:.3}\"><ofd:FillColor Value=\"{ink}\"/>\
         <ofd:TextCode X=\"0\" Y=\"{size:.3}\"{deltas}>{text}</ofd:TextCode></ofd:TextObject>",
        x = line.x,
        top = line.y - line.size,
        height = line.size * (1.0 + DESCENT),
        font = font_id(line.font),
        size = line.size,
        ink = rgb(line.ink),
        text = escape(&line.text),
    );
}

fn write_path(xml: &mut String, id: u32, page: Area, how: &str, colour: &str, line: &Line) {
    let _ = write!(
        xml,
        "<ofd:PathObject ID=\"{id}\" Boundary=\"0 0 {w:.3} {h:.3}\" {how}>{colour}\
         <ofd:AbbreviatedData>{path}</ofd:AbbreviatedData></ofd:PathObject>",
        w = page.width,
        h = page.height,
        path = abbreviated(line),
    );
}

fn write_picture(xml: &mut String, id: u32, area: Area, resource: u32) {
    let _ = write!(
        xml,
        "<ofd:ImageObject ID=\"{id}\" ResourceID=\"{resource}\" \
         Boundary=\"{x:.3} {y:.3} {w:.3} {h:.3}\" CTM=\"{w:.3} 0 0 {h:.3} 0 0\"/>",
        x = area.x,
        y = area.y,
        w = area.width,
        h = area.height,
    );
}

/// A line in OFD's abbreviated form (`M x y L x y …`).
fn abbreviated(line: &Line) -> String {
    let mut path = String::new();
    for (x, y) in &line.points {
        let step = if path.is_empty() { "M" } else { " L" };
        let _ = write!(path, "{step} {x:.2} {y:.2}");
    }
    if line.is_closed {
        path.push_str(" C");
    }
    path
}

/// An ink as OFD writes it.
fn rgb(ink: Ink) -> String {
    let [red, green, blue] = ink.rgb();
    format!("{red} {green} {blue}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_spaced() {
        let mut drawing = Drawing::default();
        drawing.text(Text {
            text: "证<1&".to_owned(),
            x: 10.0,
            y: 20.0,
            size: 4.0,
            spacing: 0.0,
            font: Font::Kai,
            ink: Ink::Black,
        });
        let page = Area {
            x: 0.0,
            y: 0.0,
            width: 210.0,
            height: 297.0,
        };
        let xml = objects(&drawing, page, &mut ObjectIds::default(), |_| 0);
        assert!(
            xml.contains("DeltaX=\"4.000 2.000 2.000\">证&lt;1&amp;</ofd:TextCode>"),
            "{xml}"
        );
        assert_eq!(escape("a\u{0}\"b"), "a&quot;b");
    }
}
