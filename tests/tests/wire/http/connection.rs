//! Requests as bytes over TCP, and what comes back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest wait for a node to answer or to close: above its wait for a head, 15 seconds.
pub(in crate::wire) const PATIENCE: Duration = Duration::from_secs(40);

/// Sends bytes and reads until the node closes.
pub(in crate::wire) async fn ask(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    send(address, request, false).await
}

/// The same; the sender may end its half after the request.
pub(in crate::wire) async fn send(address: SocketAddr, request: &[u8], ends: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    // The node may answer and close before it has read everything: what it says counts.
    let _ = stream.write_all(request).await;
    if ends {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let answered = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset is an end as well.
    let _ = answered.expect("an answer or an end in time");
    answer
}

/// One answer.
pub(in crate::wire) struct Answer {
    pub(in crate::wire) status: u16,
    headers: Vec<(String, String)>,
    pub(in crate::wire) text: String,
}

impl Answer {
    /// Reads an answer that ends with its connection; none when there is none.
    pub(in crate::wire) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?;
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        Some(Self {
            status: status.parse().ok()?,
            headers: headers.collect(),
            text: body.to_owned(),
        })
    }

    /// A header by its name in lower case.
    pub(in crate::wire) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }
}
