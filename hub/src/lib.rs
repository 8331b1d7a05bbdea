//! License Hub: one program that is a provincial or the national node, as configuration says.
//!
//! One file or folder per path, named after it:
//!
//! * [`directory`] lookup → cache → store → national node
//! * [`files`] permit → fetch → verify → deliver
//! * [`seals`] document → claims → trust → verdict
//! * [`exchange`] bus in → one transaction → bus out
//! * [`permits`] who may have which licence for which matter, and the rule that says so
//! * [`provenance`] the Merkle log that every change and every read goes into
//!
//! Around them: [`http`] (routes), [`store`] (SQL, one file per table), [`node`] (assembly),
//! [`spool`] (files while callers bring them), [`config`], [`clock`], [`refusal`] (everything a
//! path can refuse with), [`upkeep`] (what is let go), [`measure`] (what is counted), [`trace`]
//! (for which request something is done), [`cli`], [`mint`] (development certificates and sealed
//! sample files).

// Output goes through `cli::out`, which knows what a closed pipe means.
#![warn(clippy::print_stdout)]

pub mod cli;
pub mod clock;
pub mod config;
pub mod directory;
pub mod exchange;
pub mod files;
pub mod http;
pub mod measure;
pub mod mint;
pub mod node;
pub mod permits;
pub mod prove;
pub mod provenance;
pub mod refusal;
pub mod seals;
pub mod spool;
pub mod store;
pub mod trace;
pub mod trust;
pub mod upkeep;
