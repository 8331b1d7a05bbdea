//! A node of the demo inside this process.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use connectors::bus::Bus;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::process::ServeProcess;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::node::{Node, Running};

/// Where a node of the demo runs.
pub(super) enum Host {
    /// In this process.
    Here(Box<Hosted>),
    /// In a process of its own, which registers its library by itself.
    Process(ServeProcess),
}

/// A node in this process, serving.
pub(super) struct Hosted {
    /// The node.
    pub(super) node: Arc<Node>,
    /// Where its HTTP face listens.
    pub(super) address: SocketAddr,
    running: Running,
    stop: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
}

impl Hosted {
    /// Starts the node and its HTTP face.
    ///
    /// # Errors
    /// A node that does not start, an address that is taken.
    pub(super) async fn start(config: Config, bus: Arc<dyn Bus>) -> anyhow::Result<Self> {
        let name = config.node.name.clone();
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("address {}", config.listen))?;
        let address = listener.local_addr()?;
        let running = Node::start(config.node, bus, Arc::new(SystemClock))
            .await
            .with_context(|| format!("node {name}"))?;
        let node = Arc::clone(&running.node);
        let stop = CancellationToken::new();
        let shutdown = stop.clone().cancelled_owned();
        let served = tokio::spawn(crate::http::serve(listener, Arc::clone(&node), shutdown));
        Ok(Self {
            node,
            address,
            running,
            stop,
            served,
        })
    }

    /// Stops serving, lets requests finish, stops the node.
    ///
    /// # Errors
    /// A server that failed before.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.served
            .await
            .context("the server's task")?
            .context("the server")?;
        // Dropped first: the node closes its database when the last user is gone.
        drop(self.node);
        self.running.shutdown().await;
        Ok(())
    }
}
