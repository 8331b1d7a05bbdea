//! What is registered, written in few round trips.

use schemas::entry::Entry;
use schemas::leaf::Activity;

use super::{Original, Registering};
use crate::node::Node;
use crate::store::entries::{self, Upserted};
use crate::store::rejections::{self, Rejection};
use crate::store::{StoreError, Tx, originals, outbox, registrations};

/// Writes entries, each licence version once, with everything that belongs to them.
pub(in crate::directory) async fn write(
    node: &Node,
    tx: &mut Tx<'_>,
    registering: &[Registering],
) -> Result<(), StoreError> {
    let Some(first) = registering.first() else {
        return Ok(());
    };
    let entries: Vec<&Entry> = registering.iter().map(|one| &one.entry).collect();
    let at = first.registration.registered_at;
    let done = entries::upsert_all(tx, &entries, &node.keys, at).await?;
    let (mut written, mut paths) = (Vec::new(), Vec::new());
    for (one, done) in registering.iter().zip(done) {
        let identifier = one.registration.identifier.as_str();
        if done == Upserted::Older {
            tracing::warn!(
                entry.identifier = identifier,
                entry.revision = one.registration.revision,
                "the store already has this revision"
            );
            continue;
        }
        written.push(one);
        if let Some(Original(path)) = &one.original
            // Of a licence that is new here there is nothing to take away.
            && (path.is_some() || done == Upserted::Updated)
        {
            paths.push((identifier, path.as_deref()));
        }
    }
    let registrations: Vec<_> = written.iter().map(|one| &one.registration).collect();
    registrations::upsert_all(tx, &registrations).await?;
    originals::put_all(tx, &paths, node.keys.column_key()).await?;
    let messages: Vec<_> = written.iter().map(|one| &one.message).collect();
    outbox::enqueue_all(tx, &messages).await?;
    for one in written {
        node.log.append(tx, one.leaf.clone(), None).await?;
    }
    Ok(())
}

/// A line that cannot be read is kept with its reason; the same fault of the same line again
/// adds nothing.
pub(super) async fn reject(
    node: &Node,
    tx: &mut Tx<'_>,
    rejection: &Rejection,
) -> Result<(), StoreError> {
    if !rejections::record(tx, rejection).await? {
        return Ok(());
    }
    let mut leaf = node.leaf(Activity::Refuse);
    leaf.identifier.clone_from(&rejection.identifier);
    leaf.result = rejection
        .reasons
        .first()
        .map_or_else(|| "REJECTED".to_owned(), |reason| reason.rule.clone());
    node.log.append(tx, leaf, None).await?;
    Ok(())
}
