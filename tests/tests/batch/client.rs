//! A client of batches: sends a body as it likes, reads the answer line by line.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpSocket;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Longest wait for the next line.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes of an answer that the system takes before they are read.
const RECEIVED_AHEAD_BYTES: u32 = 16 * 1024;

/// Between the files of a body.
pub(super) const BOUNDARY: &str = "between-the-files";

pub(super) const NDJSON: &str = "application/x-ndjson";

/// The media type of files.
pub(super) fn multipart() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

/// One file as a part.
pub(super) fn part(name: &str, file: &[u8]) -> Vec<u8> {
    let head = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         content-type: application/ofd\r\n\r\n"
    );
    [head.as_bytes(), file, b"\r\n"].concat()
}

/// What ends a body of parts.
pub(super) fn last() -> Vec<u8> {
    format!("--{BOUNDARY}--\r\n").into_bytes()
}

/// A request under way.
pub(super) struct Sending(pub(super) OwnedWriteHalf);

/// The answer while it comes.
pub(super) struct Answering {
    read: BufReader<OwnedReadHalf>,
    pub(super) status: u16,
    is_chunked: bool,
    rest: Vec<u8>,
}

/// Begins a request of many files; the body is of unknown length.
pub(super) async fn begin(
    address: SocketAddr,
    token: &str,
    media_type: &str,
) -> (Sending, BufReader<OwnedReadHalf>) {
    begin_at(address, "/v1/verifications", token, media_type).await
}

/// The same at another address of the interface.
pub(super) async fn begin_at(
    address: SocketAddr,
    path: &str,
    token: &str,
    media_type: &str,
) -> (Sending, BufReader<OwnedReadHalf>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    // What is not read waits at the node, not in buffers of the system.
    socket
        .set_recv_buffer_size(RECEIVED_AHEAD_BYTES)
        .expect("set");
    let stream = socket.connect(address).await.expect("connects");
    let (read, write) = stream.into_split();
    let mut sending = Sending(write);
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\
         authorization: Bearer {token}\r\ncontent-type: {media_type}\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    sending.0.write_all(head.as_bytes()).await.expect("sends");
    (sending, BufReader::new(read))
}

/// Sends a whole body and reads the whole answer at the same time.
pub(super) async fn ask(
    address: SocketAddr,
    token: &str,
    media_type: &str,
    body: Vec<u8>,
) -> (u16, Vec<Value>) {
    let (mut sending, read) = begin(address, token, media_type).await;
    let sent = tokio::spawn(async move {
        // Whoever is refused may find nobody who reads on.
        let _ = sending.send(&body).await;
        let _ = sending.end().await;
        // Open until the answer was read: an end of either half ends the request.
        sending
    });
    let mut answering = Answering::begin(read).await.expect("an answer");
    let mut lines = Vec::new();
    while let Some(line) = answering.line().await {
        lines.push(serde_json::from_str(&line).expect("JSON"));
    }
    drop(sent.await.expect("no panic"));
    (answering.status, lines)
}

impl Sending {
    /// Sends bytes of the body as one chunk.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let size = format!("{:x}\r\n", bytes.len());
        self.0.write_all(size.as_bytes()).await?;
        self.0.write_all(bytes).await?;
        self.0.write_all(b"\r\n").await
    }

    /// Ends the body.
    pub(super) async fn end(&mut self) -> std::io::Result<()> {
        self.0.write_all(b"0\r\n\r\n").await
    }
}

impl Answering {
    /// Reads the head; none when the connection ends before it.
    pub(super) async fn begin(mut read: BufReader<OwnedReadHalf>) -> Option<Self> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let line = tokio::time::timeout(PATIENCE, read.read_line(&mut head)).await;
            if line.expect("a head in time").unwrap_or(0) == 0 {
                return None;
            }
        }
        let status = head.get(9..12)?.parse().ok()?;
        Some(Self {
            is_chunked: head.contains("transfer-encoding: chunked"),
            read,
            status,
            rest: Vec::new(),
        })
    }

    /// The next line; none at the end, also where the connection broke.
    pub(super) async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return String::from_utf8(line).ok();
            }
            let piece = tokio::time::timeout(PATIENCE, self.piece()).await;
            let Some(piece) = piece.expect("a line in time") else {
                let rest = std::mem::take(&mut self.rest);
                return String::from_utf8(rest).ok().filter(|rest| !rest.is_empty());
            };
            self.rest.extend(piece);
        }
    }

    async fn piece(&mut self) -> Option<Vec<u8>> {
        if !self.is_chunked {
            let mut all = Vec::new();
            let _ = self.read.read_to_end(&mut all).await;
            return Some(all).filter(|all| !all.is_empty());
        }
        let mut size = String::new();
        self.read.read_line(&mut size).await.ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut piece = vec![0; size + 2];
        self.read.read_exact(&mut piece).await.ok()?;
        piece.truncate(size);
        Some(piece).filter(|piece| !piece.is_empty())
    }
}
