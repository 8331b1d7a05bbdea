//! Requests over HTTP.

pub(super) mod connection;
