//! One running node: what every path needs, assembled from its configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use certs::envelope_security::CheckedBatches;
use certs::node_key::NodeKeys;
use certs::sealing::Sealers;
use certs::sm2_verification;
use certs::trust::TrustStore;
use connectors::bus::Bus;
use connectors::source::{FolderSource, Source};
use schemas::leaf::{Activity, Leaf, PrivateDetail};
use schemas::licence_type::{LicenceTypeCode, LicenceTypes};
use schemas::permit::PermitRecord;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::{NodeConfig, Role, Sm2Code};
use crate::permits::{PermitPolicy, event_id};
use crate::provenance::{ProvenanceLog, RecordError, Recorder};
use crate::refusal::Refusal;
use crate::seals::{SealAnswers, Verifier};
use crate::spool::Spool;
use crate::store::{Store, StoreError, permits};
use crate::trace::Trace;
use crate::trust::Trust;
use crate::{directory, exchange, files};

mod keys;
mod peers;

pub use keys::{keys_path, node_keys};
pub use peers::{KeyDoubt, Peer, Peers};

/// Longest wait for the tasks of a node when it stops: a task that hangs longer is abandoned, as
/// a kill would; every task survives that.
const STOP_WAIT: Duration = Duration::from_secs(20);

/// Seconds after which a caller may try again when a queue of this node is full.
pub const RETRY_AFTER_S: u32 = 1;

/// One running node.
pub struct Node {
    /// Name of the node.
    pub name: String,
    /// Its configuration.
    pub config: NodeConfig,
    /// Its database.
    pub store: Store,
    /// The way to the other nodes.
    pub bus: Arc<dyn Bus>,
    /// The library whose originals it holds, if it holds any.
    pub source: Option<Arc<dyn Source>>,
    /// Its own keys.
    pub keys: Arc<NodeKeys>,
    /// What it trusts, the nodes it knows among it.
    pub trust: Trust,
    /// The registered licence types.
    pub types: LicenceTypes,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Its provenance log.
    pub log: ProvenanceLog,
    /// The batch writer that records reads.
    pub recorder: Recorder,
    /// Who may have which licence for which matter.
    pub permits: PermitPolicy,
    /// Verification of files, with its limits and its cache of verdicts.
    pub verifier: Verifier,
    /// Where files that callers bring are kept meanwhile.
    pub spool: Spool,
    pub(crate) lookups: directory::LookupCache,
    pub(crate) files: files::FileCache,
    pub(crate) waiting: exchange::Waiting,
    /// Signatures over several messages that were found good.
    pub(crate) checked_batches: CheckedBatches,
    /// Secrets for the other nodes that are in use.
    pub(crate) sealers: Sealers,
    /// How often each other node may ask.
    pub(crate) questions: exchange::Questions,
    pub(crate) outbox_wake: Notify,
    /// Held while entries are registered: revisions are counted by one task at a time.
    pub(crate) registering: Mutex<()>,
    pub(crate) seal_answers: SealAnswers,
}

/// A node with its tasks; dropping it without [`Running::shutdown`] is like a kill.
pub struct Running {
    /// The node.
    pub node: Arc<Node>,
    tasks: TaskTracker,
    stop: CancellationToken,
    recorder_task: tokio::task::JoinHandle<()>,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// A folder of the node cannot be made.
    #[error("{path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database exists without the keys that its columns are sealed with.
    #[error("{0} has a database but no keys: restore the file of keys that belongs to it")]
    KeysMissing(PathBuf),
    /// The folder of what is trusted is missing. It is not made by itself: a node that trusts
    /// nothing because of a misspelt path would refuse every file.
    #[error(
        "the trust folder {0} does not exist: make it and put the certificates and revocation \
         lists for seals into it (empty: every seal is untrusted), or set node.trust"
    )]
    NoTrust(PathBuf),
    /// The database was written with other keys.
    #[error("the keys in {0} are not those of the database: restore the file that belongs to it")]
    KeysOther(PathBuf),
    /// Something that the node needs cannot be opened.
    #[error("{what} cannot be used: {cause:#}")]
    Part {
        /// What is needed.
        what: &'static str,
        /// Why it cannot be used.
        cause: anyhow::Error,
    },
}

impl Node {
    /// Opens everything that the configuration names and starts the node's tasks: consumers of
    /// the bus, relay of the outbox, writer of the provenance log.
    ///
    /// # Errors
    /// The part that cannot be used; nothing keeps running then.
    pub async fn start(
        config: NodeConfig,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
    ) -> Result<Running, NodeError> {
        config.check()?;
        sm2_verification::use_openssl_alone(config.sm2 == Sm2Code::Openssl);
        sm2_verification::self_test().map_err(part("the verification of signatures"))?;
        let keys = Arc::new(node_keys(&config.data)?);
        let store = Store::of_node(&config)
            .await
            .map_err(part("the database"))?;
        let source = open_source(&config)?;
        let types = load_types(&config, source.as_deref()).await?;
        let trust = open_trust(&config.trust)?;
        let trust = Trust::open(
            &store,
            trust,
            Peers::from_config(&config, &keys)?,
            clock.now(),
        )
        .await
        .map_err(part("the stored trust"))?;
        let permits = PermitPolicy::from_config(&config).map_err(part("the permit policy"))?;
        let log = ProvenanceLog::open(&store, &config.name, &keys)
            .await
            .map_err(part("the provenance log"))?;
        keys::check_belongs(&store, &keys, &config.data).await?;
        let (recorder, recorder_task) = Recorder::start(store.clone(), log.clone());
        let node = Arc::new(Self {
            name: config.name.clone(),
            verifier: Verifier::new(&config.limits),
            spool: Spool::open(&config.data, &config.limits).map_err(part("the spool"))?,
            lookups: directory::LookupCache::new(),
            files: files::FileCache::new(),
            waiting: exchange::Waiting::new(),
            checked_batches: CheckedBatches::default(),
            sealers: Sealers::default(),
            questions: exchange::Questions::new(&config.limits),
            outbox_wake: Notify::new(),
            registering: Mutex::new(()),
            seal_answers: SealAnswers::new(),
            trust,
            config,
            store,
            bus,
            source,
            keys,
            types,
            clock,
            log,
            recorder,
            permits,
        });
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        exchange::start(&node, &tasks, &stop);
        Ok(Running {
            node,
            tasks,
            stop,
            recorder_task,
        })
    }

    /// The certificates and revocation lists that are trusted now.
    #[must_use]
    pub fn trust(&self) -> Arc<TrustStore> {
        Arc::clone(&self.trust.state().store)
    }

    /// The nodes it knows now, itself included.
    #[must_use]
    pub fn peers(&self) -> Arc<Peers> {
        Arc::clone(&self.trust.state().peers)
    }

    /// Replaces the certificates of its folder; verdicts given before no longer count, because
    /// their cache keys hold the fingerprint of the old trust.
    pub fn replace_trust(&self, trust: TrustStore) {
        self.trust.replace_folder(trust);
    }

    /// Whether this is the national node.
    #[must_use]
    pub fn is_national(&self) -> bool {
        self.config.role == Role::National
    }

    /// A leaf of this node, named and timed.
    #[must_use]
    pub fn leaf(&self, activity: Activity) -> Leaf {
        let now = self.clock.now();
        Leaf::new(event_id(now), now, &self.name, activity)
    }

    /// Records a read before its answer leaves; returns the index of the leaf in the log.
    ///
    /// # Errors
    /// The queue is full, or the log cannot be written: then there is no answer.
    pub async fn record_read(
        &self,
        leaf: Leaf,
        private: Option<PrivateDetail>,
    ) -> Result<u64, Refusal> {
        self.recorder
            .record(leaf, private)
            .await
            .map_err(|error| match error {
                // A node that stops has no answers either; its successor has.
                RecordError::Overloaded | RecordError::Stopped => Refusal::Overloaded {
                    retry_after_s: RETRY_AFTER_S,
                },
                other => Refusal::internal(other),
            })
    }

    /// Records a decision about a use, permitted or not, with its leaf in one transaction.
    ///
    /// # Errors
    /// The store fails: then there is no decision.
    pub async fn record_permit(
        &self,
        record: &PermitRecord,
        leaf: Leaf,
        private: PrivateDetail,
    ) -> Result<(), Refusal> {
        let (leaf, private) = (&leaf, &private);
        self.store
            .run_tx("record_permit", |tx| {
                Box::pin(async move {
                    permits::record(tx, record, self.keys.column_key()).await?;
                    self.log
                        .append(tx, leaf.clone(), Some(private.clone()))
                        .await?;
                    Ok::<_, StoreError>(())
                })
            })
            .await?;
        Ok(())
    }

    /// Metadata fields that a file of this type must carry and that must equal the entry's.
    #[must_use]
    pub fn required_metadata(&self, type_code: &LicenceTypeCode) -> Vec<String> {
        // A type that is not registered cannot excuse a file from saying what it is.
        let identity = || vec!["ZZBS".to_owned()];
        self.types
            .find(type_code)
            .map_or_else(identity, |licence_type| {
                licence_type.required_metadata.clone()
            })
    }

    /// Runs work that takes a processor for long, off the threads that serve requests.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let (node, trace) = (Arc::clone(self), Trace::current());
        tokio::task::spawn_blocking(move || Trace::scope_blocking(trace, || work(&node)))
            .await
            .map_err(Refusal::internal)
    }
}

impl Running {
    /// Stops consuming, lets what is under way finish, writes the records that wait, joins.
    pub async fn shutdown(self) {
        let Self {
            node,
            tasks,
            stop,
            recorder_task,
        } = self;
        stop.cancel();
        tasks.close();
        if tokio::time::timeout(STOP_WAIT, tasks.wait()).await.is_err() {
            tracing::warn!(
                node.name = node.name,
                "tasks still busy after the wait, abandoned"
            );
        }
        node.recorder.close().await;
        if recorder_task.await.is_err() {
            tracing::warn!(node.name = node.name, "writer of records ended early");
        }
        // A task that was abandoned may hold a connection for ever.
        if tokio::time::timeout(STOP_WAIT, node.store.close())
            .await
            .is_err()
        {
            tracing::warn!(
                node.name = node.name,
                "the database is still in use, abandoned"
            );
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Node")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Path of a node's database below its data folder.
#[must_use]
pub fn database_path(data: &Path) -> PathBuf {
    data.join("hub.sqlite")
}

/// The library that the configuration names, if it names one.
pub(crate) fn open_source(config: &NodeConfig) -> Result<Option<Arc<dyn Source>>, NodeError> {
    let Some(folder) = &config.source else {
        return Ok(None);
    };
    let digest = |bytes: &[u8]| hex::encode(certs::digest::sm3(bytes));
    let source = FolderSource::open(folder, digest).map_err(part("the library"))?;
    Ok(Some(Arc::new(source)))
}

/// The certificates and lists of a folder that must be there.
pub(crate) fn open_trust(folder: &Path) -> Result<TrustStore, NodeError> {
    if !folder.is_dir() {
        return Err(NodeError::NoTrust(folder.to_owned()));
    }
    TrustStore::from_folder(folder).map_err(part("the trust folder"))
}

async fn load_types(
    config: &NodeConfig,
    source: Option<&dyn Source>,
) -> Result<LicenceTypes, NodeError> {
    const WHAT: &str = "the list of licence types";
    if let Some(path) = &config.types {
        let text = tokio::fs::read(path).await.map_err(part(WHAT))?;
        return LicenceTypes::from_json(&text).map_err(part(WHAT));
    }
    if let Some(source) = source
        && let Some(text) = source.types().await.map_err(part(WHAT))?
    {
        return LicenceTypes::from_json(&text).map_err(part(WHAT));
    }
    Ok(LicenceTypes::builtin())
}

fn part<E: Into<anyhow::Error>>(what: &'static str) -> impl FnOnce(E) -> NodeError {
    move |cause| NodeError::Part {
        what,
        cause: cause.into(),
    }
}
