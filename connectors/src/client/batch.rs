//! Many files or licences in one request (`POST /v1/verifications`), answered line by line.
//!
//! The body is made while it is sent and the answer read as it comes, so a batch of any size takes
//! the memory of one file. Nothing is sent twice: what the node refuses as a whole, also because
//! it is overloaded, is for the caller to send again.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream};
use http::header::{EXPECT, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use schemas::verdict::Profile;
use schemas::verification::{BatchLine, Wanted};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::upload::{Parts, Upload};
use super::{Body, Client, ClientError, Problem, collected};

/// Longest line of an answer, in bytes: a verdict has some ten KiB, one on a file with as many
/// signatures as are read a few MiB at most. \[P\]
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long the body is held back for the node to say that it wants it. A node does, or refuses
/// without taking a byte; only what stands between may keep it to itself (RFC 9110 §10.1.1).
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// The port of an address that names none.
const HTTP_PORT: u16 = 80;

/// Media type of lines, in both directions.
const NDJSON: &str = "application/x-ndjson";

/// The answer to a batch, line by line as it comes. Whoever drops it ends the batch: the node
/// goes on with no file that it has not begun.
pub struct Batch {
    body: Body,
    /// What came after the last line that was taken.
    rest: BytesMut,
    /// Bytes of it in which no line ends.
    searched: usize,
    lines: u64,
    is_over: bool,
    timeout: Duration,
    unreadable: Unreadable,
    /// Ends with this.
    connection: JoinSet<()>,
}

/// Why the rest of an answer does not come.
#[derive(Debug, thiserror::Error)]
#[error("{cause}; {lines} lines came before")]
pub struct BatchError {
    /// Lines that were received.
    pub lines: u64,
    /// What went wrong.
    #[source]
    pub cause: ClientError,
}

/// Why no more is sent, told by the sending side.
#[derive(Clone, Default)]
struct Unreadable(Arc<Mutex<Option<ClientError>>>);

impl Client {
    /// Has many files verified in one request. Each is read when its turn comes, and only as fast
    /// as the node takes it; an iterator of files is [`stream::iter`] of it.
    ///
    /// The time of this client ([`Client::with_timeout`]) is not for the whole but for each wait:
    /// until the node begins to answer, then from one piece of the answer to the next. A node says
    /// every two seconds how far it is, however slowly the files come.
    ///
    /// # Errors
    /// The node refuses or is not reached; the first file cannot be read.
    pub async fn verify_files<S>(&self, profile: Profile, files: S) -> Result<Batch, ClientError>
    where
        S: Stream<Item = Upload> + Send + 'static,
    {
        let parts = Parts::new(files);
        let media_type = parts.media_type();
        let pieces = stream::unfold(parts, |mut parts| async {
            let piece = parts.next().await.transpose()?;
            Some((piece, parts))
        });
        self.begin(profile, &media_type, pieces).await
    }

    /// Has the files of many licences verified in one request, each under a permit. Times are as
    /// for [`Client::verify_files`].
    ///
    /// # Errors
    /// The node refuses or is not reached.
    pub async fn verify_licences<S>(
        &self,
        profile: Profile,
        licences: S,
    ) -> Result<Batch, ClientError>
    where
        S: Stream<Item = Wanted> + Send + 'static,
    {
        let lines = licences.map(|wanted| {
            let line = serde_json::to_string(&wanted);
            let line = line.map_err(|_| ClientError::Malformed("a licence"))?;
            Ok(Bytes::from(line + "\n"))
        });
        self.begin(profile, NDJSON, lines).await
    }

    async fn begin(
        &self,
        profile: Profile,
        media_type: &str,
        pieces: impl Stream<Item = Result<Bytes, ClientError>> + Send + 'static,
    ) -> Result<Batch, ClientError> {
        let (wanted, unreadable) = (Arc::new(Notify::new()), Unreadable::default());
        let (told, noted) = (Arc::clone(&wanted), unreadable.clone());
        let pieces = async move {
            let _ = tokio::time::timeout(CONTINUE_WAIT, told.notified()).await;
            pieces
        };
        let frames = stream::once(pieces).flatten().map(move |piece| {
            piece.map(Frame::data).map_err(|error| {
                let text = error.to_string();
                noted.put(error);
                io::Error::other(text)
            })
        });
        let path = match profile {
            Profile::Licence => "/v1/verifications?profile=licence",
            Profile::General => "/v1/verifications?profile=general",
        };
        let body = StreamBody::new(frames).boxed_unsync();
        let mut request = self.build(Method::POST, path, Some((body, media_type)), NDJSON)?;
        let asks = HeaderValue::from_static("100-continue");
        request.headers_mut().insert(EXPECT, asks);
        hyper::ext::on_informational(&mut request, move |answer| {
            if answer.status() == StatusCode::CONTINUE {
                wanted.notify_one();
            }
        });
        let answer = tokio::time::timeout(self.timeout, self.send_alone(request)).await;
        let answer = answer.map_err(|_| ClientError::TimedOut)?;
        let (answer, connection) = answer.map_err(|error| unreadable.take().unwrap_or(error))?;
        if !answer.status().is_success() {
            return Err(self.refusal(answer).await);
        }
        Ok(Batch {
            body: answer.into_body(),
            rest: BytesMut::new(),
            searched: 0,
            lines: 0,
            is_over: false,
            timeout: self.timeout,
            unreadable,
            connection,
        })
    }

    /// Sends a request over a connection of its own, which ends with the set. In a shared one the
    /// body would be sent on when nobody waits for the answer any more.
    async fn send_alone(
        &self,
        mut request: Request<Body>,
    ) -> Result<(Response<Body>, JoinSet<()>), ClientError> {
        const BASE: ClientError = ClientError::Malformed("the address of the node");
        let (Some(host), Some(authority)) = (self.base.host(), self.base.authority()) else {
            return Err(BASE);
        };
        let host = host.trim_matches(['[', ']']);
        let port = self.base.port_u16().unwrap_or(HTTP_PORT);
        let stream = TcpStream::connect((host, port)).await;
        let stream = stream.map_err(|error| ClientError::Unreachable(error.into()))?;
        let unreachable = |error: hyper::Error| ClientError::Unreachable(error.into());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(unreachable)?;
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            // What becomes of it the answer says.
            let _ = connection.await;
        });
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| BASE)?;
        request.headers_mut().insert(HOST, host);
        // The form for a server itself, RFC 9112 §3.2.1.
        if let Some(path) = request.uri().path_and_query().cloned() {
            *request.uri_mut() = Uri::from(path);
        }
        let answer = sender.send_request(request).await.map_err(unreachable)?;
        let answer = answer.map(|body| body.map_err(io::Error::other).boxed_unsync());
        Ok((answer, connections))
    }

    /// What the node says; where that does not come, its status alone.
    async fn refusal(&self, answer: Response<Body>) -> ClientError {
        let status = answer.status();
        let read = tokio::time::timeout(self.timeout, collected(answer)).await;
        let text = match read {
            Ok(Ok((_, _, text))) => text,
            Ok(Err(_)) | Err(_) => Bytes::new(),
        };
        ClientError::Refused(Box::new(Problem::read(status, &text)))
    }
}

impl Batch {
    /// The next line; none after the end and after an error. A line `end` that is not `complete`
    /// is a line and no error: it says why.
    ///
    /// May be given up and called again: nothing is lost.
    pub async fn next(&mut self) -> Option<Result<BatchLine<'static>, BatchError>> {
        if self.is_over {
            return None;
        }
        let line = self.line().await;
        match &line {
            Ok(line) => {
                self.lines += 1;
                self.is_over = matches!(line, BatchLine::End(_));
            }
            Err(_) => {
                self.is_over = true;
                // Ends the sending, too.
                self.connection.abort_all();
            }
        }
        let lines = self.lines;
        Some(line.map_err(|cause| BatchError { lines, cause }))
    }

    async fn line(&mut self) -> Result<BatchLine<'static>, ClientError> {
        let text = loop {
            if let Some(text) = self.whole_line() {
                break text;
            }
            if self.rest.len() > LINE_BYTES_MAX {
                return Err(ClientError::LineTooLong);
            }
            let frame = tokio::time::timeout(self.timeout, self.body.frame()).await;
            match frame.map_err(|_| ClientError::TimedOut)? {
                Some(Ok(frame)) => {
                    // Trailers are no part of a line.
                    if let Ok(data) = frame.into_data() {
                        self.rest.extend_from_slice(&data);
                    }
                }
                Some(Err(cause)) => return Err(self.broken_off(Some(cause))),
                None => return Err(self.broken_off(None)),
            }
        };
        if text.len() > LINE_BYTES_MAX {
            return Err(ClientError::LineTooLong);
        }
        let line = serde_json::from_slice(&text).map_err(|_| ClientError::NotALine)?;
        match &line {
            // Either is there, never both.
            BatchLine::File(file) if file.verdict.is_some() == file.problem.is_some() => {
                Err(ClientError::NotALine)
            }
            _ => Ok(line),
        }
    }

    fn whole_line(&mut self) -> Option<BytesMut> {
        let mut unsearched = self.rest.iter().skip(self.searched);
        match unsearched.position(|byte| *byte == b'\n') {
            Some(after) => {
                let line = self.rest.split_to(self.searched + after + 1);
                self.searched = 0;
                Some(line)
            }
            None => {
                self.searched = self.rest.len();
                None
            }
        }
    }

    fn broken_off(&self, cause: Option<io::Error>) -> ClientError {
        let own = self.unreadable.take();
        own.unwrap_or(ClientError::BrokenOff(cause))
    }
}

impl BatchError {
    /// Stable code, as [`ClientError::code`].
    #[must_use]
    pub fn code(&self) -> &str {
        self.cause.code()
    }
}

impl Unreadable {
    fn put(&self, error: ClientError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    fn take(&self) -> Option<ClientError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut batch = formatter.debug_struct("Batch");
        batch.field("lines", &self.lines).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
