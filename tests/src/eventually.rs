//! Waiting for what must happen by itself.

use std::time::{Duration, Instant};

/// Longest wait for something that must happen by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `condition` holds, with a bound; what is waited for is named when it does not.
pub async fn eventually(what: &str, condition: impl AsyncFnMut() -> bool) {
    eventually_within(PATIENCE, what, condition).await;
}

/// The same with another bound.
pub async fn eventually_within(
    patience: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> bool,
) {
    let started = Instant::now();
    while !condition().await {
        assert!(
            started.elapsed() < patience,
            "did not happen within {patience:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
