//! Permit → fetch → verify → deliver.
//!
//! Nothing leaves this path that is not a [`VerifiedFile`] under a [`Permit`] (invariant 1):
//! both have private fields, and only this path makes a [`VerifiedFile`], from a file whose
//! digest is the directory's and whose verdict is `valid`. Everything is recorded before the
//! answer leaves.

use std::sync::Arc;

use bytes::Bytes;
use schemas::date::day_in_shanghai;
use schemas::entry::{Entry, EntryPublic, FileReference};
use schemas::identifier::Identifier;
use schemas::leaf::{Activity, EntityReference, Leaf};
use schemas::verdict::{FindingCode, Profile, Verdict};

use crate::directory;
use crate::node::Node;
use crate::permits::{self, Caller, Permit, private_detail};
use crate::refusal::Refusal;
use crate::seals::{self, Asking, Question};

mod assembly;
mod cache;
mod digested;
mod fetch;
pub(crate) mod kept;

pub(crate) use cache::FileCache;
pub(crate) use digested::Digested;
pub(crate) use fetch::read_original;

/// Largest file that is fetched and delivered, in bytes: the limit for packed OFD (ARCHITECTURE.md,
/// Limits).
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A file whose digest is the one in the directory and whose seals, seen together with the
/// directory's entry, are good. Only [`deliver`] makes one.
#[derive(Clone, Debug)]
pub struct VerifiedFile {
    file: Digested,
    verdict: Arc<Verdict>,
    identifier: Identifier,
    revision: u64,
}

/// A verified file under a permit: the only thing that can become the body of an answer.
#[derive(Debug)]
pub struct Delivery {
    file: VerifiedFile,
    permit: Permit,
    leaf_index: u64,
}

/// Delivers the file of a licence under a permit: looks the licence up, fetches the file from
/// memory, from the own library or from its home node, verifies it against the entry, records
/// the delivery.
///
/// # Errors
/// Every step's refusal; a refusal is recorded too, with the verdict where there is one.
pub async fn deliver(
    node: &Arc<Node>,
    caller: &Caller,
    permit: Permit,
    identifier: &Identifier,
) -> Result<Delivery, Refusal> {
    let mut leaf = leaf_of_use(node, Activity::Deliver, caller, &permit, identifier);
    let question = question(caller, Profile::Licence, false);
    let outcome = verified_file(node, caller, &permit, identifier, question, &mut leaf).await;
    let leaf_index = record_use(node, leaf, &permit, outcome.as_ref().err()).await?;
    Ok(Delivery {
        file: outcome?,
        permit,
        leaf_index,
    })
}

/// Verifies the file of a licence under a permit, one of a batch: all steps of a delivery, and the
/// verdict instead of the file. The use is on record before the verdict is answered.
///
/// # Errors
/// Every step's refusal, recorded too. A file that is not valid is no refusal here.
pub async fn examine(
    node: &Arc<Node>,
    caller: &Caller,
    permit: &Permit,
    identifier: &Identifier,
    profile: Profile,
) -> Result<Arc<Verdict>, Refusal> {
    let mut leaf = leaf_of_use(node, Activity::Verify, caller, permit, identifier);
    let question = question(caller, profile, true);
    let outcome = verified_file(node, caller, permit, identifier, question, &mut leaf).await;
    record_use(node, leaf, permit, outcome.as_ref().err()).await?;
    match outcome {
        Ok(file) => Ok(file.verdict),
        Err(Refusal::NotDelivered { verdict, .. }) => Ok(verdict),
        Err(refusal) => Err(refusal),
    }
}

impl VerifiedFile {
    /// The file.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        self.file.bytes()
    }

    /// SHA-256 of the file.
    #[must_use]
    pub fn sha256(&self) -> &[u8; 32] {
        self.file.sha256()
    }

    /// What was found about it; `valid`.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The licence it belongs to.
    #[must_use]
    pub fn identifier(&self) -> &Identifier {
        &self.identifier
    }

    /// Revision of the entry that it was verified against.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

impl Delivery {
    /// The file.
    #[must_use]
    pub fn file(&self) -> &VerifiedFile {
        &self.file
    }

    /// The bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        self.file.bytes()
    }

    /// The verdict on the file.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        self.file.verdict()
    }

    /// The permit under which it is delivered.
    #[must_use]
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Index of the delivery's leaf in this node's provenance log.
    #[must_use]
    pub fn leaf_index(&self) -> u64 {
        self.leaf_index
    }
}

async fn verified_file(
    node: &Arc<Node>,
    caller: &Caller,
    permit: &Permit,
    identifier: &Identifier,
    question: Question<'_>,
    leaf: &mut Leaf,
) -> Result<VerifiedFile, Refusal> {
    check_permit(node, caller, permit, identifier)?;
    let found = directory::find(node, caller, identifier)
        .await?
        .ok_or(Refusal::NotFound)?;
    let entry = found.entry;
    let file = usable_file(node, &entry.public)?.clone();
    leaf.entity = Some(EntityReference {
        revision: Some(entry.public.revision),
        file_sm3: Some(file.sm3.clone()),
        peer: Some(entry.public.home_node.clone()),
    });
    let (fetched, is_fresh) = fetch::fetch(node, permit, &entry.public, &file).await?;
    let question = Question {
        entry: Some(&entry),
        ..question
    };
    let verdict = seals::verify_known(node, &fetched, question).await?;
    leaf.verdict = Some(seals::reference(node, &verdict));
    if is_fresh && leaf.activity == Activity::Deliver {
        record_verified(node, leaf, &verdict).await?;
    }
    VerifiedFile::from_verdict(fetched, verdict, &entry, &file)
}

impl VerifiedFile {
    /// The gate: the verdict must be `valid` and about these very bytes.
    fn from_verdict(
        fetched: Digested,
        verdict: Arc<Verdict>,
        entry: &Entry,
        file: &FileReference,
    ) -> Result<Self, Refusal> {
        if fetched.sm3() != file.sm3 || verdict.sm3 != file.sm3 {
            return Err(Refusal::DigestMismatch);
        }
        if !verdict.is_valid() {
            // A verdict that is not valid always names its finding.
            let code = verdict.code.unwrap_or(FindingCode::Unsigned);
            return Err(Refusal::NotDelivered { code, verdict });
        }
        let identifier = entry.public.identifier.clone();
        Ok(Self {
            file: fetched,
            verdict,
            identifier,
            revision: entry.public.revision,
        })
    }
}

/// Before anything is known but who asks for what by which right.
fn leaf_of_use(
    node: &Node,
    activity: Activity,
    caller: &Caller,
    permit: &Permit,
    identifier: &Identifier,
) -> Leaf {
    let mut leaf = node.leaf(activity);
    leaf.identifier = Some(identifier.as_str().to_owned());
    leaf.agent = Some(caller.agent());
    leaf.matter = Some(permits::matter(&permit.record().purpose));
    leaf.permit = Some(permits::reference(permit.record()));
    leaf
}

/// Records what came of a use; the index of its leaf.
async fn record_use(
    node: &Node,
    mut leaf: Leaf,
    permit: &Permit,
    refusal: Option<&Refusal>,
) -> Result<u64, Refusal> {
    // It happens now, after the fetch and the verification that were recorded meanwhile.
    leaf.at = node.clock.now();
    if let Some(refusal) = refusal {
        leaf.result = refusal.leaf_result();
        let verdict = match refusal {
            Refusal::NotDelivered { verdict, .. } => Some(verdict),
            _ => None,
        };
        if let Some(verdict) = verdict {
            leaf.verdict = Some(seals::reference(node, verdict));
        }
        // A verification that found a bad file was no less done.
        if leaf.activity == Activity::Deliver || verdict.is_none() {
            leaf.activity = Activity::Refuse;
        }
    }
    let private = private_detail(&permit.record().purpose);
    node.record_read(leaf, Some(private)).await
}

fn question(caller: &Caller, profile: Profile, in_batch: bool) -> Question<'_> {
    let asking = Asking {
        caller: &caller.system,
        in_batch,
    };
    Question {
        profile,
        entry: None,
        asking,
    }
}

fn check_permit(
    node: &Node,
    caller: &Caller,
    permit: &Permit,
    identifier: &Identifier,
) -> Result<(), Refusal> {
    let record = permit.record();
    let is_callers =
        record.caller == caller.system && record.organisation == caller.organisation.to_string();
    if !is_callers || !permit.is_for(identifier) {
        return Err(Refusal::PermitUnknown);
    }
    if permit.has_expired(node.clock.now()) {
        return Err(Refusal::PermitExpired);
    }
    Ok(())
}

/// The file of a licence that may be relied on today; asked by both sides of a fetch.
pub(crate) fn usable_file<'e>(
    node: &Node,
    public: &'e EntryPublic,
) -> Result<&'e FileReference, Refusal> {
    if !public.status.is_usable() {
        return Err(Refusal::NotUsable {
            status: public.status,
        });
    }
    if !public.is_within_term_on(day_in_shanghai(node.clock.now())) {
        return Err(Refusal::NotInForce);
    }
    let file = public.file.as_ref().ok_or(Refusal::NoFile)?;
    if file.size_bytes > FILE_BYTES_MAX {
        let (node, code) = (public.home_node.clone(), "TOO_LARGE".to_owned());
        return Err(Refusal::PeerRefused { node, code });
    }
    Ok(file)
}

/// The verification of a file that was just fetched has its own leaf; a delivery from memory
/// repeats the verdict in its own.
async fn record_verified(node: &Node, delivery: &Leaf, verdict: &Verdict) -> Result<(), Refusal> {
    let mut leaf = node.leaf(Activity::Verify);
    leaf.identifier.clone_from(&delivery.identifier);
    leaf.entity.clone_from(&delivery.entity);
    leaf.agent.clone_from(&delivery.agent);
    leaf.verdict = Some(seals::reference(node, verdict));
    if let Some(code) = verdict.code {
        leaf.result = code.as_str();
    }
    node.record_read(leaf, None).await?;
    Ok(())
}
