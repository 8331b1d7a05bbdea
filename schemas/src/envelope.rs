//! The envelope of every bus message: CloudEvents 1.0 in binary mode plus the node signature.
//!
//! The attributes travel as record headers, the body is the record's value. `hubsig` names the
//! key and carries the origin node's signature over [`Envelope::signing_input`], which binds the
//! header lines, the topic and the digest of the body. \[P\] the header names beyond CloudEvents.

use chrono::{DateTime, SecondsFormat, Utc};

/// Longest header value that is accepted, in bytes: a signature needs under 200, one
/// that several messages share under 600.
pub const HEADER_BYTES_MAX: usize = 4096;

/// Largest body of one bus message, in bytes (ARCHITECTURE.md, Limits).
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Origin of what the operator of all nodes signs; no node has this name.
pub const OPERATOR: &str = "operator";

/// Header that carries the node signature: `keyid=<hex>;sig=<base64>`, or of several messages
/// together `keyid=<hex>;place=<index>/<count>;path=<base64>;sig=<base64>`.
pub const SIGNATURE_HEADER: &str = "hubsig";

/// Attributes of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Unique for ever: UUID version 7. A second message with the same id has no effect.
    pub id: String,
    /// Name of the origin node, CloudEvents `source` without its `/nodes/` prefix.
    pub origin: String,
    /// CloudEvents `type`; see [`MessageType`].
    pub message_type: MessageType,
    /// CloudEvents `subject`: the licence identifier or another public name.
    pub subject: Option<String>,
    /// When the origin made it.
    pub time: DateTime<Utc>,
    /// Node that is meant to read it; none for topics that everyone reads.
    pub recipient: Option<String>,
    /// Ties a reply to its request.
    pub correlation: Option<String>,
    /// After this time an answer is of no use to the requester.
    pub deadline: Option<DateTime<Utc>>,
}

/// Kinds of messages, as written in the CloudEvents `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// A new or changed directory entry: home node → national node.
    DirectoryChange,
    /// What the national node did with a change.
    DirectoryReceipt,
    /// Lookup of entries by identifier or by holder.
    LookupRequest,
    /// Answer to a lookup.
    LookupReply,
    /// Request for a file, to its home node.
    FileRequest,
    /// One chunk of a file.
    FileChunk,
    /// The home node does not hand the file out.
    FileRefusal,
    /// Something that is trusted, or no longer trusted.
    TrustItem,
    /// Question about the status of a seal, to its home node.
    SealRequest,
    /// Answer to it.
    SealReply,
    /// The national node asks a home node for a page of its present entries.
    SnapshotRequest,
    /// The page.
    SnapshotPage,
}

/// Why headers are not an envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// A required header is absent.
    #[error("header {0} is missing")]
    Missing(&'static str),
    /// A header stands twice: which one was signed would be a guess.
    #[error("header {0} stands twice")]
    Repeated(String),
    /// A header's value does not have the required form.
    #[error("header {0} is malformed")]
    Malformed(&'static str),
    /// A header is longer than [`HEADER_BYTES_MAX`].
    #[error("header {0} is too long")]
    TooLong(String),
    /// The CloudEvents version is not 1.0.
    #[error("unknown CloudEvents version")]
    Version,
    /// The message type is not known here.
    #[error("unknown message type")]
    UnknownType,
}

impl Envelope {
    /// The record headers, without the signature.
    #[must_use]
    pub fn to_headers(&self) -> Vec<(String, String)> {
        let mut headers = vec![
            ("ce_specversion".to_owned(), "1.0".to_owned()),
            ("ce_id".to_owned(), self.id.clone()),
            ("ce_source".to_owned(), format!("/nodes/{}", self.origin)),
            ("ce_type".to_owned(), self.message_type.as_str().to_owned()),
            ("ce_time".to_owned(), instant(self.time)),
        ];
        let optional = [
            ("ce_subject", self.subject.clone()),
            ("ce_recipient", self.recipient.clone()),
            ("ce_correlation", self.correlation.clone()),
            ("ce_deadline", self.deadline.map(instant)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                headers.push((name.to_owned(), value));
            }
        }
        headers
    }

    /// Reads the envelope from record headers; unknown headers are left alone.
    ///
    /// # Errors
    /// A required header that is missing, repeated, too long or malformed.
    pub fn from_headers(headers: &[(String, String)]) -> Result<Self, EnvelopeError> {
        if required(headers, "ce_specversion")? != "1.0" {
            return Err(EnvelopeError::Version);
        }
        let origin = required(headers, "ce_source")?
            .strip_prefix("/nodes/")
            .filter(|name| is_node_name(name))
            .ok_or(EnvelopeError::Malformed("ce_source"))?
            .to_owned();
        let deadline = match optional(headers, "ce_deadline")? {
            Some(text) => Some(parse_instant(text, "ce_deadline")?),
            None => None,
        };
        Ok(Self {
            id: required(headers, "ce_id")?.to_owned(),
            origin,
            message_type: MessageType::parse(required(headers, "ce_type")?)
                .ok_or(EnvelopeError::UnknownType)?,
            subject: optional(headers, "ce_subject")?.map(str::to_owned),
            time: parse_instant(required(headers, "ce_time")?, "ce_time")?,
            recipient: optional(headers, "ce_recipient")?.map(str::to_owned),
            correlation: optional(headers, "ce_correlation")?.map(str::to_owned),
            deadline,
        })
    }

    /// The bytes that the origin node signs: one `name:value` line per header in the order of
    /// [`Envelope::to_headers`], then the topic and the SM3 of the body in hex. \[P\]
    ///
    /// Values hold no line break: [`Envelope::from_headers`] refuses control characters.
    #[must_use]
    pub fn signing_input(&self, topic: &str, body_sm3: &str) -> Vec<u8> {
        let mut lines = String::from("hub-envelope-v1\n");
        for (name, value) in self.to_headers() {
            lines.push_str(&name);
            lines.push(':');
            lines.push_str(&value);
            lines.push('\n');
        }
        lines.push_str("topic:");
        lines.push_str(topic);
        lines.push_str("\nbody-sm3:");
        lines.push_str(body_sm3);
        lines.push('\n');
        lines.into_bytes()
    }
}

impl MessageType {
    const ALL: &[Self] = &[
        Self::DirectoryChange,
        Self::DirectoryReceipt,
        Self::LookupRequest,
        Self::LookupReply,
        Self::FileRequest,
        Self::FileChunk,
        Self::FileRefusal,
        Self::TrustItem,
        Self::SealRequest,
        Self::SealReply,
        Self::SnapshotRequest,
        Self::SnapshotPage,
    ];

    /// The CloudEvents `type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DirectoryChange => "hub.directory.change.v1",
            Self::DirectoryReceipt => "hub.directory.receipt.v1",
            Self::LookupRequest => "hub.lookup.request.v1",
            Self::LookupReply => "hub.lookup.reply.v1",
            Self::FileRequest => "hub.file.request.v1",
            Self::FileChunk => "hub.file.chunk.v1",
            Self::FileRefusal => "hub.file.refusal.v1",
            Self::TrustItem => "hub.trust.item.v1",
            Self::SealRequest => "hub.seal.request.v1",
            Self::SealReply => "hub.seal.reply.v1",
            Self::SnapshotRequest => "hub.snapshot.request.v1",
            Self::SnapshotPage => "hub.snapshot.page.v1",
        }
    }

    /// Reads a CloudEvents `type`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

/// Topic names.
pub mod topic {
    /// Changes of the directory, keyed by licence.
    pub const DIRECTORY_CHANGES: &str = "directory.changes";
    /// Receipts for changes.
    pub const DIRECTORY_RECEIPTS: &str = "directory.receipts";
    /// What is trusted, compacted by item name. One partition: items of all names are read in the
    /// order in which they were signed.
    pub const TRUST: &str = "trust";

    /// Requests to one node.
    #[must_use]
    pub fn requests(node: &str) -> String {
        format!("requests.{node}")
    }

    /// Replies to one node.
    #[must_use]
    pub fn replies(node: &str) -> String {
        format!("replies.{node}")
    }

    /// File chunks to one node.
    #[must_use]
    pub fn files(node: &str) -> String {
        format!("files.{node}")
    }

    /// Messages that one node could not use, with the reason.
    #[must_use]
    pub fn dead_letters(node: &str) -> String {
        format!("deadletter.{node}")
    }
}

/// Whether `name` can name a node: 1–63 characters of `a-z`, `0-9` and `-`.
#[must_use]
pub fn is_node_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn parse_instant(text: &str, name: &'static str) -> Result<DateTime<Utc>, EnvelopeError> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.with_timezone(&Utc))
        // Only the form that `instant` writes: a second spelling would break the signature.
        .ok()
        .filter(|time| instant(*time) == text)
        .ok_or(EnvelopeError::Malformed(name))
}

fn required<'a>(
    headers: &'a [(String, String)],
    name: &'static str,
) -> Result<&'a str, EnvelopeError> {
    optional(headers, name)?.ok_or(EnvelopeError::Missing(name))
}

fn optional<'a>(
    headers: &'a [(String, String)],
    name: &'static str,
) -> Result<Option<&'a str>, EnvelopeError> {
    let mut values = headers.iter().filter(|(found, _)| found == name);
    let Some((_, value)) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(EnvelopeError::Repeated(name.to_owned()));
    }
    if value.len() > HEADER_BYTES_MAX {
        return Err(EnvelopeError::TooLong(name.to_owned()));
    }
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(EnvelopeError::Malformed(name));
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Envelope {
        Envelope {
            id: "0190f1d2-7c1e-7000-8000-000000000001".to_owned(),
            origin: "zhejiang".to_owned(),
            message_type: MessageType::LookupRequest,
            subject: None,
            time: DateTime::from_timestamp(1_790_000_000, 5_000).expect("in range"),
            recipient: Some("national".to_owned()),
            correlation: Some("c-1".to_owned()),
            deadline: DateTime::from_timestamp(1_790_000_005, 0),
        }
    }

    #[test]
    fn headers_survive_a_round_trip() {
        let envelope = sample();
        assert_eq!(Envelope::from_headers(&envelope.to_headers()), Ok(envelope));
    }

    #[test]
    fn faulty_headers_are_refused_by_name() {
        let good = sample().to_headers();
        let mut missing = good.clone();
        missing.retain(|(name, _)| name != "ce_id");
        assert_eq!(
            Envelope::from_headers(&missing),
            Err(EnvelopeError::Missing("ce_id"))
        );

        let mut repeated = good.clone();
        repeated.push(("ce_id".to_owned(), "other".to_owned()));
        assert_eq!(
            Envelope::from_headers(&repeated),
            Err(EnvelopeError::Repeated("ce_id".to_owned()))
        );

        let mut line_break = good.clone();
        line_break[1].1 = "a\nce_source:/nodes/other".to_owned();
        assert_eq!(
            Envelope::from_headers(&line_break),
            Err(EnvelopeError::Malformed("ce_id"))
        );

        let mut unknown = good;
        unknown[3].1 = "hub.unknown.v9".to_owned();
        assert_eq!(
            Envelope::from_headers(&unknown),
            Err(EnvelopeError::UnknownType)
        );
    }

    #[test]
    fn the_signing_input_binds_topic_and_body() {
        let envelope = sample();
        assert_ne!(
            envelope.signing_input("a", "00"),
            envelope.signing_input("b", "00")
        );
        assert_ne!(
            envelope.signing_input("a", "00"),
            envelope.signing_input("a", "01")
        );
    }
}
