//! Lines that name licences whose files are to be verified.

use bytes::{Buf as _, BytesMut};
use schemas::identifier::Identifier;
use schemas::verification::{WANTED_BYTES_MAX, Wanted};

use super::batch::{Item, Work};
use super::body::Body;
use super::{Fault, bad_request};
use crate::http::fault::BatchFault;

/// The lines of a body.
pub(super) struct Licences {
    body: Body,
    read: BytesMut,
    is_at_end: bool,
}

impl Licences {
    pub(super) fn new(body: Body) -> Self {
        Self {
            body,
            read: BytesMut::new(),
            is_at_end: false,
        }
    }

    /// The next line that is not empty.
    ///
    /// # Errors
    /// A line without end; the body breaks off.
    pub(super) async fn next(&mut self) -> Result<Option<Item>, Fault> {
        loop {
            let Some(line) = self.line().await.map_err(Fault::Batch)? else {
                return Ok(None);
            };
            if !line.trim_ascii().is_empty() {
                return Ok(Some(item(&line)));
            }
        }
    }

    async fn line(&mut self) -> Result<Option<BytesMut>, BatchFault> {
        let mut looked_at = 0;
        loop {
            let rest = self.read.get(looked_at..).unwrap_or_default();
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(looked_at + end);
                self.read.advance(1);
                return within(line).map(Some);
            }
            looked_at = self.read.len();
            if looked_at > WANTED_BYTES_MAX {
                return Err(BatchFault::Line);
            }
            if self.is_at_end {
                let line = self.read.split();
                return Ok(Some(line).filter(|line| !line.is_empty()));
            }
            match self.body.next().await? {
                Some(part) => self.read.extend_from_slice(&part),
                None => self.is_at_end = true,
            }
        }
    }
}

fn within(line: BytesMut) -> Result<BytesMut, BatchFault> {
    if line.len() > WANTED_BYTES_MAX {
        return Err(BatchFault::Line);
    }
    Ok(line)
}

/// What a line asks for; what it says is not repeated where it cannot be understood.
fn item(line: &[u8]) -> Item {
    let Ok(wanted) = serde_json::from_slice::<Wanted>(line) else {
        return Item::refused(Fault::Batch(BatchFault::Line));
    };
    let work = match Identifier::parse_lenient(&wanted.identifier) {
        Ok((identifier, _deviations)) => Ok(Work::Licence {
            identifier,
            permit: wanted.permit,
        }),
        Err(cause) => Err(bad_request(cause.code(), "identifier")),
    };
    Item {
        name: None,
        identifier: Some(wanted.identifier),
        work,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LICENCE: &str =
        "1.2.156.3005.2.11990000MB999999XE001.11330100MB990003XJ.2024330000000001.001.H";

    /// What comes of a body in so large parts: codes, `OK`, and how it ends.
    async fn read(body: &str, part: usize) -> Vec<&'static str> {
        let parts: Vec<Result<Vec<u8>, std::convert::Infallible>> = body
            .as_bytes()
            .chunks(part)
            .map(|part| Ok(part.to_vec()))
            .collect();
        let stream = futures_util::stream::iter(parts);
        let mut lines = Licences::new(Body::new(axum::body::Body::from_stream(stream)));
        let mut found = Vec::new();
        loop {
            match lines.next().await {
                Ok(Some(item)) => found.push(item.work.map_or_else(|fault| fault.code(), |_| "OK")),
                Ok(None) => break,
                Err(fault) => {
                    found.extend(["broken", fault.code()]);
                    break;
                }
            }
        }
        found
    }

    #[tokio::test]
    async fn lines_are_read_however_they_are_cut() {
        let good = format!("{{\"identifier\":\"{LICENCE}\",\"permit\":\"p\"}}");
        let odd = format!("{{\"identifier\":\"{LICENCE}\",\"permit\":\"p\",\"x\":1}}");
        let body = format!(
            "{good}\n\n \r\n{good}\r\n{odd}\n[]\n{{\"identifier\":\"1\",\"permit\":\"p\"}}\n{good}"
        );
        for part in [1, 7, 64, 10_000] {
            let malformed = "BATCH_LINE_MALFORMED";
            let expected = ["OK", "OK", malformed, malformed, "ID_ROOT", "OK"];
            assert_eq!(read(&body, part).await, expected, "in parts of {part}");
        }
        assert!(read("", 1).await.is_empty());
    }

    #[tokio::test]
    async fn a_line_without_end_ends_the_batch() {
        let line = "x".repeat(WANTED_BYTES_MAX + 1);
        for body in [line.clone(), format!("{line}\n{{}}")] {
            for part in [100, 100_000] {
                let expected = ["broken", "BATCH_LINE_MALFORMED"];
                assert_eq!(read(&body, part).await, expected, "in parts of {part}");
            }
        }
    }
}
