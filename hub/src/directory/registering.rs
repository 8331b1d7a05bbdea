//! Entries on their way into the directory: planned, signed as the change that tells of them, and
//! written with all that belongs to them.

use chrono::{DateTime, Utc};
use schemas::entry::Entry;
use schemas::envelope::{MessageType, topic};
use schemas::leaf::{Activity, Agent, EntityReference, Leaf};
use schemas::message::DirectoryChange;
use schemas::status::LicenceStatus;

use crate::exchange::outgoing::{self, Draft, Unsigned};
use crate::exchange::sealed;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::store::entries::{self, Upserted};
use crate::store::outbox::{self, Outgoing};
use crate::store::registrations::{self, Registration};
use crate::store::{StoreError, Tx, originals};

/// An entry that is new or changed.
pub(super) struct Planned {
    pub(super) entry: Entry,
    pub(super) content_token: String,
    /// Where the library keeps the file, when the library was read; none when it was not.
    pub(super) original: Option<Original>,
    /// What the library itself said last about the status.
    pub(super) library_status: Option<LicenceStatus>,
    pub(super) agent: Option<Agent>,
}

/// Where the library keeps the file of a licence; none when it has no file.
pub(super) struct Original(pub(super) Option<String>);

/// An entry ready to be committed.
pub(super) struct Registering {
    entry: Entry,
    registration: Registration,
    original: Option<Original>,
    message: Outgoing,
    leaf: Leaf,
}

/// Writes entries with all that belongs to them, in few statements.
pub(super) async fn write_all(
    node: &Node,
    tx: &mut Tx<'_>,
    registering: &[&Registering],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let all: Vec<&Entry> = registering.iter().map(|one| &one.entry).collect();
    let done = entries::upsert_all(tx, &all, &node.keys, at).await?;
    let mut written = Vec::with_capacity(registering.len());
    for (one, done) in registering.iter().zip(done) {
        if done == Upserted::Older {
            tracing::warn!(
                entry.identifier = one.registration.identifier,
                entry.revision = one.registration.revision,
                "the store already has this revision"
            );
        } else {
            written.push(*one);
        }
    }
    let registrations: Vec<&Registration> = written.iter().map(|one| &one.registration).collect();
    registrations::upsert_all(tx, &registrations).await?;
    let originals: Vec<(&str, Option<&str>)> = written
        .iter()
        .filter_map(|one| {
            let Original(path) = one.original.as_ref()?;
            Some((one.registration.identifier.as_str(), path.as_deref()))
        })
        .collect();
    originals::put_all(tx, &originals, node.keys.column_key()).await?;
    let messages: Vec<&Outgoing> = written.iter().map(|one| &one.message).collect();
    outbox::enqueue_all(tx, &messages).await?;
    for one in written {
        node.log.append(tx, one.leaf.clone(), None).await?;
    }
    Ok(())
}

/// Seals and signs what is registered together.
pub(super) fn sign_all(node: &Node, planned: Vec<Planned>) -> Result<Vec<Registering>, Refusal> {
    let sealer = sealed::SealerFor::new(node, &node.config.national)?;
    let unsigned = planned
        .iter()
        .map(|one| one.change(node, &sealer))
        .collect::<Result<Vec<_>, _>>()?;
    let messages = outgoing::sign_all(node, unsigned).map_err(Refusal::internal)?;
    let pairs = planned.into_iter().zip(messages);
    Ok(pairs
        .map(|(planned, message)| planned.with(node, message))
        .collect())
}

impl Planned {
    /// The message that tells of it.
    fn change(&self, node: &Node, sealer: &sealed::SealerFor) -> Result<Unsigned, Refusal> {
        let public = &self.entry.public;
        let change = DirectoryChange {
            entry: public.clone(),
            private: sealer.seal_private(&self.entry)?,
        };
        let draft = Draft {
            topic: topic::DIRECTORY_CHANGES.to_owned(),
            key: public.identifier.licence_key(),
            message_type: MessageType::DirectoryChange,
            recipient: Some(&node.config.national),
            subject: Some(public.identifier.as_str()),
            correlation: None,
            deadline: None,
        };
        draft.unsigned(node, &change).map_err(Refusal::internal)
    }

    fn with(self, node: &Node, message: Outgoing) -> Registering {
        let Self {
            entry,
            content_token,
            original,
            library_status,
            agent,
        } = self;
        let public = &entry.public;
        let mut leaf = node.leaf(Activity::Register);
        leaf.identifier = Some(public.identifier.as_str().to_owned());
        leaf.entity = Some(EntityReference {
            revision: Some(public.revision),
            file_sm3: public.file.as_ref().map(|file| file.sm3.clone()),
            peer: None,
        });
        leaf.agent = agent;
        leaf.message = Some(schemas::leaf::MessageReference {
            id: message.message_id.clone(),
            topic: None,
            partition: None,
            position: None,
        });
        let registration = Registration {
            identifier: public.identifier.as_str().to_owned(),
            revision: public.revision,
            content_token,
            message_id: message.message_id.clone(),
            outcome: None,
            registered_at: leaf.at,
            library_status,
        };
        Registering {
            entry,
            registration,
            original,
            message,
            leaf,
        }
    }
}

impl Registering {
    /// Identifier and revision.
    pub(super) fn registered(&self) -> (&str, u64) {
        let registration = &self.registration;
        (&registration.identifier, registration.revision)
    }
}
