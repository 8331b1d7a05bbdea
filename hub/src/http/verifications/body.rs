//! The body of a request, part by part, never waiting for ever.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;

use crate::http::fault::BatchFault;

/// Longest wait for the next bytes of a body: as long as a client may take nothing of an answer.
const READ_WAIT: Duration = Duration::from_secs(30);

/// A body while it comes.
pub(super) struct Body {
    body: axum::body::Body,
    /// What was read before the answer was begun.
    first: Option<Bytes>,
    read_wait: Duration,
}

impl Body {
    pub(super) fn new(body: axum::body::Body) -> Self {
        Self {
            body,
            first: None,
            read_wait: READ_WAIT,
        }
    }

    /// Waits for the first bytes; none where the body is empty. A client that asks before it sends
    /// (RFC 9110 §10.1.1) is told to go on when its body is read, and no more once the answer has
    /// begun.
    ///
    /// # Errors
    /// As [`Body::next`].
    pub(super) async fn begun(mut self) -> Result<Option<Self>, BatchFault> {
        self.first = self.next().await?;
        Ok(self.first.is_some().then_some(self))
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// Nothing comes for a long time, or the connection breaks.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, BatchFault> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        loop {
            let frame = tokio::time::timeout(self.read_wait, self.body.frame())
                .await
                .map_err(|_| BatchFault::Stalled)?;
            match frame {
                None => return Ok(None),
                Some(Err(_)) => return Err(BatchFault::BrokenOff),
                // Trailers are no part of a file.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io;

    use futures_util::{StreamExt as _, stream};

    use super::*;

    #[tokio::test]
    async fn a_body_that_stalls_or_breaks_is_told_from_one_that_ends() {
        let first = || stream::iter([Ok::<_, io::Error>("first")]);
        let read = async |body: axum::body::Body| {
            let mut body = Body::new(body);
            body.read_wait = Duration::from_millis(20);
            assert_eq!(body.next().await.expect("comes").expect("bytes"), "first");
            body.next().await.map(|more| more.is_some())
        };
        let ends = axum::body::Body::from_stream(first());
        assert_eq!(read(ends).await, Ok(false));
        let stalls = first().chain(stream::pending());
        let stalls = axum::body::Body::from_stream(stalls);
        assert_eq!(read(stalls).await, Err(BatchFault::Stalled));
        let breaks = first().chain(stream::iter([Err(io::ErrorKind::ConnectionReset.into())]));
        let breaks = axum::body::Body::from_stream(breaks);
        assert_eq!(read(breaks).await, Err(BatchFault::BrokenOff));
        let empty = stream::empty::<Result<&str, Infallible>>();
        let mut body = Body::new(axum::body::Body::from_stream(empty));
        assert_eq!(body.next().await, Ok(None));
    }
}
