//! A drawing as the content of a PDF page (ISO 32000-2:2020 §8, §9).
//!
//! Fonts are named, not embedded, as in the OFD: each is a CID font of Adobe-GB1 with the
//! predefined `CMap` `UniGB-UTF16-H`, for which every reader has a font of its own.

use std::fmt::Write as _;

use super::super::drawing::{Area, Drawing, Font, Ink, Line, Picture, Shape, Text};

/// Points of a millimetre.
const POINTS_PER_MM: f64 = 72.0 / 25.4;
/// Widths of glyphs in thousandths of the font size, as [`font`] states them.
const FULL_WIDTH: f64 = 1_000.0;
/// The same of ASCII.
const HALF_WIDTH: f64 = 500.0;

/// Millimetres as points.
pub(super) fn points(millimetres: f64) -> f64 {
    millimetres * POINTS_PER_MM
}

/// A box in points from the lower left corner: left, bottom, right, top.
pub(super) fn rectangle(area: Area, page: Area) -> [f64; 4] {
    let (top, right) = (page.height - area.y, area.x + area.width);
    [area.x, top - area.height, right, top].map(points)
}

/// The content of a page of a size.
pub(super) fn content(drawing: &Drawing, page: Area) -> String {
    // From here on millimetres from the upper left corner, as the drawing has them.
    let mut out = format!(
        "q {POINTS_PER_MM:.6} 0 0 -{POINTS_PER_MM:.6} 0 {:.3} cm\n",
        points(page.height)
    );
    for shape in &drawing.shapes {
        match shape {
            Shape::Text(text) => write_text(&mut out, text),
            Shape::Stroke(line, width, ink) => {
                let end = if line.is_closed { "s" } else { "S" };
                let _ = writeln!(out, "{} RG {width:.3} w", rgb(*ink));
                write_path(&mut out, line, end);
            }
            Shape::Fill(line, ink) => {
                let _ = writeln!(out, "{} rg", rgb(*ink));
                write_path(&mut out, line, "f");
            }
            Shape::Picture(area, picture) => write_picture(&mut out, *area, *picture),
        }
    }
    out.push_str("Q\n");
    out
}

/// Name of a font in the resources.
pub(super) const fn font_name(font: Font) -> &'static str {
    match font {
        Font::Song => "Song",
        Font::Hei => "Hei",
        Font::Kai => "Kai",
    }
}

/// Name of a picture in the resources.
pub(super) fn picture_name(picture: Picture) -> String {
    match picture {
        Picture::Photo => "Photo".to_owned(),
        Picture::Scan(number) => format!("Scan{number}"),
    }
}

/// A font, its descendant and its descriptor in one (§9.7); `descriptor` is its reference.
pub(super) fn font(font: Font, descriptor: u32) -> String {
    let name = post_script_name(font);
    format!(
        "<</Type/Font/Subtype/Type0/BaseFont/{name}/Encoding/UniGB-UTF16-H/DescendantFonts[<</Type\
         /Font/Subtype/CIDFontType2/BaseFont/{name}/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)\
         /Supplement 5>>/DW {FULL_WIDTH}/W[1 95 {HALF_WIDTH}]/FontDescriptor {descriptor} 0 R>>]>>"
    )
}

/// What a reader needs to find a font that looks alike (§9.8).
pub(super) fn font_descriptor(font: Font) -> String {
    let name = post_script_name(font);
    format!(
        "<</Type/FontDescriptor/FontName/{name}/Flags 4/FontBBox[0 -141 1000 859]/ItalicAngle 0\
         /Ascent 859/Descent -141/CapHeight 683/StemV 80>>"
    )
}

/// Names under which office systems have the fonts of official layouts.
const fn post_script_name(font: Font) -> &'static str {
    match font {
        Font::Song => "SimSun",
        Font::Hei => "SimHei",
        Font::Kai => "KaiTi",
    }
}

fn write_text(out: &mut String, line: &Text) {
    let mut items = String::new();
    let mut run = String::new();
    for (one, advance) in line.advances() {
        for unit in one.encode_utf16(&mut [0; 2]) {
            let _ = write!(run, "{unit:04X}");
        }
        let width = if one.is_ascii() {
            HALF_WIDTH
        } else {
            FULL_WIDTH
        };
        // What `TJ` takes back, in thousandths of the size.
        let back = width - advance * 1_000.0 / line.size;
        if back.abs() >= 0.5 {
            let _ = write!(items, "<{run}>{back:.0} ");
            run.clear();
        }
    }
    if !run.is_empty() {
        let _ = write!(items, "<{run}>");
    }
    let _ = writeln!(
        out,
        "BT /{font} {size:.3} Tf {ink} rg 1 0 0 -1 {x:.3} {y:.3} Tm [{items}] TJ ET",
        font = font_name(line.font),
        size = line.size,
        ink = rgb(line.ink),
        x = line.x,
        y = line.y,
    );
}

fn write_path(out: &mut String, line: &Line, end: &str) {
    let mut step = "m";
    for (x, y) in &line.points {
        let _ = write!(out, "{x:.2} {y:.2} {step} ");
        step = "l";
    }
    let _ = writeln!(out, "{end}");
}

fn write_picture(out: &mut String, area: Area, picture: Picture) {
    let _ = writeln!(
        out,
        "q {w:.3} 0 0 -{h:.3} {x:.3} {y:.3} cm /{name} Do Q",
        w = area.width,
        h = area.height,
        x = area.x,
        y = area.y + area.height,
        name = picture_name(picture),
    );
}

/// An ink as operands, from 0 to 1.
fn rgb(ink: Ink) -> String {
    let [red, green, blue] = ink.rgb().map(|part| f64::from(part) / 255.0);
    format!("{red:.3} {green:.3} {blue:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_written_in_utf_16_with_its_distances() {
        let mut drawing = Drawing::default();
        drawing.text(Text {
            text: "证1A书".to_owned(),
            x: 10.0,
            y: 20.0,
            size: 4.0,
            spacing: 0.0,
            font: Font::Kai,
            ink: Ink::Red,
        });
        let page = Area {
            x: 0.0,
            y: 0.0,
            width: 210.0,
            height: 297.0,
        };
        let content = content(&drawing, page);
        // A capital is wider than the half that the font states.
        assert!(
            content.contains("[<8BC100310041>-160 <4E66>] TJ"),
            "{content}"
        );
        assert!(
            content.contains("/Kai 4.000 Tf 0.784 0.086 0.118 rg"),
            "{content}"
        );
    }

    #[test]
    fn a_box_is_measured_from_the_lower_left_corner() {
        let page = Area {
            x: 0.0,
            y: 0.0,
            width: 254.0,
            height: 254.0,
        };
        let area = Area {
            x: 25.4,
            y: 50.8,
            width: 25.4,
            height: 50.8,
        };
        let rectangle = rectangle(area, page).map(f64::round);
        assert_eq!(rectangle, [72.0, 432.0, 144.0, 576.0]);
    }
}
