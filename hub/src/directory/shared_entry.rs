//! An entry that many answers share.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use schemas::entry::Entry;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// An entry, shared with whoever keeps it, and the texts in which callers are answered: making
/// them takes longer than finding an entry in memory, so they are made once.
#[derive(Clone)]
pub struct SharedEntry(Arc<Inner>);

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

impl fmt::Debug for SharedEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the texts: the entry's own form leaves out what is personal.
        self.0.entry.fmt(formatter)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{HOLDER_CODE, entry};

    #[test]
    fn texts_are_made_once_and_what_is_personal_is_not_shown_to_those_who_debug() {
        let shared = SharedEntry::from(entry());
        let (public, private) = (shared.public_text(), shared.private_text());
        let (public, private) = (public.expect("a text"), private.expect("a text"));
        let texts = |entry: &Entry| {
            let public = serde_json::to_string(&entry.public).expect("a text");
            (
                public,
                serde_json::to_string(&entry.private).expect("a text"),
            )
        };
        assert_eq!(
            texts(&shared),
            (public.get().to_owned(), private.get().to_owned())
        );
        assert!(private.get().contains(HOLDER_CODE));
        let again = shared.clone();
        assert!(std::ptr::eq(public, again.public_text().expect("a text")));
        let shown = format!("{shared:?}");
        assert!(
            !shown.contains(HOLDER_CODE) && !shown.contains("测试企业"),
            "{shown}"
        );
    }
}
