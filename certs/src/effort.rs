//! How much work a file may cause: what it carries decides how many certificates are tried, and how
//! many lists and responses are asked about each.

use std::cell::Cell;

/// Most signatures of certificates, lists and responses that are verified for one file. Fifty
/// signatures with timestamps, paths of four certificates and a response for each need a thousand;
/// with the slowest keys so many take some five seconds. (`\[P\]` profile)
pub const MAX_FILE_SIGNATURE_CHECKS: u32 = 4_096;

/// What is left of it.
#[derive(Debug)]
pub struct Effort {
    checks_left: Cell<u32>,
}

impl Effort {
    /// All that one file may cause.
    #[must_use]
    pub const fn of_a_file() -> Self {
        Self {
            checks_left: Cell::new(MAX_FILE_SIGNATURE_CHECKS),
        }
    }

    /// Whether so many checks may still be made; afterwards they are counted as made.
    pub(crate) fn spend(&self, checks: u32) -> bool {
        let left = self.checks_left.get().checked_sub(checks);
        self.checks_left.set(left.unwrap_or_default());
        left.is_some()
    }
}
