//! What a node trusts now: its folder, its configuration, and what the topic `trust` says.
//!
//! Items come over the bus (`exchange/trust.rs`) into the table `trust_item`; from there they come
//! into memory here, at the start and after every change. Each accepted change begins a new *trust
//! epoch*. The epoch and the fingerprint of the certificates are in the keys of the caches of
//! verdicts, so that a revocation empties them by construction (invariant 4).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use certs::trust::{Material, TrustStore, check_item};
use chrono::{DateTime, Utc};
use schemas::trust_item::{ItemState, TrustContent};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::node::{Node, Peers, keys_path};
use crate::store::trust_items::{self, StoredItem};
use crate::store::{Store, StoreError};

/// Items read at a time: bodies are a few KiB, lists up to a mebibyte.
const ITEMS_PAGE: u32 = 64;

/// How long a message of a known node with an unknown key waits for the topic `trust`, which may
/// be bringing that key at this moment: news take far less than a second.
const NEWS_WAIT: Duration = Duration::from_secs(2);

/// How often one node's messages may wait so: whoever sends unknown keys on purpose holds a topic
/// up for a fifth of the time at most.
const NEWS_EVERY: Duration = Duration::from_secs(10);

/// What is trusted, in one piece: whoever takes it sees one state.
#[derive(Debug)]
pub struct TrustState {
    /// Certificates and revocation lists.
    pub store: Arc<TrustStore>,
    /// Nodes, their keys and regions.
    pub peers: Arc<Peers>,
    /// How many changes were accepted over the bus; 0 before the first.
    pub epoch: u64,
}

/// Trust of one node.
pub struct Trust {
    configured: Peers,
    inner: Mutex<Inner>,
    state: RwLock<Arc<TrustState>>,
    news: watch::Sender<u64>,
    /// When the topic was last seen to have been read to its end, on a bus that works.
    seen_at: Mutex<Option<DateTime<Utc>>>,
    /// When what the database says was taken up.
    opened_at: DateTime<Utc>,
    /// When a message of a node last waited for news, by node.
    waited: Mutex<HashMap<String, Instant>>,
}

struct Inner {
    folder: Arc<TrustStore>,
    /// Everything but seals, whose statuses are read where they are asked for.
    items: BTreeMap<String, (ItemState, Material)>,
}

/// How long ago it was that everything was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrustAge {
    /// When the topic was last read to its end, or else when this node started.
    pub(crate) since: DateTime<Utc>,
    /// How long ago that was.
    pub(crate) age: chrono::Duration,
    /// Whether the topic was read to its end at all.
    pub(crate) is_seen: bool,
}

/// Trust as `GET /v1/trust` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustReport {
    /// How many changes were accepted over the bus.
    pub epoch: u64,
    /// Digest of the trusted certificates and revocation lists.
    pub fingerprint: String,
    /// When the topic was last seen to have been read to its end; none since the start.
    pub seen_at: Option<DateTime<Utc>>,
    /// Seconds since then: how old this node's trust may be.
    pub age_s: Option<i64>,
    /// Id of the operator's present key; none where no operator is configured.
    pub operator_key: Option<String>,
    /// How many items of each kind came over the bus.
    pub items: BTreeMap<String, u64>,
    /// The routing table.
    pub nodes: Vec<NodeReport>,
}

/// One line of the routing table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Name of the node.
    pub name: String,
    /// Provinces it is home of.
    pub regions: Vec<String>,
    /// Ids of the signing keys that count now, oldest first.
    pub key_ids: Vec<String>,
    /// Whether nothing of it is believed any more.
    pub revoked: bool,
}

impl Trust {
    /// Puts together what the folder, the configuration and the database say.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn open(
        store: &Store,
        folder: TrustStore,
        configured: Peers,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let mut inner = Inner {
            folder: Arc::new(folder),
            items: BTreeMap::new(),
        };
        let (epoch, _) = inner.take_up(store, 0).await?;
        let state = inner.state(&configured, epoch);
        Ok(Self {
            configured,
            inner: Mutex::new(inner),
            state: RwLock::new(Arc::new(state)),
            news: watch::Sender::new(epoch),
            seen_at: Mutex::new(None),
            opened_at: now,
            waited: Mutex::new(HashMap::new()),
        })
    }

    /// What is trusted now.
    #[must_use]
    pub fn state(&self) -> Arc<TrustState> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up what the database has learned since; measures how long each item was under way.
    /// Called by the one task that reads the topic, and by whoever changed an item here.
    ///
    /// # Errors
    /// Failures of the database; what is trusted stays as it was.
    pub(crate) async fn refresh(&self, node: &Node) -> Result<(), StoreError> {
        let before = self.state().epoch;
        let mut fresh = Inner {
            folder: Arc::new(TrustStore::empty()),
            items: BTreeMap::new(),
        };
        let (epoch, issued) = fresh.take_up(&node.store, before).await?;
        if epoch == before {
            return Ok(());
        }
        {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            // Two refreshes at once read the same items: the later one changes nothing more.
            let known = self.state();
            let epoch = epoch.max(known.epoch);
            let state = if fresh.items.is_empty() {
                let (store, peers) = (Arc::clone(&known.store), Arc::clone(&known.peers));
                TrustState {
                    store,
                    peers,
                    epoch,
                }
            } else {
                inner.items.append(&mut fresh.items);
                inner.state(&self.configured, epoch)
            };
            *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
        }
        self.news.send_replace(epoch);
        let now = node.clock.now();
        for issued_at in issued {
            let delay = (now - issued_at).to_std().unwrap_or_default();
            metrics::histogram!("hub_trust_delay_seconds").record(delay.as_secs_f64());
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a gauge; exact up to 2^53 changes"
        )]
        metrics::gauge!("hub_trust_epoch").set(epoch as f64);
        take_up_own_keys(node);
        Ok(())
    }

    /// Puts other certificates in the place of the folder's.
    pub fn replace_folder(&self, folder: TrustStore) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.folder = Arc::new(folder);
        let epoch = self.state().epoch;
        let state = inner.state(&self.configured, epoch);
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }

    /// Notes that the topic was read to its end on a bus that works.
    pub(crate) fn saw_end(&self, at: DateTime<Utc>) {
        *self.seen_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// How long ago it was that everything was known; none where no operator says anything, so that
    /// only the folder and the configuration count.
    pub(crate) fn age(&self, now: DateTime<Utc>) -> Option<TrustAge> {
        self.configured.operator()?;
        let seen_at = *self.seen_at.lock().unwrap_or_else(PoisonError::into_inner);
        let since = seen_at.unwrap_or(self.opened_at);
        Some(TrustAge {
            since,
            age: (now - since).max(chrono::Duration::zero()),
            is_seen: seen_at.is_some(),
        })
    }

    /// Whether a message of `origin` with an unknown key may wait for news of it: the topics are
    /// read side by side, and a message may arrive before the key it was signed with. Only those
    /// of known nodes, and seldom: until when.
    pub(crate) fn patience_with(&self, origin: &str) -> Option<Instant> {
        self.state().peers.find(origin)?;
        let mut waited = self.waited.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        waited.retain(|_, at| now.duration_since(*at) < NEWS_EVERY);
        if waited.contains_key(origin) {
            return None;
        }
        waited.insert(origin.to_owned(), now);
        Some(now + NEWS_WAIT)
    }

    /// Waits for a trust epoch after `seen`; false when there is none until then.
    pub(crate) async fn is_news_after(&self, seen: u64, until: Instant) -> bool {
        let mut news = self.news.subscribe();
        let later = news.wait_for(|epoch| *epoch > seen);
        matches!(tokio::time::timeout_at(until, later).await, Ok(Ok(_)))
    }
}

/// Trust of a node in words and numbers.
///
/// # Errors
/// Failures of the database.
pub async fn report(node: &Node) -> Result<TrustReport, StoreError> {
    let state = node.trust.state();
    let now = node.clock.now();
    let seen_at = *node
        .trust
        .seen_at
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let counts = trust_items::counts(node.store.reader()).await?;
    let nodes = state.peers.iter().map(|(name, peer)| NodeReport {
        name: name.to_owned(),
        regions: peer.regions.iter().map(ToString::to_string).collect(),
        key_ids: peer
            .keys
            .iter()
            .filter(|key| key.holds_at(now))
            .map(|key| key.keys.key_id().to_owned())
            .collect(),
        revoked: peer.revoked,
    });
    Ok(TrustReport {
        epoch: state.epoch,
        fingerprint: state.store.fingerprint(),
        seen_at,
        age_s: seen_at.map(|seen_at| (now - seen_at).num_seconds().max(0)),
        operator_key: state.peers.operator().map(|key| key.key_id().to_owned()),
        items: counts.into_iter().collect(),
        nodes: nodes.collect(),
    })
}

impl Inner {
    /// Reads the items after `epoch`; the last epoch, and when each of them was signed.
    async fn take_up(
        &mut self,
        store: &Store,
        mut epoch: u64,
    ) -> Result<(u64, Vec<DateTime<Utc>>), StoreError> {
        let mut issued = Vec::new();
        loop {
            let page = trust_items::since(store.reader(), epoch, ITEMS_PAGE).await?;
            let is_last = page.len() < usize::try_from(ITEMS_PAGE).unwrap_or(usize::MAX);
            for stored in page {
                epoch = stored.epoch;
                issued.push(stored.item.issued_at);
                self.keep(stored);
            }
            if is_last {
                return Ok((epoch, issued));
            }
        }
    }

    fn keep(&mut self, stored: StoredItem) {
        let item = stored.item;
        if matches!(item.content, TrustContent::Seal(_)) {
            return;
        }
        match check_item(&item) {
            Ok(material) => {
                self.items.insert(item.name, (item.state, material));
            }
            // It was checked when it came; an older version of the program checked less.
            Err(cause) => {
                tracing::error!(item = item.name, cause = %cause, "a trust item is not used");
            }
        }
    }

    fn state(&self, configured: &Peers, epoch: u64) -> TrustState {
        let mut store = TrustStore::clone(&self.folder);
        let mut peers = configured.clone();
        for (name, (state, material)) in &self.items {
            let taken = match (material, state) {
                (Material::Certificate(certificate), ItemState::Listed) => {
                    store.add_parsed(certificate)
                }
                (Material::Certificate(certificate), ItemState::Withdrawn) => {
                    store.withdraw(certificate)
                }
                (Material::Crl(list), ItemState::Listed) => store.add_crl(list),
                (Material::Node(node), state) => {
                    let mut node = node.clone();
                    node.revoked |= *state == ItemState::Withdrawn;
                    peers.put(name.strip_prefix("node:").unwrap_or(name), &node);
                    Ok(())
                }
                (Material::Crl(_), ItemState::Withdrawn)
                | (Material::Operator { .. } | Material::Seal, _) => Ok(()),
            };
            if let Err(cause) = taken {
                tracing::error!(item = name, cause = %cause, "a trust item has no effect");
            }
        }
        self.follow_operator(&mut peers);
        TrustState {
            store: Arc::new(store),
            peers: Arc::new(peers),
            epoch,
        }
    }

    /// From the configured key along the successors, in whatever order they are stored.
    fn follow_operator(&self, peers: &mut Peers) {
        let successors = || {
            self.items
                .values()
                .filter_map(|(state, material)| match material {
                    Material::Operator { follows, key } if *state == ItemState::Listed => {
                        Some((follows, key))
                    }
                    _ => None,
                })
        };
        while successors().any(|(follows, key)| peers.follow_operator(follows, key)) {}
    }
}

/// A running node takes up the pair of keys that `hub keys roll` has added as soon as its peers
/// have been told of it.
fn take_up_own_keys(node: &Node) {
    let state = node.trust.state();
    let mut listed = state.peers.own_key_ids(node.clock.now());
    if listed.all(|key_id| node.keys.holds(key_id)) {
        return;
    }
    match node.keys.take_up(&keys_path(&node.config.data)) {
        Ok(()) => tracing::info!(node.name = node.name, "took up further keys of its own"),
        Err(cause) => tracing::error!(
            node.name = node.name,
            code = cause.code(),
            cause = %cause,
            "the operator lists keys of this node that it cannot take up"
        ),
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Trust")
            .field("epoch", &self.state().epoch)
            .finish_non_exhaustive()
    }
}
