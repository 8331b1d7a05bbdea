//! The red round seal of a Chinese public body, drawn on a transparent background, and what else is
//! shown on a sample licence.
//!
//! Ring and star only: the name around the ring would need a font, so it is page text instead.

use super::MintError;
use super::seal::SealPicture;

/// Diameter on paper; official seals have 42 mm (state organs) or less.
const DIAMETER_MM: u32 = 42;
/// Pixels per side: about 240 dots per inch on paper.
const SIDE: u32 = 400;
/// Samples per pixel and axis for smooth edges.
const SAMPLES: u32 = 3;
/// Official seal red.
const RED: [u8; 3] = [0xd8, 0x1e, 0x1e];
/// Outer edge of the ring, as a share of half the side.
const RING_OUTER: f64 = 0.985;
/// Inner edge of the ring.
const RING_INNER: f64 = 0.925;
/// Distance of the star's tips from the centre.
const STAR_TIP: f64 = 0.34;
/// Distance of the star's inner corners: the golden-ratio pentagram.
const STAR_NOTCH: f64 = STAR_TIP * 0.381_966;

/// Pixels of a portrait photo, 35 mm × 45 mm at about 170 dots per inch.
const PHOTO_WIDTH: u32 = 236;
/// Height of the same.
const PHOTO_HEIGHT: u32 = 304;
/// Shade of the figure, 0 black to 255 white.
const SILHOUETTE: u8 = 0x9c;
/// Shade behind it.
const PHOTO_GROUND: u8 = 0xe9;

/// Least pixels in a row of a scan.
const SCAN_WIDTH_MIN: usize = 32;

/// A picture of one tint: a byte for each pixel, row by row from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// One byte for each pixel: shade or opacity, as the function says that draws it.
    pub samples: Vec<u8>,
}

/// The seal: how far the ink covers each pixel, from 0 to 255.
#[must_use]
pub fn seal_pixels() -> Pixels {
    let levels = SAMPLES * SAMPLES;
    let opacity = |inked: u8| u8::try_from(u32::from(inked) * 255 / levels).unwrap_or(u8::MAX);
    let pixel = |row| (0..SIDE).map(move |column| opacity(inked_samples(column, row)));
    Pixels {
        width: SIDE,
        height: SIDE,
        samples: (0..SIDE).flat_map(pixel).collect(),
    }
}

/// Ink of the seal, red, green and blue.
#[must_use]
pub const fn seal_ink() -> [u8; 3] {
    RED
}

/// The seal as a PNG with its size on paper.
///
/// # Errors
/// [`MintError::Picture`] when the PNG cannot be written.
pub fn round_seal() -> Result<SealPicture, MintError> {
    let pixels = seal_pixels();
    // One palette entry for each opacity: the same red, ever less transparent.
    let mut levels = pixels.samples.clone();
    levels.sort_unstable();
    levels.dedup();
    let index = |opacity: &u8| levels.binary_search(opacity).unwrap_or(0);
    let indexes = pixels.samples.iter().map(index);
    let indexes: Vec<u8> = indexes.map(|at| u8::try_from(at).unwrap_or(0)).collect();
    let palette: Vec<u8> = levels.iter().flat_map(|_| RED).collect();
    let mut data = Vec::new();
    let mut encoder = png::Encoder::new(&mut data, pixels.width, pixels.height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    encoder.set_trns(levels);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&indexes)?;
    writer.finish()?;
    Ok(SealPicture {
        format: "PNG".to_owned(),
        data,
        width_mm: DIAMETER_MM,
        height_mm: DIAMETER_MM,
    })
}

/// A grey head and shoulders on a pale ground for the photo box: nobody's likeness. Shades from 0,
/// black, to 255.
#[must_use]
pub fn silhouette() -> Pixels {
    let row = |row| {
        (0..PHOTO_WIDTH).map(move |column| silhouette_shade(f64::from(column), f64::from(row)))
    };
    Pixels {
        width: PHOTO_WIDTH,
        height: PHOTO_HEIGHT,
        samples: (0..PHOTO_HEIGHT).flat_map(row).collect(),
    }
}

/// Page `number` of a scanned original: noise of `bytes` bytes or a few more, always the same, that
/// nothing makes shorter. Shades.
#[must_use]
pub fn scan(number: u32, bytes: usize) -> Pixels {
    let width = bytes.isqrt().max(SCAN_WIDTH_MIN);
    let height = bytes.div_ceil(width).max(1);
    let block = |block: u32| {
        let seed = [number.to_be_bytes(), block.to_be_bytes()].concat();
        crate::digest::sm3(&seed)
    };
    Pixels {
        width: u32::try_from(width).unwrap_or(u32::MAX),
        height: u32::try_from(height).unwrap_or(u32::MAX),
        samples: (0..).flat_map(block).take(width * height).collect(),
    }
}

/// Shades as a PNG.
///
/// # Errors
/// [`MintError::Picture`] when the PNG cannot be written.
pub fn grey_png(pixels: &Pixels) -> Result<Vec<u8>, MintError> {
    let mut data = Vec::new();
    let mut encoder = png::Encoder::new(&mut data, pixels.width, pixels.height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels.samples)?;
    writer.finish()?;
    Ok(data)
}

fn silhouette_shade(column: f64, row: f64) -> u8 {
    let (width, height) = (f64::from(PHOTO_WIDTH), f64::from(PHOTO_HEIGHT));
    let head = ((column - width / 2.0) / 46.0).hypot((row - height * 0.36) / 58.0);
    let shoulders = ((column - width / 2.0) / 96.0).hypot((row - height) / 110.0);
    if head <= 1.0 || shoulders <= 1.0 {
        SILHOUETTE
    } else {
        PHOTO_GROUND
    }
}

/// How many of a pixel's samples the ink covers.
fn inked_samples(column: u32, row: u32) -> u8 {
    let step = 1.0 / f64::from(SAMPLES);
    let half = f64::from(SIDE) / 2.0;
    let mut inked = 0;
    for sample in 0..SAMPLES * SAMPLES {
        let across = f64::from(column) + (f64::from(sample % SAMPLES) + 0.5) * step;
        let down = f64::from(row) + (f64::from(sample / SAMPLES) + 0.5) * step;
        if is_inked((across - half) / half, (down - half) / half) {
            inked += 1;
        }
    }
    inked
}

/// Whether the point is on the ring or the star; the seal is the unit circle, y downwards.
fn is_inked(x: f64, y: f64) -> bool {
    let radius = x.hypot(y);
    (RING_INNER..=RING_OUTER).contains(&radius) || (radius <= STAR_TIP && is_in_star(x, y, radius))
}

/// By symmetry only one tenth of the star is looked at: between a tip and the next notch.
fn is_in_star(x: f64, y: f64, radius: f64) -> bool {
    use std::f64::consts::PI;
    let tenth = PI / 5.0;
    // Angle from the upward tip, folded into one tenth.
    let angle = x.atan2(-y).rem_euclid(2.0 * tenth);
    let folded = angle.min(2.0 * tenth - angle);
    let (across, along) = (radius * folded.sin(), radius * folded.cos());
    let (notch_across, notch_along) = (STAR_NOTCH * tenth.sin(), STAR_NOTCH * tenth.cos());
    // Inner side of the edge from the tip (0, STAR_TIP) to the notch.
    let edge = (notch_along - STAR_TIP) * across - notch_across * (along - STAR_TIP);
    edge >= 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ring_and_star_are_inked_and_the_rest_is_clear() {
        let inked = [(0.0, 0.0), (0.0, -0.33), (0.95, 0.0), (0.0, 0.12)];
        let clear = [(0.0, 0.33), (0.6, 0.0), (0.999, 0.0), (0.2, 0.2)];
        for (x, y) in inked {
            assert!(is_inked(x, y), "{x} {y}");
        }
        for (x, y) in clear {
            assert!(!is_inked(x, y), "{x} {y}");
        }
    }

    #[test]
    fn the_picture_is_the_same_each_time() {
        let picture = round_seal().unwrap();
        assert!(picture.data.starts_with(b"\x89PNG"));
        assert_eq!(picture, round_seal().unwrap());
    }
}
