//! Why a record was not prepared: whose fault it is decides whether it is given up.

use super::incoming::Unusable;
use crate::refusal::Refusal;
use crate::store::StoreError;

/// Why a record was not prepared.
pub(super) enum Failure {
    /// The record is at fault.
    Unusable(Unusable),
    /// The store of this node is at fault: the record waits until it works again.
    Store(StoreError),
    /// Something else inside; another try may succeed.
    Inner(anyhow::Error),
}

impl From<Unusable> for Failure {
    fn from(reason: Unusable) -> Self {
        Self::Unusable(reason)
    }
}

impl From<StoreError> for Failure {
    fn from(cause: StoreError) -> Self {
        if cause.is_of_the_store() {
            Self::Store(cause)
        } else {
            Self::Inner(cause.into())
        }
    }
}

impl From<Refusal> for Failure {
    fn from(cause: Refusal) -> Self {
        Self::Inner(cause.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(cause: anyhow::Error) -> Self {
        Self::Inner(cause)
    }
}
