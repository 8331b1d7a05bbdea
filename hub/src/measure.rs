//! What a node counts and measures, under the names that `/metrics` gives (Prometheus text form).
//!
//! Numbers only: labels hold routes, lanes, codes and names of nodes, never an identifier, a caller
//! or anything of a person (invariant 7). The names are part of what operators rely on.

use std::sync::OnceLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Requests answered, by route and status.
pub const HTTP_REQUESTS: &str = "hub_http_requests_total";
/// Time from request to answer, by route.
pub const HTTP_SECONDS: &str = "hub_http_request_seconds";
/// Requests refused because a bound was reached, by bound.
pub const OVERLOADS: &str = "hub_overloads_total";
/// Messages read from the bus, by lane and outcome.
pub const MESSAGES_READ: &str = "hub_messages_read_total";
/// Messages read that had their effect before.
pub const MESSAGES_REPEATED: &str = "hub_messages_repeated_total";
/// Messages that the bus has taken from the outbox.
pub const MESSAGES_SENT: &str = "hub_messages_sent_total";
/// Messages that the relay found waiting in its last look, at most one look's worth.
pub const OUTBOX_WAITING: &str = "hub_outbox_waiting";
/// Time from a change at its origin to its effect here, by lane.
pub const CHANGE_DELAY_SECONDS: &str = "hub_change_delay_seconds";
/// Time from a question to its answer by another node, by node.
pub const PEER_SECONDS: &str = "hub_peer_answer_seconds";
/// Lookups answered, by where the answer was found.
pub const LOOKUPS: &str = "hub_lookups_total";
/// Reads recorded.
pub const RECORDS: &str = "hub_records_total";
/// Reads recorded in one transaction.
pub const RECORD_BATCH: &str = "hub_record_batch_size";
/// Time that one transaction took, by name.
pub const TRANSACTION_SECONDS: &str = "hub_transaction_seconds";
/// Age of what is trusted, as the trust path measures it.
pub const TRUST_DELAY_SECONDS: &str = "hub_trust_delay_seconds";

/// Bounds of the time histograms, in seconds: from a cached lookup to a request's longest time.
const SECONDS: [f64; 14] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// Bounds of the batch histogram, up to the largest batch.
const BATCHES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// How often measured times are put into their histograms: between two scrapes of a collector.
pub const UPKEEP_EVERY: Duration = Duration::from_secs(5);

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts to count, once per process; all nodes of one process count together.
///
/// # Errors
/// Something else in the process counts already.
pub fn install() -> Result<(), BuildError> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let batches = Matcher::Full(RECORD_BATCH.to_owned());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(seconds, &SECONDS)?
        .set_buckets_for_metric(batches, &BATCHES)?
        .install_recorder()?;
    describe();
    let _ = HANDLE.set(handle);
    Ok(())
}

/// Everything counted so far, in the Prometheus text form; none before [`install`].
#[must_use]
pub fn render() -> Option<String> {
    HANDLE.get().map(PrometheusHandle::render)
}

/// Puts measured times into their histograms; call every [`UPKEEP_EVERY`].
pub fn upkeep() {
    if let Some(handle) = HANDLE.get() {
        handle.run_upkeep();
    }
}

/// Measures how long a change of another node took to have its effect here. A clock that is
/// behind counts as no delay.
pub fn delay(lane: &'static str, made: DateTime<Utc>, now: DateTime<Utc>) {
    let delay = (now - made).to_std().unwrap_or_default();
    metrics::histogram!(CHANGE_DELAY_SECONDS, "lane" => lane).record(delay);
}

fn describe() {
    describe_counter!(HTTP_REQUESTS, "Requests answered, by route and status");
    describe_histogram!(HTTP_SECONDS, Unit::Seconds, "Time from request to answer");
    describe_counter!(OVERLOADS, "Requests refused because a bound was reached");
    describe_counter!(
        MESSAGES_READ,
        "Messages read from the bus, by lane and outcome"
    );
    describe_counter!(
        MESSAGES_REPEATED,
        "Messages read that had their effect before"
    );
    describe_counter!(
        MESSAGES_SENT,
        "Messages that the bus has taken from the outbox"
    );
    describe_gauge!(OUTBOX_WAITING, "Messages that the relay found waiting");
    describe_histogram!(
        CHANGE_DELAY_SECONDS,
        Unit::Seconds,
        "Time from a change at its origin to its effect here"
    );
    describe_histogram!(
        PEER_SECONDS,
        Unit::Seconds,
        "Time until another node answered"
    );
    describe_counter!(LOOKUPS, "Lookups answered, by where the answer was found");
    describe_counter!(RECORDS, "Reads recorded in the provenance log");
    describe_histogram!(RECORD_BATCH, "Reads recorded in one transaction");
    describe_histogram!(
        TRANSACTION_SECONDS,
        Unit::Seconds,
        "Time of one transaction"
    );
    describe_histogram!(
        TRUST_DELAY_SECONDS,
        Unit::Seconds,
        "Time from the issue of a trust item to its effect here"
    );
}
