//! Items of what is added: a revocation list must not take away what an older one says.

use std::collections::BTreeMap;

use anyhow::Context;
use certs::trust::{is_older_list, item_name_of, older_list_name_of, says_more};
use schemas::trust_item::{ItemState, TrustContent, TrustItem};

use super::topic_items::Topic;
use super::{item, named};

/// The items of contents. The topic has one list in an issuer's name, the newest; an older one that
/// says more stays beside it by a name of its own, for nodes that read the topic only later.
///
/// Who came back from a suspension and expired before the next list is not told apart from who
/// expired while revoked: where only the list that names it stays, it counts as revoked.
pub(super) fn of(contents: Vec<TrustContent>, topic: &Topic) -> anyhow::Result<Vec<TrustItem>> {
    let mut items = Vec::new();
    let mut newest: BTreeMap<String, TrustContent> = BTreeMap::new();
    for content in contents {
        if !matches!(content, TrustContent::Crl { .. }) {
            items.push(item(content, ItemState::Listed, topic)?);
            continue;
        }
        let name = item_name_of(&content).context("the item cannot be named")?;
        let known = newest.get(&name).or_else(|| topic.content(&name));
        let older = match known {
            Some(known) if is_older_list(&content, known) => Some(content),
            known => {
                let older = known.filter(|known| says_more(known, &content)).cloned();
                newest.insert(name, content);
                older
            }
        };
        if let Some(older) = older {
            let name = older_list_name_of(&older).context("the item cannot be named")?;
            if topic.content(&name).is_none() {
                items.push(named(name, older, ItemState::Listed, topic)?);
            }
        }
    }
    for content in newest.into_values() {
        items.push(item(content, ItemState::Listed, topic)?);
    }
    Ok(items)
}
