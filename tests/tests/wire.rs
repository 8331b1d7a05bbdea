//! Hostile and broken messages and HTTP requests, each by name: every one gets its typed refusal,
//! none changes state, hangs or breaks the node, and the next honest one is answered.
//!
//! Messages are published through the seam of the bus, requests go over TCP as bytes.

mod bodies;
mod changes;
mod claims;
mod envelopes;
mod files;
mod http;
mod large;
mod message;
mod replay;
mod replies;
mod sealed;
mod seals;
mod signatures;
mod stage;

pub(crate) use self::seals::about_a_seal;
