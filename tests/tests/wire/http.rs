//! Requests over HTTP, as bytes: every refusal is a problem with a code that the catalogue knows,
//! except where the connection cannot be understood at all.

mod addresses;
mod bearers;
mod connections;
mod desk;
mod framing;
mod methods;
mod payloads;
mod uses;

pub(super) mod connection;
