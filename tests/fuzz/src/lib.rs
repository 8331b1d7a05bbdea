//! Fuzzing License Hub: what must hold, and the seeds to begin with.

pub mod checks;
pub mod mint;
