//! The ornamental border of a licence: frames, a wavy line as on banknotes, corner pieces.

use std::f64::consts::TAU;

use super::drawing::{Area, Drawing, Ink, Line};

/// Points of the wavy line along one millimetre of border.
const WAVE_POINTS_PER_MM: f64 = 1.25;
/// Length of one wave, about.
const WAVE_MM: f64 = 5.0;

/// Draws the border of a page: the background that all licences share.
pub(super) fn draw_border(drawing: &mut Drawing, page: Area) {
    drawing.frame(page.inset(9.0), 1.4, Ink::Gold);
    drawing.frame(page.inset(11.2), 0.3, Ink::Gold);
    drawing.frame(page.inset(17.0), 0.5, Ink::Gold);
    for phase in [0.0, 0.5] {
        drawing.stroke(wave_around(page.inset(14.1), phase), 0.18, Ink::PaleGold);
    }
    for corner in page.inset(17.0).corners() {
        drawing.fill(diamond(corner, 3.2), Ink::Gold);
        drawing.frame(corner_box(corner, 2.4), 0.3, Ink::Gold);
    }
}

/// A sine line around a box, as on banknotes.
fn wave_around(area: Area, phase: f64) -> Line {
    let [first, second, third, fourth] = area.corners();
    let sides = [
        (first, second),
        (second, third),
        (third, fourth),
        (fourth, first),
    ];
    let mut points = Vec::new();
    for (from, to) in sides {
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
            points.push((x, y));
            along += 1.0 / WAVE_POINTS_PER_MM;
        }
    }
    Line {
        points,
        is_closed: false,
    }
}

fn diamond((x, y): (f64, f64), half: f64) -> Line {
    Line {
        points: vec![(x - half, y), (x, y - half), (x + half, y), (x, y + half)],
        is_closed: true,
    }
}

fn corner_box((x, y): (f64, f64), half: f64) -> Area {
    Area {
        x: x - half,
        y: y - half,
        width: 2.0 * half,
        height: 2.0 * half,
    }
}
