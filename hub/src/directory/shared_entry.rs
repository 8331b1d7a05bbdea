//! An entry that many answers share.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use schemas::entry::Entry;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// An entry, shared with whoever keeps it, and the texts in which callers are answered: making
/// them takes longer than finding an entry in memory, so they are made once.
#[derive(Clone, Debug)]
pub struct SharedEntry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    entry: Entry,
    public: OnceLock<Box<RawValue>>,
    private: OnceLock<Box<RawValue>>,
}

impl SharedEntry {
    /// The public part as JSON.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(crate) fn public_text(&self) -> serde_json::Result<&RawValue> {
        text(&self.0.public, &self.0.entry.public)
    }

    /// The personal part as JSON.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(crate) fn private_text(&self) -> serde_json::Result<&RawValue> {
        text(&self.0.private, &self.0.entry.private)
    }
}

impl From<Entry> for SharedEntry {
    fn from(entry: Entry) -> Self {
        Self(Arc::new(Inner {
            entry,
            public: OnceLock::new(),
            private: OnceLock::new(),
        }))
    }
}

impl Deref for SharedEntry {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.0.entry
    }
}

impl PartialEq for SharedEntry {
    fn eq(&self, other: &Self) -> bool {
        self.0.entry == other.0.entry
    }
}

impl Eq for SharedEntry {}

fn text<'t>(
    kept: &'t OnceLock<Box<RawValue>>,
    part: &impl Serialize,
) -> serde_json::Result<&'t RawValue> {
    if let Some(text) = kept.get() {
        return Ok(text);
    }
    let text = to_raw_value(part)?;
    Ok(kept.get_or_init(|| text))
}
