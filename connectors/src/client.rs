//! HTTP client for callers written in Rust: the `/v1` interface of their own node.
//!
//! Plain HTTP/1.1 to a node in the caller's own network, or to the gateway that ends TLS before
//! it. An answer that is not a success is [`ClientError::Refused`] with the node's stable code.
//! Many files in one request, sent and answered one by one: [`Client::verify_files`].

mod batch;
mod error;
mod upload;

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

pub use self::batch::{Batch, BatchError, LINE_BYTES_MAX};
pub use self::error::{ClientError, Problem};
pub use self::upload::Upload;

/// Largest answer that is read, in bytes: the largest file of a licence (64 MiB) and some
/// room for what a node may send around it.
pub const ANSWER_BYTES_MAX: usize = 65 * 1024 * 1024;

/// How long one attempt may take, answer included, unless the caller says otherwise: longer than
/// a node's own deadline for a file from another province.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a request is sent at most, when the node says that it is overloaded.
pub const ATTEMPTS_MAX: u32 = 3;

/// Longest pause that is made because a node asks for it; a longer one is the caller's decision.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

/// Client of one node.
#[derive(Clone)]
pub struct Client {
    base: Uri,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    http: legacy::Client<HttpConnector, Body>,
}

/// Body of a request or an answer.
type Body = UnsyncBoxBody<Bytes, io::Error>;

impl Client {
    /// Client of the node at `base`, for instance `http://127.0.0.1:8080`, with the caller's
    /// bearer token.
    ///
    /// # Errors
    /// `base` is not `http://host:port`, or the token has characters that no header may hold.
    pub fn new(base: &str, token: Option<&str>) -> Result<Self, ClientError> {
        const BASE: ClientError = ClientError::Malformed("the address of the node");
        let base: Uri = base.trim_end_matches('/').parse().map_err(|_| BASE)?;
        let is_plain = base.scheme() == Some(&Scheme::HTTP) && matches!(base.path(), "" | "/");
        if !is_plain || base.query().is_some() {
            return Err(BASE);
        }
        let authorization = match token {
            None => None,
            Some(token) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                    .map_err(|_| ClientError::Malformed("the token"))?;
                // Not shown in Debug output.
                value.set_sensitive(true);
                Some(value)
            }
        };
        let http = legacy::Client::builder(TokioExecutor::new()).build_http();
        Ok(Self {
            base,
            authorization,
            timeout: ATTEMPT_TIMEOUT,
            http,
        })
    }

    /// The same client with another time for one attempt; of a batch, for each wait.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends a request with an optional JSON body; the answer is JSON. `path` begins with `/` and
    /// may hold a query.
    ///
    /// # Errors
    /// The node refuses or is not reached; the answer is not JSON.
    pub async fn request_json(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, HeaderMap, Value), ClientError> {
        let body = body.map(|value| (Bytes::from(value.to_string()), "application/json"));
        let (status, headers, answer) =
            self.request(method, path, body, "application/json").await?;
        // An answer without content, for instance 204, is no JSON but no fault either.
        let value = if answer.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&answer).map_err(|_| ClientError::NotJson)?
        };
        Ok((status, headers, value))
    }

    /// Sends a request with an optional body of bytes and its content type; the answer is bytes.
    ///
    /// # Errors
    /// The node refuses or is not reached.
    pub async fn request_bytes(
        &self,
        method: Method,
        path: &str,
        body: Option<(Bytes, &str)>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), ClientError> {
        self.request(method, path, body, "*/*").await
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<(Bytes, &str)>,
        accept: &'static str,
    ) -> Result<(StatusCode, HeaderMap, Bytes), ClientError> {
        let mut attempt = 1;
        loop {
            let whole = body.clone().map(|(bytes, media_type)| {
                let body = Full::new(bytes).map_err(|never: Infallible| match never {});
                (body.boxed_unsync(), media_type)
            });
            let request = self.build(method.clone(), path, whole, accept)?;
            let answer = async { collected(self.send(request).await?).await };
            let (status, headers, answer) = tokio::time::timeout(self.timeout, answer)
                .await
                .map_err(|_| ClientError::TimedOut)??;
            if status.is_success() || status == StatusCode::NOT_MODIFIED {
                return Ok((status, headers, answer));
            }
            // Overload is answered before any work is done, so sending again repeats nothing.
            let pause = retry_after(&headers)
                .filter(|_| status == StatusCode::SERVICE_UNAVAILABLE && attempt < ATTEMPTS_MAX);
            let Some(pause) = pause else {
                return Err(ClientError::Refused(Box::new(Problem::read(
                    status, &answer,
                ))));
            };
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    fn build(
        &self,
        method: Method,
        path: &str,
        body: Option<(Body, &str)>,
        accept: &'static str,
    ) -> Result<Request<Body>, ClientError> {
        const PATH: ClientError = ClientError::Malformed("the path");
        let mut parts = self.base.clone().into_parts();
        let path: PathAndQuery = path.parse().map_err(|_| PATH)?;
        // Without the slash the path would become part of the host.
        if !path.as_str().starts_with('/') {
            return Err(PATH);
        }
        parts.path_and_query = Some(path);
        let uri = Uri::from_parts(parts).map_err(|_| PATH)?;
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header(ACCEPT, accept);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let body = match body {
            None => Body::default(),
            Some((body, content_type)) => {
                request = request.header(CONTENT_TYPE, content_type);
                body
            }
        };
        request
            .body(body)
            .map_err(|_| ClientError::Malformed("the request"))
    }

    /// Sends a request; the answer is there when its head is.
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, ClientError> {
        let response = self.http.request(request).await;
        let response = response.map_err(|error| ClientError::Unreachable(error.into()))?;
        Ok(response.map(|body| body.map_err(io::Error::other).boxed_unsync()))
    }
}

async fn collected(
    response: Response<Body>,
) -> Result<(StatusCode, HeaderMap, Bytes), ClientError> {
    let (head, body) = response.into_parts();
    let answer = Limited::new(body, ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                ClientError::TooLarge
            } else {
                ClientError::Unreachable(error)
            }
        })?;
    Ok((head.status, head.headers, answer.to_bytes()))
}

/// The pause that the node asks for, in seconds; none when it asks for none or for too long.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds)).filter(|pause| *pause <= RETRY_AFTER_MAX)
}

#[cfg(test)]
mod tests;
