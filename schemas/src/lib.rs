//! Every published shape of License Hub, free of input and output.
//!
//! Nothing here opens a file, a socket or a database, reads a clock or computes a signature:
//! bytes come in, typed values or typed refusals go out. The packages `certs`, `connectors` and
//! `hub` share these shapes; a peer that wants to speak to a hub needs only this package.
//!
//! * Codes and identifiers: [`identifier`], [`uscc`], [`citizen_id`], [`region`],
//!   [`holder_type`], [`status`], [`date`], [`licence_type`]
//! * The directory: [`entry`], [`metadata`], [`quality`]
//! * Sealed files: [`ofd`] (container, structure, signature parts), [`seal`] (ASN.1)
//! * What is answered: [`verdict`], [`verification`] (many files), [`permit`], [`catalogue`]
//! * What travels between nodes: [`envelope`], [`message`], [`trust_item`], [`seal_status`]
//! * What is kept for auditors: [`leaf`], [`proof`]

#![forbid(unsafe_code)]

pub mod catalogue;
pub mod citizen_id;
pub mod date;
pub mod entry;
pub mod envelope;
pub mod holder_type;
pub mod identifier;
pub mod leaf;
pub mod licence_type;
pub mod message;
pub mod metadata;
pub mod ofd;
pub mod pdf;
pub mod permit;
pub mod proof;
pub mod quality;
pub mod region;
pub mod seal;
pub mod seal_status;
pub mod status;
pub mod trust_item;
pub mod uscc;
pub mod verdict;
pub mod verification;
