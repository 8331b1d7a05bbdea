//! Many files verified with one request: what is asked for, and the lines of the answer.
//!
//! `POST /v1/verifications` takes files (`multipart/form-data`) or the names of licences
//! (`application/x-ndjson`, one [`Wanted`] a line) and answers `application/x-ndjson`: one
//! [`BatchLine`] for each file as soon as it is verified, progress in between, an end.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::verdict::Verdict;

/// Longest line of a request, in bytes: an identifier and the name of a permit need some 200.
pub const WANTED_BYTES_MAX: usize = 4 * 1024;

/// A licence whose file is to be verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Identifier of the licence.
    pub identifier: String,
    /// Name of the permit under which the file may be had.
    pub permit: String,
}

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "lowercase")]
pub enum BatchLine<'a> {
    /// What was found about one file.
    File(FileLine<'a>),
    /// How far the batch is.
    Progress(ProgressLine),
    /// The last line. An answer without one was cut off.
    End(EndLine),
}

/// What was found about one file: a verdict or a problem.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FileLine<'a> {
    /// Place in the request, from 0.
    pub index: u64,
    /// Name of the file as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Identifier of the licence as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// The verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Cow<'a, Verdict>>,
    /// Why there is none: a problem with a stable code (RFC 9457).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Map<String, Value>>,
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressLine {
    /// Files that were answered.
    pub done: u64,
    /// Files that came so far.
    pub received: u64,
    /// Files of the request; null while more may come.
    pub total: Option<u64>,
}

/// What a batch came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndLine {
    /// Files that were answered.
    pub done: u64,
    /// Of them valid.
    pub valid: u64,
    /// Of them invalid.
    pub invalid: u64,
    /// Of them indeterminate.
    pub indeterminate: u64,
    /// Of them without a verdict.
    pub refused: u64,
    /// Whether the whole request was read and everything in it answered.
    pub complete: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Map<String, Value>>,
}

impl EndLine {
    /// Counts the answer for one file; none when there is no verdict.
    pub fn count(&mut self, verdict: Option<&Verdict>) {
        use crate::verdict::Outcome::{Indeterminate, Invalid, Valid};
        self.done += 1;
        match verdict.map(|verdict| verdict.verdict) {
            Some(Valid) => self.valid += 1,
            Some(Invalid) => self.invalid += 1,
            Some(Indeterminate) => self.indeterminate += 1,
            None => self.refused += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sample: &str) -> BatchLine<'static> {
        let line: BatchLine<'static> = serde_json::from_str(sample).expect("a line");
        let value: Value = serde_json::from_str(sample).expect("JSON");
        assert_eq!(serde_json::to_value(&line).expect("JSON"), value);
        line
    }

    #[test]
    fn golden_lines_are_read_and_written_back() {
        let valid = check(include_str!("../samples/batch-line.v1.json"));
        let refused = check(include_str!("../samples/batch-line.v1.refused.json"));
        check(include_str!("../samples/batch-line.v1.progress.json"));
        let end = check(include_str!("../samples/batch-line.v1.end.json"));
        check(include_str!("../samples/batch-line.v1.broken-off.json"));
        let mut counted = EndLine {
            complete: true,
            ..EndLine::default()
        };
        for line in [valid, refused] {
            let BatchLine::File(line) = line else {
                panic!("{line:?}");
            };
            counted.count(line.verdict.as_deref());
        }
        assert_eq!(end, BatchLine::End(counted));
    }
}
