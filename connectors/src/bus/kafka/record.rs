//! Records of the seam and records of Kafka.
//!
//! Whoever may write to a topic may write anything. A record that is not one of ours is handed on
//! in a readable form with a mark, so that the hub keeps it among its dead letters: it neither
//! stops the topic nor disappears.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use schemas::envelope::{BODY_BYTES_MAX, HEADER_BYTES_MAX};

use crate::bus::{BusRecord, HEADERS_MAX, KEY_BYTES_MAX, OutgoingRecord};

/// Headers for Kafka.
pub(super) fn headers_of(record: &OutgoingRecord) -> OwnedHeaders {
    let headers = OwnedHeaders::new_with_capacity(record.headers.len());
    record
        .headers
        .iter()
        .fold(headers, |headers, (name, value)| {
            headers.insert(Header {
                key: name,
                value: Some(value),
            })
        })
}

/// The record of a message that was read from `topic`, named as the hub names it.
pub(super) fn record_of(topic: &str, message: &BorrowedMessage<'_>) -> BusRecord {
    let mut faults = Faults::default();
    let key = faults.text("the key", message.key().unwrap_or_default(), KEY_BYTES_MAX);
    let headers = match message.headers() {
        // The binding panics at a name that is not UTF-8, and offers no other way to read it.
        Some(headers) => catch_unwind(AssertUnwindSafe(|| headers_from(headers, &mut faults)))
            .unwrap_or_else(|_| {
                faults.note("the name of a header");
                Vec::new()
            }),
        None => Vec::new(),
    };
    let mut body = message.payload().unwrap_or_default();
    if body.len() > BODY_BYTES_MAX {
        faults.note("the length of the body");
        body = body.get(..BODY_BYTES_MAX).unwrap_or_default();
    }
    BusRecord {
        topic: topic.to_owned(),
        partition: message.partition(),
        position: message.offset().saturating_add(1),
        key,
        headers,
        body: Bytes::copy_from_slice(body),
        malformed: faults.first,
    }
}

fn headers_from(headers: &impl Headers, faults: &mut Faults) -> Vec<(String, String)> {
    if headers.count() > HEADERS_MAX {
        faults.note("the number of headers");
    }
    headers
        .iter()
        .take(HEADERS_MAX)
        .map(|header| {
            let name = faults.text(
                "the name of a header",
                header.key.as_bytes(),
                HEADER_BYTES_MAX,
            );
            let value = header.value.unwrap_or_default();
            (name, faults.text("a header", value, HEADER_BYTES_MAX))
        })
        .collect()
}

/// The first thing that is wrong with a record.
#[derive(Default)]
struct Faults {
    first: Option<&'static str>,
}

impl Faults {
    fn note(&mut self, what: &'static str) {
        self.first.get_or_insert(what);
    }

    /// `bytes` as text, within the limit; noted when they are none.
    fn text(&mut self, what: &'static str, bytes: &[u8], bytes_max: usize) -> String {
        match std::str::from_utf8(bytes) {
            Ok(text) if text.len() <= bytes_max => text.to_owned(),
            _ => {
                self.note(what);
                let kept = bytes.get(..bytes_max).unwrap_or(bytes);
                let mut text = String::from_utf8_lossy(kept).into_owned();
                // A replacement character is longer than what it replaces.
                text.truncate(text.floor_char_boundary(bytes_max));
                text
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_stays_readable_and_within_its_limit() {
        let mut faults = Faults::default();
        assert_eq!(faults.text("a", "浙江".as_bytes(), 6), "浙江");
        assert_eq!(faults.first, None);
        assert_eq!(faults.text("b", b"\xff\xfe", 4), "\u{fffd}");
        assert_eq!(faults.text("c", "浙江".as_bytes(), 5), "浙");
        assert_eq!(faults.first, Some("b"));
    }
}
