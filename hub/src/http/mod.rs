//! The HTTP face: all routes on one screen, then the server.
//!
//! A handler parses, calls one path, answers. Every answer that is not a success is a problem
//! (RFC 9457) with a stable code, see [`fault`]; who calls is decided in [`auth`]; bounds,
//! request names and logs are in `guard`.

pub mod auth;
pub mod fault;

mod entries;
mod extract;
mod files;
mod guard;
mod health;
mod licences;
mod permits;
mod provenance;
mod range;
mod rate;
mod seals;
mod server;
mod verifications;

pub use licences::answer;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use self::auth::Callers;
use self::verifications::Places;
use crate::node::Node;

/// Largest JSON body of a request, in bytes: five purpose fields of 200 characters need 4 KiB.
const JSON_BYTES_MAX: usize = 64 * 1024;

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct Shared {
    node: Arc<Node>,
    callers: Arc<Callers>,
    in_progress: Arc<Semaphore>,
    batches: Arc<Places>,
}

/// All routes of a node.
pub fn router(node: Arc<Node>) -> Router {
    routes(Shared::new(node))
}

/// Other routes with all that stands around those of a node: names, log lines, bounds. For benches,
/// which measure a part of a path.
pub fn around(node: &Arc<Node>, inner: Router<Arc<Node>>) -> Router {
    let shared = Shared::new(Arc::clone(node));
    let api = inner.with_state(Arc::clone(node));
    framed(shared, api)
}

fn routes(shared: Shared) -> Router {
    let api = Router::new()
        .route("/v1/permits", post(permits::create))
        .route("/v1/licences/search", post(licences::search))
        .route("/v1/licences/{identifier}", get(licences::show))
        .route("/v1/licences/{identifier}/file", get(files::deliver))
        .route(
            "/v1/licences/{identifier}/status",
            post(entries::change_status),
        )
        .route("/v1/licences/{identifier}/trail", get(provenance::trail))
        .route("/v1/seals/{sm3}", get(seals::show))
        .route("/v1/seals/{sm3}/status", put(seals::change_status))
        .route("/v1/trust", get(seals::trust))
        .route("/v1/verifications", post(verifications::create))
        .route("/v1/receipts", get(entries::receipts))
        .route("/v1/rejections", get(entries::rejections))
        .route("/v1/log/head", get(provenance::head))
        .route("/v1/log/proofs/{index}", get(provenance::proof));
    framed(shared, api)
}

fn framed(shared: Shared, api: Router<Shared>) -> Router {
    let api = api.route_layer(from_fn_with_state(shared.clone(), guard::bounded));
    let health = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics));
    api.merge(health)
        .fallback(fault::no_route)
        .method_not_allowed_fallback(fault::method_not_allowed)
        .layer(DefaultBodyLimit::max(JSON_BYTES_MAX))
        .layer(CatchPanicLayer::custom(fault::panicked))
        .layer(from_fn(guard::observed))
        .with_state(shared)
}

/// Serves until `shutdown` completes, then lets requests in progress finish, as long as the
/// configuration allows.
///
/// # Errors
/// None today: a connection that cannot be accepted is logged, and the next one is waited for.
pub async fn serve(
    listener: TcpListener,
    node: Arc<Node>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let limits = &node.config.limits;
    let drain = Duration::from_secs(limits.drain_s);
    let bounds = server::Bounds::new(limits.connections, drain);
    server::serve(listener, router(node), &bounds, shutdown).await;
    Ok(())
}

impl Shared {
    fn new(node: Arc<Node>) -> Self {
        Self {
            callers: Arc::new(Callers::new(&node.config.callers, &node.config.limits)),
            in_progress: Arc::new(Semaphore::new(node.config.limits.requests_concurrent)),
            batches: Arc::new(Places::new(&node.config.limits)),
            node,
        }
    }
}

impl FromRef<Shared> for Arc<Node> {
    fn from_ref(shared: &Shared) -> Self {
        Self::clone(&shared.node)
    }
}

#[cfg(test)]
mod tests;
