//! Why there is no answer of the wanted kind.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ANSWER_BYTES_MAX;
use super::batch::LINE_BYTES_MAX;

/// Longest title or detail of a problem that is kept, in characters.
const PROBLEM_CHARACTERS_MAX: usize = 2_000;

/// Why a node refuses, as it says itself: RFC 9457 with the node's stable code in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable code, for instance `PERMIT_DENIED`.
    pub code: String,
    /// HTTP status.
    pub status: u16,
    /// What happened, in one line.
    #[serde(default)]
    pub title: String,
    /// What happened here.
    #[serde(default)]
    pub detail: String,
    /// What happened, in Chinese.
    #[serde(default)]
    pub zh: String,
    /// What happened, in English.
    #[serde(default)]
    pub en: String,
    /// What to do next, in Chinese.
    #[serde(default)]
    pub next_zh: String,
    /// What to do next, in English.
    #[serde(default)]
    pub next_en: String,
    /// Whose side the cause is on.
    #[serde(default)]
    pub side: String,
    /// What the node says besides, for instance the rule of a denial or the verdict on a file.
    #[serde(flatten)]
    pub members: serde_json::Map<String, Value>,
}

/// Why there is no answer of the wanted kind.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The node's address or the token cannot be used.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// The node cannot be reached, or the connection broke.
    #[error("the node cannot be reached: {0}")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer in time.
    #[error("the node did not answer in time")]
    TimedOut,
    /// The answer is larger than [`ANSWER_BYTES_MAX`].
    #[error("the answer is larger than {ANSWER_BYTES_MAX} bytes")]
    TooLarge,
    /// The answer is not JSON where JSON was asked for.
    #[error("the answer is not JSON")]
    NotJson,
    /// The node refuses.
    #[error("the node refuses: {} ({})", .0.code, .0.status)]
    Refused(Box<Problem>),
    /// The lines of an answer ended without the last one.
    #[error("the answer broke off")]
    BrokenOff(#[source] Option<std::io::Error>),
    /// A line of an answer is longer than [`LINE_BYTES_MAX`].
    #[error("a line of the answer is longer than {LINE_BYTES_MAX} bytes")]
    LineTooLong,
    /// A line of an answer is none of those that are known.
    #[error("the answer has a line of an unknown kind")]
    NotALine,
    /// A file that was to be sent cannot be read; nothing behind it was sent.
    #[error("{name} cannot be read")]
    Unreadable {
        /// Name of the file as it was to be sent.
        name: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

impl ClientError {
    /// Stable code; of a refusal the node's own.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Malformed(_) => "CLIENT_MALFORMED",
            Self::Unreachable(_) => "CLIENT_UNREACHABLE",
            Self::TimedOut => "CLIENT_TIMEOUT",
            Self::TooLarge => "CLIENT_ANSWER_TOO_LARGE",
            Self::NotJson => "CLIENT_NOT_JSON",
            Self::Refused(problem) => &problem.code,
            Self::BrokenOff(_) => "CLIENT_ANSWER_BROKEN_OFF",
            Self::LineTooLong => "CLIENT_LINE_TOO_LONG",
            Self::NotALine => "CLIENT_LINE_MALFORMED",
            Self::Unreadable { .. } => "CLIENT_FILE_UNREADABLE",
        }
    }
}

impl Problem {
    /// Reads a problem body; what is not one still gives the status.
    pub(super) fn read(status: StatusCode, body: &[u8]) -> Self {
        let mut problem = serde_json::from_slice(body).unwrap_or_else(|_| Self {
            code: format!("HTTP_{}", status.as_u16()),
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            detail: String::new(),
            zh: String::new(),
            en: String::new(),
            next_zh: String::new(),
            next_en: String::new(),
            side: String::new(),
            members: serde_json::Map::new(),
        });
        for text in [
            &mut problem.title,
            &mut problem.detail,
            &mut problem.zh,
            &mut problem.en,
            &mut problem.next_zh,
            &mut problem.next_en,
        ] {
            if let Some((end, _)) = text.char_indices().nth(PROBLEM_CHARACTERS_MAX) {
                text.truncate(end);
            }
        }
        problem
    }
}
