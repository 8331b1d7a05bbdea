//! One byte range of a file, RFC 9110 §14.

use std::ops::Range;

/// What a `Range` header asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The whole file: no range, several ranges, or a header that is to be ignored.
    Whole,
    /// These bytes of it.
    Part(Range<usize>),
    /// Bytes it does not have.
    Outside,
}

/// Reads a `Range` header for a file of `size_bytes`. A malformed header and several ranges are
/// answered with the whole file, as RFC 9110 §14.2 allows.
pub(crate) fn wanted(header: Option<&str>, size_bytes: usize) -> Wanted {
    let Some(spec) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else {
        return Wanted::Whole;
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return Wanted::Whole;
    };
    let (Ok(first), Ok(last)) = (position(first), position(last)) else {
        return Wanted::Whole;
    };
    match (first, last) {
        (None, None) => Wanted::Whole,
        (None, Some(0)) => Wanted::Outside,
        (None, Some(suffix)) if size_bytes > 0 => {
            Wanted::Part(size_bytes.saturating_sub(suffix)..size_bytes)
        }
        (Some(first), Some(last)) if last < first => Wanted::Whole,
        (Some(first), last) if first < size_bytes => {
            let end = last.map_or(size_bytes, |last| last.saturating_add(1).min(size_bytes));
            Wanted::Part(first..end)
        }
        (None | Some(_), _) => Wanted::Outside,
    }
}

/// A decimal number; none for empty text. A sign or a blank is no number.
fn position(text: &str) -> Result<Option<usize>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(());
    }
    // More digits than a position can have lie outside every file.
    Ok(Some(text.parse().unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, size_bytes: usize, expected: Wanted) {
        assert_eq!(
            wanted(Some(header), size_bytes),
            expected,
            "{header:?} of {size_bytes}"
        );
    }

    #[test]
    fn ranges_of_ten_bytes() {
        assert_eq!(wanted(None, 10), Wanted::Whole);
        check("bytes=0-3", 10, Wanted::Part(0..4));
        check("bytes=4-", 10, Wanted::Part(4..10));
        check("bytes=-3", 10, Wanted::Part(7..10));
        check("bytes=-30", 10, Wanted::Part(0..10));
        check("bytes=9-9", 10, Wanted::Part(9..10));
        check("bytes=5-500", 10, Wanted::Part(5..10));
        check("bytes=0-99999999999999999999999", 10, Wanted::Part(0..10));
        check("bytes=10-", 10, Wanted::Outside);
        check("bytes=99999999999999999999999-", 10, Wanted::Outside);
        check("bytes=-0", 10, Wanted::Outside);
        check("bytes=0-", 0, Wanted::Outside);
        check("bytes=-1", 0, Wanted::Outside);
    }

    #[test]
    fn what_is_no_single_range_is_the_whole_file() {
        for header in [
            "bytes=0-1,3-4",
            "bytes=3-1",
            "bytes=a-b",
            "bytes=+1-2",
            "lines=1-2",
            "-",
        ] {
            check(header, 10, Wanted::Whole);
        }
        check("bytes=-", 10, Wanted::Whole);
    }
}
