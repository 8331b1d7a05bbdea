//! Information verification of GB/T 36906 (信息验证): what the directory says about the licence that
//! a file names, told beside the verdict on the file.
//!
//! It changes no verdict and asks no other node. A file that somebody brings is looked up in the
//! own store, by the identifier that it proves, for every answer anew: an entry changes while its
//! verdict is still remembered. What other nodes answered of late does not count, so that the
//! answer is the same with nothing in memory (invariant 4).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemas::date::day_in_shanghai;
use schemas::entry::Entry;
use schemas::identifier::Identifier;
use schemas::verdict::{InformationResult, Verdict};

use crate::node::Node;
use crate::refusal::Refusal;
use crate::store::{entries, snapshots};

/// A verdict with what the directory says, and what of it is to be on record.
pub(super) struct Told {
    pub(super) verdict: Arc<Verdict>,
    /// The licence about which something is told.
    pub(super) identifier: Option<String>,
    /// Revision of its entry.
    pub(super) revision: Option<u64>,
}

/// What a directory says of a licence.
enum Said {
    /// Its entry.
    Entry(Box<Entry>),
    /// That there is none.
    Absent,
    /// Nothing: it does not cover this licence.
    Nothing,
}

/// The verdict with the result against the entry that the file was verified with, as of `at`.
pub(super) fn compared(
    verdict: Verdict,
    entry: &Entry,
    required: &[String],
    at: DateTime<Utc>,
) -> Verdict {
    let day = day_in_shanghai(at);
    let result = verdict.proven_metadata().map(|stated| {
        // What is required of the type of the licence that was asked for.
        InformationResult::of(stated, entry, required, day)
    });
    Verdict {
        gb36906_information: Some(result.unwrap_or(InformationResult::Incomplete)),
        ..verdict
    }
}

/// The verdict with the result against this node's directory, where it covers the licence that the
/// file proves to be about. One lookup, and none for a file that proves nothing.
///
/// # Errors
/// The store fails.
pub(super) async fn looked_up(node: &Node, verdict: Arc<Verdict>) -> Result<Told, Refusal> {
    let Some(stated) = verdict.proven_metadata() else {
        return Ok(Told::only(&verdict, InformationResult::Incomplete));
    };
    let Some(identifier) = stated.identifier() else {
        return Ok(Told::only(&verdict, InformationResult::Incomplete));
    };
    let Ok((identifier, _)) = Identifier::parse_lenient(identifier) else {
        // No directory has an entry under what is no identifier.
        return Ok(Told::only(&verdict, InformationResult::Unknown));
    };
    let (result, revision) = match said(node, &identifier).await? {
        Said::Nothing => {
            return Ok(Told {
                verdict,
                identifier: None,
                revision: None,
            });
        }
        Said::Absent => (InformationResult::Unknown, None),
        Said::Entry(entry) => {
            let required = node.required_metadata(&entry.public.type_code);
            let day = day_in_shanghai(node.clock.now());
            let result = InformationResult::of(stated, &entry, &required, day);
            (result, Some(entry.public.revision))
        }
    };
    Ok(Told {
        identifier: Some(identifier.as_str().to_owned()),
        revision,
        ..Told::only(&verdict, result)
    })
}

async fn said(node: &Node, identifier: &Identifier) -> Result<Said, Refusal> {
    let key = node.keys.column_key();
    if let Some(entry) = entries::find(node.store.reader(), identifier, key).await? {
        return Ok(Said::Entry(Box::new(entry)));
    }
    Ok(if covers(node, identifier).await? {
        Said::Absent
    } else {
        Said::Nothing
    })
}

/// Whether this node would have an entry of the licence if there were one: its home node would, by
/// the province in the identifier, and the national node once it has taken what the home node has.
/// \[P\]
async fn covers(node: &Node, identifier: &Identifier) -> Result<bool, Refusal> {
    let peers = node.peers();
    match peers.home_of_licence(identifier) {
        Some(home) if home == node.name => Ok(true),
        Some(home) if node.is_national() => {
            let taken = snapshots::find(node.store.reader(), home).await?;
            Ok(taken.is_complete)
        }
        _ => Ok(node.is_national()),
    }
}

impl Told {
    /// A result that is about no licence in particular.
    fn only(verdict: &Verdict, result: InformationResult) -> Self {
        Self {
            verdict: Arc::new(Verdict {
                gb36906_information: Some(result),
                ..verdict.clone()
            }),
            identifier: None,
            revision: None,
        }
    }
}
