//! Clients that have lost their brokers.
//!
//! Brokers that come back from a standstill – a paused machine, a cluster without its controller –
//! may answer for a moment that the cluster has no brokers at all. The client library then forgets
//! every broker and, having nobody left to ask, never finds one again (its issue 5301, open in the
//! version used here). Such a client is told by its own question failing while that of another
//! client is answered; it is made anew.

use std::sync::Weak;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::Client;

use super::producer::Producer;

/// Time between two looks. Whatever happened is over by itself or after two or three of them.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 10 });

/// Longest wait for a client that may be about to connect again: longer than it waits between two
/// tries (`reconnect.backoff.max.ms`).
const OWN_WAIT: Duration = Duration::from_secs(6);

/// Longest wait for a client that connects at once.
const OTHER_WAIT: Duration = Duration::from_secs(3);

/// Whether no broker answers to the client. `topic` keeps an answer short.
pub(super) fn has_no_broker<C: ClientContext>(client: &Client<C>, topic: &str) -> bool {
    client.fetch_metadata(Some(topic), OWN_WAIT).is_err()
}

/// Whether there are brokers for this client.
pub(super) fn finds_brokers<C: ClientContext>(client: &Client<C>, topic: &str) -> bool {
    let answer = client.fetch_metadata(Some(topic), OTHER_WAIT);
    answer.is_ok_and(|answer| !answer.brokers().is_empty())
}

/// Looks after the producer for as long as there is one.
pub(super) fn watch(producer: Weak<Producer>, topic: String) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("bus-brokers".to_owned())
        .spawn(move || {
            loop {
                std::thread::sleep(LOOK_EVERY);
                let Some(producer) = producer.upgrade() else {
                    return;
                };
                producer.renew_if_lost(&topic);
            }
        })
        .map(drop)
}
