//! One question: *may this seal or signature be trusted at time t?*
//!
//! Time, trust anchors and revocation lists are arguments; nothing here reads a clock or a socket.
//! This is the only package of License Hub that implements or calls cryptography (TLS aside).
//!
//! * Building blocks: [`digest`], [`message`], [`open_file`], [`algorithm`], [`sm2_verification`],
//!   [`certificate`], [`crl`]
//! * Trust: [`trust`] (what is trusted), [`path`] (from a certificate to an anchor),
//!   [`revocation`] (what the lists say)
//! * Answers: [`signed_value`] (one seal or signature), [`timestamp`], [`ofd`], [`pdf`] and
//!   [`verify`] (a whole file)
//! * A node's own keys and records: [`node_key`], [`sealing`], [`token`], [`columns`], [`note`],
//!   [`merkle`], [`envelope_security`]
//! * Development certificates and seals: [`mint`]

pub mod algorithm;
pub mod certificate;
pub mod columns;
pub mod crl;
pub mod digest;
pub mod effort;
pub mod envelope_security;
mod memory;
pub mod merkle;
pub mod message;
mod metadata;
pub mod mint;
pub mod node_key;
pub mod note;
pub mod ofd;
pub mod open_file;
pub mod path;
pub mod pdf;
pub mod revocation;
pub mod sealing;
pub mod signed_value;
pub mod sm2_verification;
mod symmetric;
#[cfg(test)]
mod testing;
pub mod timestamp;
pub mod token;
pub mod trust;
pub mod verify;
