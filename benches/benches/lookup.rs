//! Cached lookup over HTTP, with its durable record, against an empty axum handler served and
//! asked in the same way.

#![expect(clippy::expect_used, reason = "what cannot be set up ends the bench")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use benches::{Rate, compare};
use connectors::client::Client;
use http::Method;
use tests::{SICHUAN, TOKEN, TestHub};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Time of one round.
const ROUND: Duration = Duration::from_secs(2);

/// Connections that ask at the same time.
const CONNECTIONS: usize = 32;

fn main() {
    let runtime = Runtime::new().expect("runtime");
    let hub = runtime.block_on(async {
        let hub = TestHub::start(100, 0).await;
        hub.sync().await;
        hub
    });
    let node = Arc::clone(hub.node(SICHUAN));
    let ours = runtime.block_on(serve(hub::http::router(node)));
    let empty = runtime.block_on(serve(Router::new().route("/", get(|| async { "" }))));
    let path = format!("/v1/licences/{}", hub.identifier(0));
    println!("{CONNECTIONS} connections on the same machine, server and clients in one process");
    compare(
        "cached lookup over HTTP",
        ("cached lookup with its durable record", &mut || {
            runtime.block_on(ask(&ours, &path))
        }),
        ("empty axum handler", &mut || {
            runtime.block_on(ask(&empty, "/"))
        }),
    );
    runtime.block_on(hub.stop());
}

/// Serves on any free port until the process ends; answers the address.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// Asks from all connections until the round is over.
async fn ask(base: &str, path: &str) -> Rate {
    let started = Instant::now();
    let askers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let client = Client::new(base, Some(TOKEN)).expect("client");
            let path = path.to_owned();
            tokio::spawn(async move {
                let mut operations = 0;
                while started.elapsed() < ROUND {
                    client
                        .request_bytes(Method::GET, &path, None)
                        .await
                        .expect("an answer");
                    operations += 1;
                }
                operations
            })
        })
        .collect();
    let mut operations = 0;
    for asker in askers {
        operations += asker.await.expect("asker");
    }
    Rate {
        operations,
        time: started.elapsed(),
    }
}
