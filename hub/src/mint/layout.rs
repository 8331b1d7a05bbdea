//! Where things stand on a licence: title, fields, photo box, issuer, date, seal.

use super::drawing::{Area, Drawing, Font, Ink, Picture, Text, text_width, wrap};
use super::face::{Face, Field};

/// A4 upright or lying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Upright, fields in a ruled table: permits and certificates.
    Portrait,
    /// Lying, fields without rules: business licences.
    Landscape,
}

/// Distances of one layout, millimetres.
struct Measures {
    page: Area,
    title_y: f64,
    title_size: f64,
    fields_y: f64,
    margin: f64,
    label_width: f64,
    row_height: f64,
    ruled: bool,
}

/// Size of field text.
const FIELD_SIZE: f64 = 4.6;
/// Distance between lines of one value.
const LINE_STEP: f64 = 6.4;
/// Photo box of 25 mm × 32 mm, a one-inch portrait with its frame.
const PHOTO: (f64, f64) = (25.0, 32.0);
/// Free edge around a scanned page.
const SCAN_MARGIN: f64 = 15.0;
/// Distance of the seal's centre from the right edge of the fields.
const SEAL_FROM_RIGHT: f64 = 34.0;
/// Distance of the seal's centre from the lower edge of the page.
const SEAL_FROM_BOTTOM: f64 = 48.0;

impl Layout {
    /// Size of the page.
    pub(super) const fn page(self) -> Area {
        match self {
            Self::Portrait => Area {
                x: 0.0,
                y: 0.0,
                width: 210.0,
                height: 297.0,
            },
            Self::Landscape => Area {
                x: 0.0,
                y: 0.0,
                width: 297.0,
                height: 210.0,
            },
        }
    }

    /// Box of a seal of the given size on the page: over the issuer's name and the date.
    pub(super) fn seal_area(self, width: f64, height: f64) -> Area {
        let measures = self.measures();
        let centre_x = measures.page.width - measures.margin - SEAL_FROM_RIGHT;
        let centre_y = measures.page.height - SEAL_FROM_BOTTOM;
        Area {
            x: centre_x - width / 2.0,
            y: centre_y - height / 2.0,
            width,
            height,
        }
    }

    /// Draws what is particular to one licence.
    pub(super) fn draw_face(self, drawing: &mut Drawing, face: &Face) {
        let measures = self.measures();
        draw_heading(drawing, &measures, face);
        let bottom = draw_fields(drawing, &measures, face);
        draw_issuer(drawing, &measures, face, bottom);
    }

    /// Draws a page of the scanned original.
    pub(super) fn draw_scan(self, drawing: &mut Drawing, number: u32) {
        drawing.picture(self.page().inset(SCAN_MARGIN), Picture::Scan(number));
    }

    fn measures(self) -> Measures {
        let page = self.page();
        match self {
            Self::Portrait => Measures {
                page,
                title_y: 60.0,
                title_size: 12.5,
                fields_y: 98.0,
                margin: 27.0,
                label_width: 40.0,
                row_height: 13.0,
                ruled: true,
            },
            Self::Landscape => Measures {
                page,
                title_y: 52.0,
                title_size: 15.0,
                fields_y: 84.0,
                margin: 34.0,
                label_width: 42.0,
                row_height: 9.5,
                ruled: false,
            },
        }
    }
}

fn draw_heading(drawing: &mut Drawing, measures: &Measures, face: &Face) {
    let size = measures.title_size;
    // Short titles are spread, as on real licences.
    let spacing = if face.title.chars().count() <= 6 {
        size * 0.45
    } else {
        size * 0.12
    };
    let country = Text {
        text: "中华人民共和国".to_owned(),
        x: 0.0,
        y: measures.title_y - size - 4.0,
        size: 6.4,
        spacing: 1.6,
        font: Font::Hei,
        ink: Ink::Black,
    };
    centred(drawing, measures, country);
    let title = Text {
        text: face.title.clone(),
        x: 0.0,
        y: measures.title_y,
        size,
        spacing,
        font: Font::Hei,
        ink: Ink::Red,
    };
    centred(drawing, measures, title);
    let number = format!("证照编号：{}", face.number);
    drawing.text(Text {
        x: measures.page.width - measures.margin - text_width(&number, 4.0),
        text: number,
        y: measures.title_y + 11.0,
        size: 4.0,
        spacing: 0.0,
        font: Font::Song,
        ink: Ink::Black,
    });
    let width = measures.page.width - 2.0 * measures.margin;
    let statement = format!("　　{}", face.statement);
    for (line, y) in wrap(&statement, FIELD_SIZE, width)
        .iter()
        .zip(steps(measures.title_y + 20.0))
    {
        drawing.text(body_text(line, measures.margin, y, Font::Song));
    }
}

/// Draws the fields and answers where they end.
fn draw_fields(drawing: &mut Drawing, measures: &Measures, face: &Face) -> f64 {
    let left = measures.margin;
    let whole = measures.page.width - 2.0 * left;
    let mut y = measures.fields_y;
    let mut photo_end = face.photo.then(|| {
        let x = left + whole - PHOTO.0 - 3.0;
        let area = Area {
            x,
            y: y + 3.0,
            width: PHOTO.0,
            height: PHOTO.1,
        };
        drawing.picture(area, Picture::Photo);
        drawing.frame(area, 0.25, Ink::Grey);
        area.y + area.height + 3.0
    });
    for row in rows(&face.fields) {
        // Rows beside the photo end before it; the first row below it is as wide as the table.
        if let Some(end) = photo_end.filter(|end| y >= *end) {
            draw_photo_cell(drawing, measures, y.max(end));
            photo_end = None;
        }
        let width = if photo_end.is_some() {
            whole - PHOTO.0 - 6.0
        } else {
            whole
        };
        let height = row_height(measures, row, width);
        draw_row(
            drawing,
            measures,
            row,
            Area {
                x: left,
                y,
                width,
                height,
            },
        );
        y += height;
    }
    if let Some(end) = photo_end {
        y = y.max(end);
        draw_photo_cell(drawing, measures, y);
    }
    y
}

/// Closes the table around the photo and the rows beside it, down to `bottom`.
fn draw_photo_cell(drawing: &mut Drawing, measures: &Measures, bottom: f64) {
    if measures.ruled {
        let (x, y) = (measures.margin, measures.fields_y);
        let width = measures.page.width - 2.0 * x;
        drawing.frame(
            Area {
                x,
                y,
                width,
                height: bottom - y,
            },
            0.25,
            Ink::Black,
        );
    }
}

fn draw_row(drawing: &mut Drawing, measures: &Measures, row: &[Field], area: Area) {
    let cell_width = cell_width(row, area.width);
    let mut x = area.x;
    for field in row {
        let cell = Area {
            x,
            width: cell_width,
            ..area
        };
        if measures.ruled {
            let label = Area {
                width: measures.label_width,
                ..cell
            };
            drawing.frame(cell, 0.25, Ink::Black);
            drawing.frame(label, 0.25, Ink::Black);
        }
        let baseline = area.y + measures.row_height / 2.0 + FIELD_SIZE * 0.38;
        drawing.text(body_text(&field.label, x + 2.5, baseline, Font::Hei));
        let value_x = x + measures.label_width + 2.5;
        let value_width = cell_width - measures.label_width - 4.0;
        for (line, y) in wrap(&field.value, FIELD_SIZE, value_width)
            .iter()
            .zip(steps(baseline))
        {
            drawing.text(body_text(line, value_x, y, Font::Kai));
        }
        x += cell_width;
    }
}

fn draw_issuer(drawing: &mut Drawing, measures: &Measures, face: &Face, fields_end: f64) {
    let centre = measures.page.width - measures.margin - SEAL_FROM_RIGHT;
    // Below the fields, or where the seal stands when the fields leave room for that.
    let y = (measures.page.height - SEAL_FROM_BOTTOM - 2.0).max(fields_end + 10.0);
    for (line, y) in [(&face.issuer, y), (&face.date, y + 10.0)] {
        let width = text_width(line, FIELD_SIZE);
        // A long name ends where the fields end.
        let x = (centre - width / 2.0).min(measures.page.width - measures.margin - width);
        drawing.text(body_text(line, x, y, Font::Song));
    }
    let note = "开发测试样例，持证主体与颁发机构均为虚构，不具有法律效力";
    let width = text_width(note, 3.0);
    drawing.text(Text {
        text: note.to_owned(),
        x: (measures.page.width - width) / 2.0,
        y: measures.page.height - 19.5,
        size: 3.0,
        spacing: 0.0,
        font: Font::Song,
        ink: Ink::Grey,
    });
}

fn centred(drawing: &mut Drawing, measures: &Measures, mut line: Text) {
    let gaps = line.text.chars().skip(1).map(|_| line.spacing).sum::<f64>();
    line.x = (measures.page.width - text_width(&line.text, line.size) - gaps) / 2.0;
    drawing.text(line);
}

fn body_text(text: &str, x: f64, y: f64, font: Font) -> Text {
    Text {
        text: text.to_owned(),
        x,
        y,
        size: FIELD_SIZE,
        spacing: 0.0,
        font,
        ink: Ink::Black,
    }
}

/// Baselines of the lines of one value.
fn steps(first: f64) -> impl Iterator<Item = f64> {
    (0_u32..).map(move |line| f64::from(line).mul_add(LINE_STEP, first))
}

/// Fields row by row: two narrow ones share a row.
fn rows(fields: &[Field]) -> impl Iterator<Item = &[Field]> {
    fields
        .chunk_by(|first, second| !first.wide && !second.wide)
        .flat_map(|run| run.chunks(2))
}

fn cell_width(row: &[Field], width: f64) -> f64 {
    if row.len() > 1 { width / 2.0 } else { width }
}

fn row_height(measures: &Measures, row: &[Field], width: f64) -> f64 {
    let value_width = cell_width(row, width) - measures.label_width - 4.0;
    let lines = row
        .iter()
        .map(|field| wrap(&field.value, FIELD_SIZE, value_width).len())
        .max();
    let further = u32::try_from(lines.unwrap_or(1).saturating_sub(1)).unwrap_or(0);
    f64::from(further).mul_add(LINE_STEP, measures.row_height)
}
