//! One process writes to a database.
//!
//! Revisions are counted, positions are kept and the outbox is emptied by one process per node;
//! two on the same database – a node started twice, an old one that comes back from a pause –
//! would interleave. The connection that writes therefore holds a lock of its session: the server
//! frees it when the connection ends, and nothing is written without it, because every transaction
//! runs on a connection that holds it. (Simpler than comparing a number in every transaction, and
//! as sure: the transaction and the lock live and die with the same connection. It needs a
//! connection to the server itself, not one through a proxy that shares connections between
//! transactions.) A single decision of the operator does not need it: it is one serialisable
//! transaction, and whichever of it and the node's comes second is run again.

use std::time::{Duration, Instant};

use sqlx::PgConnection;

use crate::store::StoreError;

/// How long a new process waits for the one before it: the server frees the lock of a process that
/// was killed within milliseconds, of a machine that vanished within its keepalive (see
/// `super::SESSION`).
const FENCE_TIMEOUT: Duration = Duration::from_secs(10);

/// Wait between two tries.
const FENCE_WAIT: Duration = Duration::from_millis(50);

/// One lock per schema: tests keep several nodes in one database. The first number is this
/// program's own.
const TAKE: &str = "select pg_try_advisory_lock(20361204, hashtext(current_schema()))";

/// Takes the lock for the session of this connection.
pub(super) async fn take(connection: &mut PgConnection) -> Result<(), StoreError> {
    let started = Instant::now();
    loop {
        if sqlx::query_scalar(TAKE).fetch_one(&mut *connection).await? {
            return Ok(());
        }
        if started.elapsed() > FENCE_TIMEOUT {
            return Err(StoreError::OtherWriter);
        }
        tokio::time::sleep(FENCE_WAIT).await;
    }
}
