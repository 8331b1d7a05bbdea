//! What was found lately: what many wait for is found once.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Parts of a memory. Whoever finds something holds one of them, so that those who wait for the
/// same find it and others are not held up.
const PARTS: usize = 16;

/// Values under their names, the last ones of each part.
#[derive(Debug)]
pub(crate) struct Memory<K, V> {
    parts: [Mutex<VecDeque<(K, V)>>; PARTS],
    /// Most in each part. None grows above it: growing would leave copies of secrets behind.
    most: usize,
}

impl<K: PartialEq, V: Clone> Memory<K, V> {
    /// An empty memory of at most `most` values in each of its 16 parts.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            parts: std::array::from_fn(|_| Mutex::new(VecDeque::with_capacity(most))),
            most,
        }
    }

    /// The value under `name`; `find` is asked for one that is not known, and what it does not
    /// find is not remembered. `part` is any byte of the name that differs between names.
    pub(crate) fn find(&self, part: u8, name: K, find: impl FnOnce() -> Option<V>) -> Option<V> {
        let part = self.parts.get(usize::from(part) % PARTS)?;
        let mut known = part.lock().unwrap_or_else(PoisonError::into_inner);
        // The newest are the likeliest.
        if let Some((_, value)) = known.iter().rev().find(|(one, _)| *one == name) {
            return Some(value.clone());
        }
        let value = find()?;
        if known.len() >= self.most {
            known.pop_front();
        }
        known.push_back((name, value.clone()));
        Some(value)
    }
}
