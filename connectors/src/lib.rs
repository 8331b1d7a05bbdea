//! Ways in and out of a node.
//!
//! * [`bus`]: signed messages between nodes, carried as they are given; embedded today, the seam
//!   for a broker
//! * [`source`]: a province's existing library: entries and the sealed originals
//! * [`client`]: the `/v1` interface of a node for callers written in Rust
//!
//! Nothing here signs, encrypts or verifies: what comes in is given on as bytes, what goes out was
//! signed and sealed before.

#![forbid(unsafe_code)]

pub mod bus;
pub mod client;
pub mod source;
