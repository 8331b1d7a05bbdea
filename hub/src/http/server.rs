//! Connections: how many at a time, how long a slow client may take, and their end.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Longest time for a client to send the head of its next request. It bounds idle connections
/// too, so that silent clients do not keep all places.
const HEAD_WAIT: Duration = Duration::from_secs(15);

/// Longest time in which a client takes nothing of an answer: a file of 64 MiB stands in memory
/// until it is taken.
const WRITE_WAIT: Duration = Duration::from_secs(30);

/// Largest head of a request, in bytes: token, permit and trace need some 2 KiB.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Wait after a connection could not be accepted, mostly because too many files are open.
const ACCEPT_WAIT: Duration = Duration::from_millis(200);

/// What connections may do.
pub(super) struct Bounds {
    /// Open connections; more wait in the system's queue.
    pub(super) connections: usize,
    /// How long requests in progress may take when the server stops.
    pub(super) drain: Duration,
    head_wait: Duration,
    write_wait: Duration,
}

impl Bounds {
    pub(super) fn new(connections: usize, drain: Duration) -> Self {
        Self {
            connections,
            drain,
            head_wait: HEAD_WAIT,
            write_wait: WRITE_WAIT,
        }
    }
}

/// Serves until `shutdown` completes, then lets requests in progress finish.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: &Bounds,
    shutdown: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let open = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, place) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.head_wait)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(
                TokioIo::new(Impatient::new(stream, bounds.write_wait)),
                TowerToHyperService::new(router.clone()),
            );
        let connection = open.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(cause) = connection.await {
                tracing::debug!(cause = %cause, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(bounds.drain, open.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests still in progress after the wait, abandoned");
    }
}

/// The next connection, when there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // Never closed, so there always is a place in the end.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written whole; waiting for more to send would only delay them.
                let _ = stream.set_nodelay(true);
                return (stream, place);
            }
            Err(cause) => {
                tracing::warn!(cause = %cause, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_WAIT).await;
            }
        }
    }
}

/// A stream that gives up on a peer who takes nothing for a while.
struct Impatient<S> {
    stream: S,
    wait: Duration,
    given_up: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncWrite + Unpin> Impatient<S> {
    fn new(stream: S, wait: Duration) -> Self {
        Self {
            stream,
            wait,
            given_up: None,
        }
    }

    /// Passes on what writing came to; while it came to nothing, time runs.
    fn bounded<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.given_up = None;
            return written;
        }
        let wait = self.wait;
        let given_up = self
            .given_up
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(wait)));
        ready!(given_up.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.bounded(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.bounded(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.bounded(shut, context)
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    const SOON: Duration = Duration::from_millis(50);
    const PATIENCE: Duration = Duration::from_secs(10);
    const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: hub\r\n\r\n";

    struct Server {
        address: std::net::SocketAddr,
        _stop: oneshot::Sender<()>,
    }

    impl Server {
        async fn start(connections: usize, answer: &'static str) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let router = Router::new().route("/", get(move || async move { answer }));
            let (_stop, stopped) = oneshot::channel();
            tokio::spawn(async move {
                let bounds = Bounds {
                    connections,
                    drain: SOON,
                    head_wait: SOON,
                    write_wait: SOON,
                };
                let stopped = async {
                    let _ = stopped.await;
                };
                serve(listener, router, &bounds, stopped).await;
            });
            Self { address, _stop }
        }

        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.expect("connects")
        }
    }

    async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
        // A reset is an end as well.
        let _ = read.expect("the server ends the connection");
        bytes
    }

    #[tokio::test]
    async fn a_client_that_does_not_finish_its_request_loses_its_connection() {
        let server = Server::start(1, "fine").await;
        let mut silent = server.connect().await;
        assert_eq!(read_all(&mut silent).await, b"");
        let mut slow = server.connect().await;
        slow.write_all(b"GET / HTTP/1.1\r\nhost:")
            .await
            .expect("writes");
        assert!(!read_all(&mut slow).await.ends_with(b"fine"));
        // The one place is free again.
        let mut prompt = server.connect().await;
        prompt.write_all(ASK).await.expect("writes");
        assert!(read_all(&mut prompt).await.ends_with(b"fine"));
    }

    #[tokio::test]
    async fn more_clients_than_places_wait_their_turn() {
        let server = Server::start(1, "fine").await;
        let (mut first, mut second) = (server.connect().await, server.connect().await);
        second.write_all(ASK).await.expect("writes");
        first.write_all(ASK).await.expect("writes");
        assert!(read_all(&mut first).await.ends_with(b"fine"));
        assert!(read_all(&mut second).await.ends_with(b"fine"));
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
        let (ours, theirs) = tokio::io::duplex(4);
        let mut ours = Impatient::new(ours, SOON);
        ours.write_all(b"four").await.expect("there is room");
        let refused = ours.write_all(b"more").await.expect_err("nobody reads");
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
        drop(theirs);
    }
}
