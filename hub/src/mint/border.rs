//! The ornamental border of a licence: frames, a wavy line as on banknotes, corner pieces.

use std::f64::consts::TAU;
use std::fmt::Write as _;

use super::drawing::{Area, Drawing, Ink};

/// Points of the wavy line along one millimetre of border.
const WAVE_POINTS_PER_MM: f64 = 1.25;
/// Length of one wave, about.
const WAVE_MM: f64 = 5.0;

/// Draws the border of a page: the background that all licences share.
pub(super) fn draw_border(drawing: &mut Drawing<'_>, page: Area) {
    drawing.frame(page.inset(9.0), 1.4, Ink::Gold);
    drawing.frame(page.inset(11.2), 0.3, Ink::Gold);
    drawing.frame(page.inset(17.0), 0.5, Ink::Gold);
    for phase in [0.0, 0.5] {
        drawing.stroke(&wave_around(page.inset(14.1), phase), 0.18, Ink::PaleGold);
    }
    for corner in corners(page.inset(17.0)) {
        drawing.fill(&diamond(corner, 3.2), Ink::Gold);
        drawing.frame(corner_box(corner, 2.4), 0.3, Ink::Gold);
    }
}

/// A sine line around a box, as on banknotes.
fn wave_around(area: Area, phase: f64) -> String {
    let (right, bottom) = (area.x + area.width, area.y + area.height);
    let corners = [
        (area.x, area.y),
        (right, area.y),
        (right, bottom),
        (area.x, bottom),
        (area.x, area.y),
    ];
    let mut path = String::new();
    for (from, to) in corners.iter().zip(corners.iter().skip(1)) {
        let (across, down) = (to.0 - from.0, to.1 - from.1);
        let length = across.abs() + down.abs();
        let mut along = 0.0;
        while along <= length {
            let share = along / length;
            // Whole waves, so that the line meets itself at the corners.
            let waves = (length / WAVE_MM).round();
            let swing = 2.0 * (TAU * waves.mul_add(share, phase)).sin();
            let x = across.mul_add(share, from.0) + if down == 0.0 { 0.0 } else { swing };
            let y = down.mul_add(share, from.1) + if down == 0.0 { swing } else { 0.0 };
            let step = if path.is_empty() { "M" } else { " L" };
            // Writing to a String cannot fail.
            let _ = write!(path, "{step} {x:.2} {y:.2}");
            along += 1.0 / WAVE_POINTS_PER_MM;
        }
    }
    path
}

fn corners(area: Area) -> [(f64, f64); 4] {
    let (right, bottom) = (area.x + area.width, area.y + area.height);
    [
        (area.x, area.y),
        (right, area.y),
        (right, bottom),
        (area.x, bottom),
    ]
}

fn diamond((x, y): (f64, f64), half: f64) -> String {
    format!(
        "M {:.2} {y:.2} L {x:.2} {:.2} L {:.2} {y:.2} L {x:.2} {:.2} C",
        x - half,
        y - half,
        x + half,
        y + half,
    )
}

fn corner_box((x, y): (f64, f64), half: f64) -> Area {
    Area {
        x: x - half,
        y: y - half,
        width: 2.0 * half,
        height: 2.0 * half,
    }
}
