//! How many batches there are at a time, of all callers and of each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Fault;
use crate::config::Limits;
use crate::measure;
use crate::refusal::Refusal;

/// Seconds after which a caller may try again: batches take long.
const RETRY_AFTER_S: u32 = 10;

/// Places for batches. A node's HTTP face has one.
pub(crate) struct Places {
    taken: Mutex<HashMap<String, usize>>,
    most: usize,
    per_caller: usize,
}

/// The place of one batch; given back when dropped.
pub(super) struct Place {
    places: Arc<Places>,
    caller: String,
}

impl Places {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            taken: Mutex::default(),
            most: limits.batches_concurrent,
            per_caller: limits.batches_per_caller,
        }
    }

    /// A place for a batch of this caller.
    pub(super) fn take(self: &Arc<Self>, caller: &str) -> Result<Place, Fault> {
        let mut taken = self.taken();
        let of_caller = taken.get(caller).copied().unwrap_or_default();
        if of_caller >= self.per_caller {
            metrics::counter!(measure::OVERLOADS, "bound" => "batches_per_caller").increment(1);
            let retry_after_s = RETRY_AFTER_S;
            return Err(Fault::TooManyBatches { retry_after_s });
        }
        if taken.values().sum::<usize>() >= self.most {
            metrics::counter!(measure::OVERLOADS, "bound" => "batches_concurrent").increment(1);
            let retry_after_s = RETRY_AFTER_S;
            return Err(Refusal::Overloaded { retry_after_s }.into());
        }
        taken.insert(caller.to_owned(), of_caller + 1);
        Ok(Place {
            places: Arc::clone(self),
            caller: caller.to_owned(),
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        match taken.get_mut(&self.caller) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.caller)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_its_places_and_all_together_have_theirs() {
        let limits = Limits {
            batches_per_caller: 2,
            batches_concurrent: 3,
            ..Limits::default()
        };
        let places = Arc::new(Places::new(&limits));
        let code = |caller: &str| places.take(caller).map_err(|fault| fault.code()).err();
        let first = places.take("one").expect("free");
        let _second = places.take("one").expect("free");
        assert_eq!(code("one"), Some("TOO_MANY_BATCHES"));
        let _third = places.take("other").expect("free");
        assert_eq!(code("another"), Some("OVERLOADED"));
        drop(first);
        assert_eq!(code("one"), None);
        assert_eq!(places.taken().len(), 2, "nobody is remembered for ever");
    }
}
