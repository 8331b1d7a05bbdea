//! Attacks on the verification of OFD and PDF files: each tries to make `valid` stand under
//! something that nobody sealed, or to show a reader something else than what was verified.
//!
//! The attacker owns what the scene gives away: a sealed file of somebody else, a certificate of
//! the same CA that has no right to the seal, a PKI of the same names, and every byte that no
//! signature covers.

mod certificates;
mod containers;
mod der;
mod forge;
mod pdf_changes;
mod pdf_families;
pub(crate) mod pdf_scene;
mod pdf_values;
mod roots;
mod scene;
mod seals;
mod signatures;
mod values;
mod writer;
