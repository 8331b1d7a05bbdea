//! What a node trusts, and whether the others know it: folder, stored items, terms, keys.

use std::sync::Arc;

use certs::certificate::Certificate;
use certs::node_key::NodeKeys;
use certs::trust::{Role, TrustStore};
use chrono::{DateTime, Duration, Utc};
use schemas::trust_item::{ItemState, TrustContent};

use super::{DoctorArgs, Finding};
use crate::config::NodeConfig;
use crate::node::{Peers, open_trust};
use crate::store::{Store, trust_items};
use crate::trust::Trust;

/// Certificates and lists that are named; the rest are counted.
const NAMED_MAX: usize = 20;

/// Everything about trust that can be said with what is there.
pub(super) async fn check(
    config: &NodeConfig,
    store: Option<&Store>,
    keys: Option<&Arc<NodeKeys>>,
    args: &DoctorArgs,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let folder = match open_trust(&config.trust) {
        Ok(folder) => folder,
        Err(cause) => {
            return vec![Finding::fail(
                "trust",
                "DOCTOR_TRUST",
                anyhow::Error::new(cause),
            )];
        }
    };
    // A node that has not started has no keys yet; its list of peers is read all the same.
    let own = match keys {
        Some(keys) => Ok(Arc::clone(keys)),
        None => NodeKeys::generate().map(Arc::new),
    };
    let peers = match own.map(|own| Peers::from_config(config, &own)) {
        Ok(Ok(peers)) => peers,
        Ok(Err(cause)) => {
            let cause = anyhow::Error::new(cause);
            let mut found = vec![Finding::fail("peers", "DOCTOR_PEERS", cause)];
            found.extend(certificates(&folder, args, now));
            return found;
        }
        Err(cause) => return vec![Finding::fail("peers", "DOCTOR_KEYS", cause)],
    };
    let (Some(store), Some(keys)) = (store, keys) else {
        let mut found = certificates(&folder, args, now);
        found.extend(known_nodes(config, &peers, now));
        return found;
    };
    let mut found = Vec::new();
    match Trust::open(store, folder, peers, now).await {
        Ok(trust) => {
            let state = trust.state();
            found.extend(certificates(&state.store, args, now));
            found.extend(known_nodes(config, &state.peers, now));
            found.extend(own_key(config, store, keys, &state.peers, now).await);
        }
        Err(cause) => found.push(Finding::fail("trust", "DOCTOR_DATABASE", cause)),
    }
    found
}

/// What a certificate's term says; nothing when it is good for long.
pub(super) fn term(
    certificate: &Certificate,
    what: &str,
    days: u32,
    now: DateTime<Utc>,
    is_needed: bool,
) -> Option<Finding> {
    const CHECK: &str = "certificates";
    const CODE: &str = "DOCTOR_CERTIFICATE";
    if !certificate.is_valid_at(now) {
        let detail = format!("{what}: outside its term");
        return Some(match is_needed {
            true => Finding::fail(CHECK, CODE, detail),
            false => Finding::warn(CHECK, CODE, detail),
        });
    }
    let soon = now + Duration::days(i64::from(days));
    (!certificate.is_valid_at(soon))
        .then(|| Finding::warn(CHECK, CODE, format!("{what}: ends within {days} days")))
}

/// Certificates and revocation lists with their terms.
fn certificates(store: &TrustStore, args: &DoctorArgs, now: DateTime<Utc>) -> Vec<Finding> {
    let count = |wanted: Role| {
        store
            .certificates()
            .filter(|(_, role)| *role == wanted)
            .count()
    };
    let (anchors, lists) = (count(Role::Anchor), store.crls().count());
    let detail = format!(
        "{anchors} anchors, {} intermediates, {} seal makers, {lists} revocation lists",
        count(Role::Intermediate),
        count(Role::SealMaker)
    );
    let mut found = vec![match anchors {
        0 => Finding::warn("trust", "DOCTOR_TRUST", detail),
        _ => Finding::ok("trust", detail),
    }];
    let mut terms = Vec::new();
    for (certificate, role) in store.certificates() {
        let what = format!("{role:?} {}", certificate.subject_text());
        let is_needed = role == Role::Anchor;
        terms.extend(term(certificate, &what, args.days, now, is_needed));
    }
    let soon = now + Duration::days(i64::from(args.crl_days));
    for list in store.crls() {
        let issuer = store
            .certificates()
            .find(|(one, _)| one.subject() == list.issuer());
        let issuer = issuer.map_or("(issuer not trusted)", |(one, _)| one.subject_text());
        if list.is_stale_at(now) {
            let detail = format!("{issuer}: outside its term");
            terms.push(Finding::fail("lists", "DOCTOR_CRL", detail));
        } else if list.is_stale_at(soon) {
            let detail = format!("{issuer}: ends within {} days", args.crl_days);
            terms.push(Finding::warn("lists", "DOCTOR_CRL", detail));
        }
    }
    if terms.is_empty() {
        found.push(Finding::ok("certificates", "all within their terms"));
    }
    // The worst first: a country's seal makers would hide an anchor.
    terms.sort_by_key(|one| std::cmp::Reverse(one.grade));
    let more = terms.len().saturating_sub(NAMED_MAX);
    terms.truncate(NAMED_MAX);
    found.extend(terms);
    if more > 0 {
        let detail = format!("and {more} more certificates or lists");
        found.push(Finding::warn("certificates", "DOCTOR_CERTIFICATE", detail));
    }
    found
}

/// The other nodes: each has a key that counts, and the national node is among them.
fn known_nodes(config: &NodeConfig, peers: &Peers, now: DateTime<Utc>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, peer) in peers.iter().filter(|(name, _)| *name != config.name) {
        if !peer.revoked && !peer.keys.iter().any(|key| key.holds_at(now)) {
            let detail = format!("{name} has no key that counts now");
            found.push(Finding::warn("peers", "DOCTOR_PEERS", detail));
        }
    }
    if peers.find(&config.national).is_none() {
        let detail = format!("the national node {} is not known", config.national);
        found.push(Finding::fail("peers", "DOCTOR_PEERS", detail));
    }
    if found.is_empty() {
        let count = peers.iter().count().saturating_sub(1);
        found.push(Finding::ok(
            "peers",
            format!("{count} other nodes are known"),
        ));
    }
    found
}

/// Whether the others believe what this node signs, as far as the topic `trust` tells.
async fn own_key(
    config: &NodeConfig,
    store: &Store,
    keys: &NodeKeys,
    peers: &Peers,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    const CHECK: &str = "node key";
    const CODE: &str = "DOCTOR_NODE_KEY";
    let name = &config.name;
    if peers.find(name).is_none() {
        return vec![Finding::fail(
            CHECK,
            CODE,
            format!("node {name} is revoked"),
        )];
    }
    if !peers.own_key_ids(now).any(|key_id| keys.holds(key_id)) {
        let detail = format!("no key of this node is listed for {name} and counts now");
        return vec![Finding::fail(CHECK, CODE, detail)];
    }
    let item = match trust_items::named(store.reader(), &[format!("node:{name}")]).await {
        Ok(item) => item,
        Err(cause) => return vec![Finding::fail(CHECK, "DOCTOR_DATABASE", cause)],
    };
    let is_listed = item.iter().any(|stored| {
        stored.item.state == ItemState::Listed
            && matches!(stored.item.content, TrustContent::Node(_))
    });
    vec![match (is_listed, config.operator.is_some()) {
        (true, _) => Finding::ok(CHECK, "listed by the operator"),
        (false, true) => {
            let detail = "the operator does not list this node: only peers whose configuration \
                          names its keys believe it";
            Finding::warn(CHECK, CODE, detail)
        }
        (false, false) => Finding::ok(
            CHECK,
            "no operator: the peers' configurations name this node's keys",
        ),
    }]
}
