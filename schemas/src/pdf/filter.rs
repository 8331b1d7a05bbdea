//! Streams of cross-references and of objects, inflated within bounds (ISO 32000-2:2020 §7.4).

use std::ops::Range;

use flate2::{Decompress, FlushDecompress, Status};

use super::object::{Dictionary, Object, Stream};
use super::source::FileBytes;
use super::{PdfError, limits};

/// Bytes inflated at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// The decoded bytes of a stream; `left` is what the file may still inflate to.
///
/// # Errors
/// A filter other than `FlateDecode`, damaged data, or more than the limits.
pub(super) fn decode(
    file: FileBytes<'_>,
    stream: &Stream,
    left: &mut usize,
) -> Result<Vec<u8>, PdfError> {
    let dictionary = &stream.dictionary;
    let filter = match dictionary.get("Filter") {
        None | Some(Object::Null) => None,
        Some(Object::Array(filters)) if filters.len() == 1 => filters.first(),
        Some(Object::Array(filters)) if filters.is_empty() => None,
        Some(other) => Some(other),
    };
    let limit = limits::INFLATED_BYTES.min(*left);
    let decoded = match filter.map(Object::name) {
        None if stream.data.len() <= limit => file.window(stream.data.clone())?.to_vec(),
        None => return Err(too_much()),
        Some(Some(b"FlateDecode" | b"Fl")) => inflate(file, stream.data.clone(), limit)
            // What cannot be inflated to its end was work, too.
            .inspect_err(|_| *left = left.saturating_sub(limit))?,
        Some(_) => return Err(PdfError::Unsupported("a filter other than FlateDecode")),
    };
    *left = left.saturating_sub(decoded.len());
    let parameters = match dictionary.get("DecodeParms") {
        Some(Object::Array(items)) => items.first().and_then(Object::dictionary),
        Some(other) => other.dictionary(),
        None => None,
    };
    match parameters {
        Some(parameters) => undo_predictor(decoded, parameters, stream.data.start),
        None => Ok(decoded),
    }
}

fn too_much() -> PdfError {
    PdfError::TooMuch {
        what: "bytes in streams of objects and cross-references",
        limit: limits::INFLATED_TOTAL_BYTES,
    }
}

fn inflate(file: FileBytes<'_>, data: Range<usize>, limit: usize) -> Result<Vec<u8>, PdfError> {
    let (at, what) = (data.start, "damaged compressed stream");
    let mut inflater = Decompress::new(true);
    let (mut out, mut state) = (Vec::new(), Ok(Status::Ok));
    file.pieces(data, &mut |piece| {
        state = inflate_piece(&mut inflater, piece, &mut out, limit)
            .map_err(|error| error.unwrap_or(PdfError::Malformed { at, what }));
        matches!(state, Ok(Status::Ok | Status::BufError))
    })?;
    match state? {
        Status::StreamEnd => Ok(out),
        // The data end too early.
        _ => Err(PdfError::Malformed { at, what }),
    }
}

/// Inflates all of a piece, or up to the end of the stream; an error of none is damage.
fn inflate_piece(
    inflater: &mut Decompress,
    piece: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<Status, Option<PdfError>> {
    let start = inflater.total_in();
    loop {
        let before = (inflater.total_in(), out.len());
        out.reserve(CHUNK_BYTES);
        let read = usize::try_from(before.0 - start).unwrap_or(usize::MAX);
        let rest = piece.get(read..).unwrap_or_default();
        let status = inflater
            .decompress_vec(rest, out, FlushDecompress::None)
            .map_err(|_| None)?;
        if out.len() > limit {
            return Err(Some(too_much()));
        }
        let is_stuck = before == (inflater.total_in(), out.len());
        if status == Status::StreamEnd || is_stuck {
            return Ok(status);
        }
    }
}

/// Undoes the PNG predictors (§7.4.4.4), which writers use for cross-reference streams.
fn undo_predictor(data: Vec<u8>, parameters: &Dictionary, at: usize) -> Result<Vec<u8>, PdfError> {
    let what = "damaged predictor rows";
    let number = |key: &str, default| match parameters.get(key) {
        Some(value) => value.size(),
        None => Some(default),
    };
    match number("Predictor", 1) {
        Some(1) => return Ok(data),
        Some(10..=15) => {}
        _ => return Err(PdfError::Unsupported("a predictor other than those of PNG")),
    }
    let bits = number("Colors", 1).zip(number("BitsPerComponent", 8));
    if bits != Some((1, 8)) {
        return Err(PdfError::Unsupported("a predictor for anything but bytes"));
    }
    let columns = number("Columns", 1).filter(|columns| (1..=limits::ITEMS).contains(columns));
    let columns = columns.ok_or(PdfError::Malformed { at, what })?;
    let mut out: Vec<u8> = Vec::with_capacity(data.len());
    let mut above = vec![0_u8; columns];
    for row in data.chunks(columns + 1) {
        let Some((kind, row)) = row.split_first().filter(|(_, row)| row.len() == columns) else {
            return Err(PdfError::Malformed { at, what });
        };
        let (mut left, mut above_left) = (0_u8, 0_u8);
        for (byte, above) in row.iter().zip(&mut above) {
            let predicted = match kind {
                0 => 0,
                1 => left,
                2 => *above,
                3 => u8::midpoint(left, *above),
                4 => paeth(left, *above, above_left),
                _ => return Err(PdfError::Malformed { at, what }),
            };
            above_left = *above;
            left = byte.wrapping_add(predicted);
            *above = left;
            out.push(left);
        }
    }
    Ok(out)
}

/// The neighbour nearest to left + above − above left (PNG specification §9.4).
fn paeth(left: u8, above: u8, above_left: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(above) - i16::from(above_left);
    let distance = |neighbour: u8| (estimate - i16::from(neighbour)).abs();
    let (by_left, by_above) = (distance(left), distance(above));
    if by_left <= by_above && by_left <= distance(above_left) {
        left
    } else if by_above <= distance(above_left) {
        above
    } else {
        above_left
    }
}
