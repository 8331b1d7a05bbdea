//! A licence as it is drawn, before it is written as OFD or PDF: border, face, scanned pages.

use std::collections::BTreeMap;

use certs::mint::picture::{self, Pixels};
use schemas::entry::Entry;

use super::border::draw_border;
use super::drawing::{Drawing, Picture};
use super::face::Face;
use super::{Format, MintOptions};

/// Bytes of one scanned page, about: a legible grey scan of A4.
const SCAN_PAGE_BYTES: usize = 256 * 1024;

/// Everything that is shown.
pub(super) struct Licence {
    pub(super) face: Face,
    /// What lies under the first page, where there is a border.
    pub(super) border: Option<Drawing>,
    /// The pages: the face, then those of the scanned original.
    pub(super) pages: Vec<Drawing>,
    /// The pictures that the pages name: shades.
    pub(super) pictures: BTreeMap<Picture, Pixels>,
}

impl Licence {
    /// Draws the licence of one entry. A sealed one has the border of paper licences; an OFD that
    /// is only signed, for systems among themselves, goes without: the border is most of a small
    /// file.
    pub(super) fn draw(entry: &Entry, options: &MintOptions) -> Self {
        let (layout, face) = (options.layout, Face::of(entry));
        let mut pictures = BTreeMap::new();
        if face.photo {
            pictures.insert(Picture::Photo, picture::silhouette());
        }
        let mut first = Drawing::default();
        layout.draw_face(&mut first, &face);
        let mut pages = vec![first];
        let count = options.scan_bytes.div_ceil(SCAN_PAGE_BYTES);
        for number in (0..).take(count) {
            let mut page = Drawing::default();
            layout.draw_scan(&mut page, number);
            pages.push(page);
            let bytes = options.scan_bytes.div_ceil(count);
            pictures.insert(Picture::Scan(number), picture::scan(number, bytes));
        }
        let border = (options.format != Format::OfdSign).then(|| {
            let mut drawing = Drawing::default();
            draw_border(&mut drawing, layout.page());
            drawing
        });
        Self {
            face,
            border,
            pages,
            pictures,
        }
    }
}
