//! A line between a program and a server that can be slow, thin, or cut: a TCP proxy of this
//! process. (The kernel's own `netem` is not there on every machine.)
//!
//! What is cut swallows everything, as a network that lost its route does: no connection is closed,
//! none is refused, and what was on its way arrives once the line is healed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Bytes read at a time: small against a second of a thin line.
const PIECE_BYTES: usize = 16 * 1024;

/// Pieces on their way at the same time, per direction of a connection: what a second of 3 Mbit/s
/// holds some times over. More wait in the sender's own socket.
const PIECES_MAX: usize = 64;

/// What a line does to what is sent over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Time that everything is under way, in each direction.
    pub delay: Duration,
    /// Bytes per second, of all connections together, in each direction; none: as fast as it goes.
    pub bytes_per_s: Option<u32>,
    /// Whether nothing arrives at all.
    pub is_cut: bool,
}

/// The line as it is without a fault.
pub const HEALED: Line = Line {
    delay: Duration::ZERO,
    bytes_per_s: None,
    is_cut: false,
};

/// One line. Dropped, its connections are closed.
pub struct Proxy {
    address: SocketAddr,
    line: watch::Sender<Line>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// A line to `server`; listens at `port` of this machine, at any free one for 0.
    ///
    /// # Panics
    /// When the port is taken.
    pub async fn start(port: u16, server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await;
        let listener = listener.expect("a port for the line");
        let address = listener.local_addr().expect("an address");
        let (line, state) = watch::channel(HEALED);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, state));
        Self {
            address,
            line,
            _tasks: tasks,
        }
    }

    /// Where programs reach the server over this line.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the line.
    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }

    /// Nothing arrives any more, until it is healed.
    pub fn cut(&self) {
        self.line.send_modify(|line| line.is_cut = true);
    }

    /// The line is as without a fault.
    pub fn heal(&self) {
        self.set(HEALED);
    }
}

/// When the line has room again; of all connections in one direction.
type FreeAt = Arc<Mutex<Instant>>;

async fn accept(listener: TcpListener, server: SocketAddr, line: watch::Receiver<Line>) {
    let (up, down) = (free_now(), free_now());
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (line, up, down) = (line.clone(), Arc::clone(&up), Arc::clone(&down));
        connections.spawn(connect(client, server, line, up, down));
        while connections.try_join_next().is_some() {}
    }
}

async fn connect(
    client: TcpStream,
    server: SocketAddr,
    mut line: watch::Receiver<Line>,
    up: FreeAt,
    down: FreeAt,
) {
    // Nothing gets through to the server, not even the wish to connect.
    if line.wait_for(|line| !line.is_cut).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
    }
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    // Either direction that ends ends the connection, after what is under way has arrived.
    tokio::join!(
        carry(client_reads, server_writes, line.clone(), up),
        carry(server_reads, client_writes, line, down),
    );
}

/// Carries one direction until its sender is done or its receiver gone.
async fn carry(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    line: watch::Receiver<Line>,
    free_at: FreeAt,
) {
    let (pieces, waiting) = mpsc::channel(PIECES_MAX);
    tokio::join!(
        take_up(from, pieces, line.clone(), free_at),
        hand_over(waiting, to, line)
    );
}

async fn take_up(
    mut from: OwnedReadHalf,
    pieces: mpsc::Sender<(Instant, Vec<u8>)>,
    line: watch::Receiver<Line>,
    free_at: FreeAt,
) {
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or(0),
            () = pieces.closed() => 0,
        };
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else {
            return;
        };
        let arrives = arrival(*line.borrow(), piece.len(), &free_at);
        if pieces.send((arrives, piece.to_vec())).await.is_err() {
            return;
        }
    }
}

async fn hand_over(
    mut waiting: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut to: OwnedWriteHalf,
    mut line: watch::Receiver<Line>,
) {
    while let Some((arrives, piece)) = waiting.recv().await {
        tokio::time::sleep_until(arrives).await;
        if line.wait_for(|line| !line.is_cut).await.is_err() || to.write_all(&piece).await.is_err()
        {
            return;
        }
    }
    let _ = to.shutdown().await;
}

/// When so many bytes that set out now arrive.
fn arrival(line: Line, bytes: usize, free_at: &FreeAt) -> Instant {
    let now = Instant::now();
    let Some(bytes_per_s) = line.bytes_per_s else {
        return now + line.delay;
    };
    let mut free_at = free_at.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    let takes = Duration::from_secs_f64(f64::from(bytes) / f64::from(bytes_per_s));
    *free_at = now.max(*free_at) + takes;
    *free_at + line.delay
}

fn free_now() -> FreeAt {
    Arc::new(Mutex::new(Instant::now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(40);

    /// A server that sends back what it gets.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut reads, mut writes) = stream.split();
                    let _ = tokio::io::copy(&mut reads, &mut writes).await;
                });
            }
        });
        address
    }

    async fn ask(stream: &mut TcpStream, bytes: usize) -> Duration {
        let started = Instant::now();
        let text = vec![7; bytes];
        let mut back = vec![0; bytes];
        stream.write_all(&text).await.expect("sent");
        stream.read_exact(&mut back).await.expect("answered");
        assert_eq!(back, text);
        started.elapsed()
    }

    #[tokio::test]
    async fn a_line_is_as_slow_and_thin_as_it_is_set() {
        let proxy = Proxy::start(0, echo().await).await;
        let mut stream = TcpStream::connect(proxy.address())
            .await
            .expect("connected");
        ask(&mut stream, 100).await;
        proxy.set(Line {
            delay: DELAY,
            bytes_per_s: Some(100_000),
            is_cut: false,
        });
        // There and back, and as long as the bytes take; at least, so no machine is too slow.
        let least = DELAY * 2 + Duration::from_millis(100);
        assert!(ask(&mut stream, 10_000).await >= least);
    }

    #[tokio::test]
    async fn what_was_sent_over_a_cut_line_arrives_when_it_is_healed() {
        let proxy = Proxy::start(0, echo().await).await;
        let mut stream = TcpStream::connect(proxy.address())
            .await
            .expect("connected");
        ask(&mut stream, 100).await;
        proxy.cut();
        stream.write_all(b"question").await.expect("taken");
        let mut answer = [0; 8];
        let waited = tokio::time::timeout(DELAY, stream.read_exact(&mut answer)).await;
        assert!(waited.is_err(), "the cut line let something through");
        proxy.heal();
        stream.read_exact(&mut answer).await.expect("answered");
        assert_eq!(&answer, b"question");
    }
}
