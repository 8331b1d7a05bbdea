//! Requests as bytes over TCP, and what comes back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest wait for a node to answer or to close: above its wait for a head, 15 seconds.
pub(in crate::wire) const PATIENCE: Duration = Duration::from_secs(40);

/// Sends bytes and reads until the node closes.
pub(in crate::wire) async fn ask(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    // The node may answer and close before it has read everything: what it says counts.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let answered = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset is an end as well.
    let _ = answered.expect("an answer or an end in time");
    answer
}
