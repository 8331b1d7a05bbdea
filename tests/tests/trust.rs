//! Trust over the bus: who may say what, what a revocation does everywhere, keys that change while
//! work goes on, the status of seals.

mod command;
mod forged;
mod keys;
mod revoked;
mod seals;
mod stale;
