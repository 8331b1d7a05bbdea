//! Dead letters: records that a node could not use, with the reason and where they came from.
//!
//! A letter is the record as it came, with four headers of this node behind its own.

use connectors::bus::{BusRecord, HEADERS_MAX};

use crate::store::dead_letters::Origin;

/// Headers that a letter has beyond those of the record.
const ADDED: [&str; 4] = [
    "hub_deadletter_code",
    "hub_deadletter_topic",
    "hub_deadletter_partition",
    "hub_deadletter_position",
];

/// A record that became a letter.
pub(crate) struct Letter<'a> {
    /// Why it could not be used.
    pub(crate) code: &'a str,
    /// Where it came from.
    pub(crate) origin: Origin,
    /// The headers that it came with.
    pub(crate) headers: &'a [(String, String)],
}

impl Letter<'_> {
    /// What a header claims; nobody checked it.
    pub(crate) fn claim(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value)
    }
}

/// The headers of the letter about a record.
pub(super) fn headers(record: &BusRecord, code: &str) -> Vec<(String, String)> {
    let values = [
        code.to_owned(),
        record.topic.clone(),
        record.partition.to_string(),
        record.position.to_string(),
    ];
    record
        .headers
        .iter()
        // A letter that the bus refuses would block the outbox.
        .take(HEADERS_MAX - ADDED.len())
        .cloned()
        .chain(ADDED.map(str::to_owned).into_iter().zip(values))
        .collect()
}

/// Reads a letter; none when the record is not one. The headers that count are the last: the
/// record may have come with some of the same names.
pub(crate) fn open(record: &BusRecord) -> Option<Letter<'_>> {
    let own = record.headers.len().checked_sub(ADDED.len())?;
    let (headers, added) = record.headers.split_at_checked(own)?;
    let mut values = added
        .iter()
        .zip(ADDED)
        .map(|((name, value), expected)| (name == expected).then_some(value.as_str()));
    let mut value = || values.next().flatten();
    Some(Letter {
        code: value()?,
        origin: Origin {
            topic: value()?.to_owned(),
            partition: value()?.parse().ok()?,
            position: value()?.parse().ok()?,
        },
        headers,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn record(headers: Vec<(String, String)>) -> BusRecord {
        BusRecord {
            topic: "directory.changes".to_owned(),
            partition: 3,
            position: 17,
            key: "k".to_owned(),
            headers,
            body: Bytes::new(),
            malformed: None,
        }
    }

    #[test]
    fn a_letter_names_its_origin_whatever_the_record_claimed() {
        let claimed = ADDED.map(|name| (name.to_owned(), "forged".to_owned()));
        let came = record(claimed.to_vec());
        let letter = record(headers(&came, "SIGNATURE"));
        let opened = open(&letter).expect("a letter");
        assert_eq!(opened.code, "SIGNATURE");
        let expected = Origin {
            topic: "directory.changes".to_owned(),
            partition: 3,
            position: 17,
        };
        assert_eq!(opened.origin, expected);
        assert_eq!(opened.headers, came.headers, "published again as it came");
    }

    #[test]
    fn a_record_with_many_headers_still_becomes_a_letter() {
        let many = vec![("h".to_owned(), "v".to_owned()); HEADERS_MAX];
        let letter = record(headers(&record(many), "INTERNAL"));
        assert_eq!(letter.headers.len(), HEADERS_MAX);
        assert!(open(&letter).is_some());
        assert!(open(&record(Vec::new())).is_none());
    }
}
