//! What the code reads of each published shape, and what it writes back.

use certs::envelope_security::{EnvelopeRefusal, check_envelope};
use schemas::entry::{EntryPrivate, EntryPublic};
use schemas::envelope::Envelope;
use schemas::identifier::Identifier;
use schemas::leaf::{Leaf, PrivateDetail};
use schemas::message::{
    DirectoryChange, DirectoryReceipt, FileChunk, FileRefusal, FileRequest, HolderQuery,
    LookupReply, LookupRequest, SnapshotEntry, SnapshotPage, SnapshotRequest,
};
use schemas::permit::{PermitRecord, Purpose};
use schemas::seal_status::{SealReply, SealRequest, SealStatus, is_sm3_hex};
use schemas::trust_item::TrustItem;
use schemas::verdict::Verdict;
use schemas::verification::Wanted;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads a value as the code does, and writes what was read.
pub(crate) type Reader = fn(&Value) -> Result<Value, String>;

/// Longest name of a message or question that a node reads, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Every shape that the code reads, by the name of its schema.
pub(crate) const READERS: &[(&str, Reader)] = &[
    ("directory-change", |value| {
        read(value, |change: &DirectoryChange| revision(&change.entry))
    }),
    ("directory-receipt", |value| any::<DirectoryReceipt>(value)),
    ("entry-private", |value| any::<EntryPrivate>(value)),
    ("entry-public", |value| read(value, revision)),
    ("envelope", envelope),
    ("file-chunk", |value| any::<FileChunk>(value)),
    ("file-refusal", |value| any::<FileRefusal>(value)),
    ("file-request", |value| any::<FileRequest>(value)),
    ("holder-query", |value| any::<HolderQuery>(value)),
    ("leaf", |value| {
        read(value, |leaf: &Leaf| sound(leaf.v == 1, "version"))
    }),
    ("lookup-reply", |value| {
        read(value, |reply: &LookupReply| match reply {
            LookupReply::Found { entries, .. } => {
                entries.iter().try_for_each(|entry| revision(&entry.public))
            }
            LookupReply::Refused { .. } => Ok(()),
        })
    }),
    ("lookup-request", |value| {
        read(value, |request: &LookupRequest| match request {
            LookupRequest::Identifier { identifier, .. } => {
                sound(Identifier::parse_lenient(identifier).is_ok(), "identifier")
            }
            LookupRequest::Holder { .. } => Ok(()),
        })
    }),
    ("permit-record", |value| {
        read(value, |permit: &PermitRecord| purpose(&permit.purpose))
    }),
    ("private-detail", |value| any::<PrivateDetail>(value)),
    ("purpose", |value| read(value, purpose)),
    ("seal-reply", |value| {
        read(value, |reply: &SealReply| match &reply.status {
            Some(status) => seal_status(status),
            None => Ok(()),
        })
    }),
    ("seal-request", |value| {
        read(value, |request: &SealRequest| {
            sound(is_sm3_hex(&request.seal_sm3), "digest")
        })
    }),
    ("seal-status", |value| read(value, seal_status)),
    ("snapshot-entry", |value| {
        read(value, |one: &SnapshotEntry| revision(&one.entry))
    }),
    ("snapshot-page", |value| any::<SnapshotPage>(value)),
    ("snapshot-request", |value| any::<SnapshotRequest>(value)),
    ("trust-item", |value| {
        read(value, |item: &TrustItem| {
            item.check().map_err(|cause| cause.to_string())
        })
    }),
    ("verification-wanted", |value| {
        read(value, |wanted: &Wanted| {
            let identifier = Identifier::parse_lenient(&wanted.identifier);
            sound(identifier.is_ok(), "identifier")
        })
    }),
    ("verdict", |value| any::<Verdict>(value)),
];

fn any<T: DeserializeOwned + Serialize>(value: &Value) -> Result<Value, String> {
    read::<T>(value, |_| Ok(()))
}

fn read<T: DeserializeOwned + Serialize>(
    value: &Value,
    check: impl Fn(&T) -> Result<(), String>,
) -> Result<Value, String> {
    // From text, as it travels.
    let text = value.to_string();
    let read: T = serde_json::from_str(&text).map_err(|cause| cause.to_string())?;
    check(&read)?;
    serde_json::to_value(&read).map_err(|cause| cause.to_string())
}

/// Revisions begin at 1 and fit into a store, wherever an entry comes from.
fn revision(entry: &EntryPublic) -> Result<(), String> {
    let fits = entry.revision > 0 && i64::try_from(entry.revision).is_ok();
    sound(fits, "revision")
}

fn purpose(purpose: &Purpose) -> Result<(), String> {
    purpose.check().map_err(|cause| cause.to_string())
}

fn seal_status(status: &SealStatus) -> Result<(), String> {
    status.check().map_err(|cause| cause.to_string())
}

fn sound(is_sound: bool, what: &str) -> Result<(), String> {
    is_sound.then_some(()).ok_or_else(|| what.to_owned())
}

/// Headers, as the check of a message reads them; of which node the key is does not matter here.
fn envelope(value: &Value) -> Result<Value, String> {
    let members = value.as_object().ok_or("no object")?;
    let headers: Option<Vec<(String, String)>> = members
        .iter()
        .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let headers = headers.ok_or("a header that is no text")?;
    match check_envelope(&headers, "topic", b"", &|_, _| None) {
        Err(EnvelopeRefusal::UnknownNode) => {}
        other => return Err(format!("{other:?}")),
    }
    let envelope = Envelope::from_headers(&headers).map_err(|cause| cause.to_string())?;
    let correlation = envelope.correlation.as_deref().unwrap_or_default();
    let is_short = |name: &str| name.len() <= NAME_BYTES_MAX;
    sound(is_short(&envelope.id) && is_short(correlation), "name")?;
    let mut written: Map<String, Value> = envelope
        .to_headers()
        .into_iter()
        .map(|(name, value)| (name, Value::String(value)))
        .collect();
    let signature = members.get("hubsig").ok_or("no signature")?.clone();
    written.insert("hubsig".to_owned(), signature);
    Ok(Value::Object(written))
}
