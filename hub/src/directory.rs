//! Lookup: cache → own store → the national node; and the entries a home node registers.
//!
//! A node answers from its own store what it knows for certain: the national node everything, a
//! home node its own licences. Everything else is asked of the national node over the bus, once
//! for all who ask at the same time, and kept until a change is announced or its term is over.
//! The memory of such answers never holds what the own store has, so it is looked at first.

use std::cmp::Reverse;
use std::sync::Arc;

use certs::node_key::NodeKeys;
use chrono::{DateTime, Utc};
use schemas::entry::Entry;
use schemas::identifier::Identifier;
use schemas::leaf::{Activity, EntityReference, PrivateDetail};
use schemas::licence_type::LicenceTypeCode;
use schemas::message::{
    HolderQuery, LOOKUP_ENTRIES_MAX, LookedUpEntry, LookupReply, LookupRequest,
};

use crate::exchange::{ask, sealed};
use crate::measure;
use crate::node::Node;
use crate::permits::Caller;
use crate::refusal::Refusal;
use crate::store::entries;

mod cache;
mod register;
mod registering;
mod shared_entry;
mod status;

pub(crate) use cache::{Answer, LookupCache};
pub use register::{RegisterReport, register_source};
pub use shared_entry::SharedEntry;
pub use status::{StatusChanged, change_status, change_status_once};

/// Longest holder code that is looked up, in characters: the longest of the holder types is a
/// passport or foreign permit number; 64 leaves room for what GB/T 36903 types may bring.
pub const HOLDER_CODE_CHARACTERS_MAX: usize = 64;

/// An entry with where it was found and how old that knowledge is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The entry, shared with whoever keeps it.
    pub entry: SharedEntry,
    /// Where it was found.
    pub source: FoundIn,
    /// Seconds since somebody who knows looked at it.
    pub age_s: u64,
    /// When that was.
    pub as_of: DateTime<Utc>,
}

/// Where an entry was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundIn {
    /// This node's own store.
    OwnStore,
    /// This node's memory of an earlier answer.
    Cache,
    /// Another node was asked now.
    Node(String),
}

/// Looks one licence version up; the lookup is recorded before the answer is returned.
///
/// # Errors
/// The national node does not answer or refuses, the node is overloaded, the store fails.
pub async fn lookup(
    node: &Node,
    caller: &Caller,
    identifier: &Identifier,
) -> Result<Option<Found>, Refusal> {
    let answer = find(node, caller, identifier).await;
    let mut leaf = node.leaf(Activity::Lookup);
    leaf.identifier = Some(identifier.as_str().to_owned());
    leaf.agent = Some(caller.agent());
    leaf.result = match &answer {
        Ok(Some(found)) => {
            leaf.entity = Some(EntityReference {
                revision: Some(found.entry.public.revision),
                file_sm3: None,
                peer: found.source.peer(),
            });
            "OK".to_owned()
        }
        Ok(None) => Refusal::NotFound.leaf_result(),
        Err(refusal) => refusal.leaf_result(),
    };
    node.record_read(leaf, None).await?;
    let source = match &answer {
        Ok(Some(found)) => found.source.as_measured(),
        Ok(None) => "nowhere",
        Err(_) => "refused",
    };
    metrics::counter!(measure::LOOKUPS, "source" => source).increment(1);
    answer
}

/// Looks up every licence of one holder, newest first, at most [`LOOKUP_ENTRIES_MAX`]; recorded.
///
/// # Errors
/// As [`lookup`]; a holder code or type code that cannot be one.
pub async fn search(
    node: &Node,
    caller: &Caller,
    holder_code: &str,
    type_code: Option<&str>,
) -> Result<Vec<Found>, Refusal> {
    let query = holder_query(holder_code, type_code)?;
    let answer = find_of_holder(node, caller, &query).await;
    let mut leaf = node.leaf(Activity::Lookup);
    leaf.agent = Some(caller.agent());
    leaf.result = match &answer {
        Ok(found) if found.is_empty() => Refusal::NotFound.leaf_result(),
        Ok(_) => "OK".to_owned(),
        Err(refusal) => refusal.leaf_result(),
    };
    let token = node.keys.token_key().holder_token(&query.holder_code);
    let detail = PrivateDetail {
        holder_token: Some(token),
        ..PrivateDetail::default()
    };
    node.record_read(leaf, Some(detail)).await?;
    answer
}

/// The lookup without its record, for paths that record what they do with the entry.
///
/// # Errors
/// As [`lookup`].
pub async fn find(
    node: &Node,
    caller: &Caller,
    identifier: &Identifier,
) -> Result<Option<Found>, Refusal> {
    // Own entries are never kept here: registering one forgets what was kept of it.
    if let Some(kept) = node.lookups.kept(identifier.as_str()).await {
        return Ok(Found::answered(node, &kept, FoundIn::Cache));
    }
    let key = node.keys.column_key();
    if let Some(entry) = entries::find(node.store.reader(), identifier, key).await? {
        return Ok(Some(Found::own(node, entry)));
    }
    if node.is_national() {
        return Ok(None);
    }
    let ask = || ask_national(node, caller, identifier);
    let (answer, is_fresh) = node.lookups.answer(identifier.as_str(), ask).await?;
    let source = if is_fresh {
        FoundIn::Node(node.config.national.clone())
    } else {
        FoundIn::Cache
    };
    Ok(Found::answered(node, &answer, source))
}

/// Entries of one holder in the own store, newest first.
pub(crate) async fn find_own_of_holder(
    node: &Node,
    query: &HolderQuery,
) -> Result<Vec<Entry>, Refusal> {
    let token = node.keys.token_key().holder_token(&query.holder_code);
    let type_code = query.type_code.as_deref();
    Ok(entries::find_by_holder_token(
        node.store.reader(),
        &token,
        type_code,
        LOOKUP_ENTRIES_MAX,
        node.keys.column_key(),
    )
    .await?)
}

async fn find_of_holder(
    node: &Node,
    caller: &Caller,
    query: &HolderQuery,
) -> Result<Vec<Found>, Refusal> {
    let own = find_own_of_holder(node, query).await?;
    let mut found: Vec<Found> = own
        .into_iter()
        .map(|entry| Found::own(node, entry))
        .collect();
    if node.is_national() {
        return Ok(found);
    }
    let query_text = serde_json::to_vec(query).map_err(Refusal::internal)?;
    let national = &node.config.national;
    let query = sealed::seal_for(node, national, sealed::QUERY, &query_text)?;
    let request = LookupRequest::Holder {
        query,
        asker: caller.asker(),
    };
    for (entry, as_of) in looked_up(node, &request, None).await? {
        // A home node knows its own licences before the directory does.
        let known = found.iter().any(|own| {
            own.entry.public.identifier == entry.public.identifier
                && !entry.public.is_newer_than(&own.entry.public)
        });
        if !known {
            let source = FoundIn::Node(national.clone());
            let age_s = seconds_between(as_of, node.clock.now());
            found.push(Found {
                entry: entry.into(),
                source,
                age_s,
                as_of,
            });
        }
    }
    found.sort_by_key(|found| Reverse(found.entry.public.issued_on));
    found.truncate(LOOKUP_ENTRIES_MAX);
    Ok(found)
}

async fn ask_national(
    node: &Node,
    caller: &Caller,
    identifier: &Identifier,
) -> Result<Answer, Refusal> {
    let request = LookupRequest::Identifier {
        identifier: identifier.as_str().to_owned(),
        asker: caller.asker(),
    };
    let found = looked_up(node, &request, Some(identifier.as_str())).await?;
    let mut answer = Answer {
        entry: None,
        as_of: node.clock.now(),
    };
    for (entry, as_of) in found {
        // Only what was asked for: an answer about something else is no answer.
        if entry.public.identifier == *identifier {
            answer = Answer {
                entry: Some(entry.into()),
                as_of,
            };
        }
    }
    Ok(answer)
}

async fn looked_up(
    node: &Node,
    request: &LookupRequest,
    subject: Option<&str>,
) -> Result<Vec<(Entry, DateTime<Utc>)>, Refusal> {
    let national = &node.config.national;
    match ask::lookup(node, national, request, subject).await? {
        LookupReply::Refused { code } => Err(ask::refused(national, &code)),
        LookupReply::Found { entries, as_of } => {
            let keys = Arc::clone(&node.keys);
            let opened = tokio::task::spawn_blocking(move || opened(&keys, entries));
            let opened = opened.await.map_err(Refusal::internal)?;
            let entries = opened.map_err(|_| ask::unasked(national))?;
            Ok(entries.into_iter().map(|entry| (entry, as_of)).collect())
        }
    }
}

/// Opens the personal parts. Takes a processor for some ten milliseconds when there are many.
fn opened(keys: &NodeKeys, entries: Vec<LookedUpEntry>) -> Result<Vec<Entry>, sealed::NotOpened> {
    entries
        .into_iter()
        .take(LOOKUP_ENTRIES_MAX)
        .map(|LookedUpEntry { public, private }| {
            let private = sealed::open_private(keys, &public, &private)?;
            Ok(Entry { public, private })
        })
        .collect()
}

fn holder_query(holder_code: &str, type_code: Option<&str>) -> Result<HolderQuery, Refusal> {
    let refuse = |field: &str| Refusal::BadRequest {
        code: "BAD_REQUEST",
        field: field.to_owned(),
    };
    let holder_code = holder_code.trim().to_uppercase();
    if holder_code.is_empty() || holder_code.chars().count() > HOLDER_CODE_CHARACTERS_MAX {
        return Err(refuse("holder_code"));
    }
    let type_code = match type_code {
        Some(text) => Some(
            LicenceTypeCode::parse(text)
                .map_err(|_| refuse("licence_type"))?
                .to_string(),
        ),
        None => None,
    };
    Ok(HolderQuery {
        holder_code,
        type_code,
    })
}

fn seconds_between(earlier: DateTime<Utc>, later: DateTime<Utc>) -> u64 {
    u64::try_from((later - earlier).num_seconds()).unwrap_or(0)
}

impl Found {
    fn own(node: &Node, entry: Entry) -> Self {
        Self {
            entry: entry.into(),
            source: FoundIn::OwnStore,
            age_s: 0,
            as_of: node.clock.now(),
        }
    }

    fn answered(node: &Node, answer: &Answer, source: FoundIn) -> Option<Self> {
        let entry = answer.entry.clone()?;
        let age_s = seconds_between(answer.as_of, node.clock.now());
        let as_of = answer.as_of;
        Some(Self {
            entry,
            source,
            age_s,
            as_of,
        })
    }
}

impl FoundIn {
    /// The word used in answers: `own-store`, `cache`, or the name of the node.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::OwnStore => "own-store",
            Self::Cache => "cache",
            Self::Node(name) => name,
        }
    }

    fn as_measured(&self) -> &'static str {
        match self {
            Self::OwnStore => "own-store",
            Self::Cache => "cache",
            Self::Node(_) => "node",
        }
    }

    fn peer(&self) -> Option<String> {
        match self {
            Self::OwnStore | Self::Cache => None,
            Self::Node(name) => Some(name.clone()),
        }
    }
}
