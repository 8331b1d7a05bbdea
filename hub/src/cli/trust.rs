//! `hub trust`: what the operator of all nodes says on the topic `trust`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use certs::envelope_security::sign_envelope;
use certs::node_key::{NodeKeys, NodePublicKeys};
use certs::trust::{KnownKey, check_item, contents_of_file, item_name_of};
use chrono::{DateTime, Utc};
use connectors::bus::OutgoingRecord;
use schemas::envelope::{Envelope, MessageType, OPERATOR, topic};
use schemas::seal_status::{SealReason, SealState, SealStatus};
use schemas::trust_item::{ItemState, NodeItem, TrustContent, TrustItem, seal_item_name};

use super::out::outln;
use super::serve::open_bus;
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::permits::event_id;
use crate::seals::next_serial;

mod list_items;
mod topic_items;

use self::topic_items::Topic;

/// File of the operator's keys, and file of their public half.
const KEYS_FILE: &str = "operator.keys";
const PUBLIC_FILE: &str = "operator.node.json";

/// What all nodes trust: the operator signs it, the topic `trust` carries it.
///
/// Certificates, revocation lists, the nodes with their keys and regions, and the status of
/// seals. The nodes' configuration names the file of the operator's public keys, `operator` in
/// `[node]`; the file of private keys (mode 0600) is best kept on a machine of its own.
#[derive(Debug, clap::Args)]
pub(super) struct TrustArgs {
    #[command(subcommand)]
    command: TrustCommand,
}

#[derive(Debug, clap::Subcommand)]
enum TrustCommand {
    /// Make the operator's keys.
    Init {
        /// Folder for operator.keys and operator.node.json.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// List what the topic holds: name, serial, state, whose it is, since when, who signed it.
    ///
    /// What no node takes in – unsigned, changed, signed by somebody else – is named with the
    /// reason; the exit code is then 1.
    List {
        /// Configuration of a node, for the bus and the operator's public keys.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Say that something is trusted from now on.
    Add {
        #[command(flatten)]
        signing: Signing,
        #[command(subcommand)]
        what: Added,
    },
    /// Say that something is not trusted any more.
    Revoke {
        #[command(flatten)]
        signing: Signing,
        #[command(subcommand)]
        what: Revoked,
    },
}

#[derive(Debug, clap::Args)]
struct Signing {
    /// File of the operator's keys.
    #[arg(long, value_name = "FILE")]
    operator: PathBuf,
    /// Configuration of a node, for the bus.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, clap::Subcommand)]
enum Added {
    /// Self-signed CA certificates, PEM or DER, one or more in a file.
    Anchor { file: PathBuf },
    /// Other CA certificates, one or more in a file.
    Intermediate { file: PathBuf },
    /// Certificates of seal makers, one or more in a file.
    Maker { file: PathBuf },
    /// Certificate revocation lists, one or more in a file.
    Crl { file: PathBuf },
    /// A node as `hub keys show` prints it.
    Node { file: PathBuf },
    /// The operator's next public keys, an operator.node.json. From then on the present ones sign
    /// nothing more.
    Operator { file: PathBuf },
}

#[derive(Debug, clap::Subcommand)]
enum Revoked {
    /// Anchors, by their certificates, as `add` takes them.
    Anchor { file: PathBuf },
    /// Intermediates, by their certificates.
    Intermediate { file: PathBuf },
    /// Seal makers, by their certificates.
    Maker { file: PathBuf },
    /// A node that the topic lists: nothing of it is believed any more.
    Node { name: String },
    /// A seal, by the SM3 of its DER.
    Seal {
        sm3: String,
        /// `esID` of the seal.
        #[arg(long)]
        es_id: String,
        /// From when on, RFC 3339; now when not given.
        #[arg(long, value_name = "RFC3339")]
        since: Option<DateTime<Utc>>,
        /// Only for the time being.
        #[arg(long)]
        suspend: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// A file, configuration or bus that cannot be used; something that is not what it is said to be.
pub(super) async fn run(args: TrustArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        TrustCommand::Init { out } => init(&out)?,
        TrustCommand::List { config } => {
            let is_any_refused = topic_items::list(&config).await?;
            return Ok(ExitCode::from(u8::from(is_any_refused)));
        }
        TrustCommand::Add { signing, what } => {
            let keys = operator_keys(&signing.operator)?;
            let contents = what.contents(&keys)?;
            let topic = topic_items::read(&signing.config).await?;
            topic.check_operator(keys.public().key_id())?;
            let items = list_items::of(contents, &topic)?;
            publish(&signing, &keys, items).await?;
        }
        TrustCommand::Revoke { signing, what } => {
            let keys = operator_keys(&signing.operator)?;
            let topic = topic_items::read(&signing.config).await?;
            topic.check_operator(keys.public().key_id())?;
            let items = what.items(&topic)?;
            publish(&signing, &keys, items).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn init(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("folder {}", folder.display()))?;
    let keys = NodeKeys::generate()?;
    let path = folder.join(KEYS_FILE);
    keys.to_file(&path)
        .with_context(|| format!("file of keys {}", path.display()))?;
    let public = serde_json::to_vec_pretty(&keys.public())?;
    fs::write(folder.join(PUBLIC_FILE), public)?;
    outln!("{}", path.display())?;
    outln!(
        "  公钥 public keys  {}, 各节点在 [node] operator 中写明 for `operator` in every node's [node]",
        folder.join(PUBLIC_FILE).display()
    )?;
    Ok(())
}

fn operator_keys(path: &Path) -> anyhow::Result<NodeKeys> {
    NodeKeys::from_file(path).with_context(|| format!("file of keys {}", path.display()))
}

impl Added {
    fn contents(&self, keys: &NodeKeys) -> anyhow::Result<Vec<TrustContent>> {
        match self {
            Self::Anchor { file } => of_kind(file, "anchor"),
            Self::Intermediate { file } => of_kind(file, "intermediate"),
            Self::Maker { file } => of_kind(file, "maker"),
            Self::Crl { file } => of_kind(file, "crl"),
            Self::Node { file } => {
                let node: NodeItem = from_json(file)?;
                Ok(vec![TrustContent::Node(node)])
            }
            Self::Operator { file } => {
                let next: NodePublicKeys = from_json(file)?;
                Ok(vec![TrustContent::Operator {
                    follows: keys.public().key_id().to_owned(),
                    key: KnownKey::unbounded(next).to_item(),
                }])
            }
        }
    }
}

impl Revoked {
    fn items(self, topic: &Topic) -> anyhow::Result<Vec<TrustItem>> {
        let withdrawn = |file: &Path, kind| {
            of_kind(file, kind)?
                .into_iter()
                .map(|content| item(content, ItemState::Withdrawn, topic))
                .collect()
        };
        match self {
            Self::Anchor { file } => withdrawn(&file, "anchor"),
            Self::Intermediate { file } => withdrawn(&file, "intermediate"),
            Self::Maker { file } => withdrawn(&file, "maker"),
            Self::Node { name } => {
                let mut node = topic.node(&name)?;
                node.revoked = true;
                let content = TrustContent::Node(node);
                Ok(vec![item(content, ItemState::Withdrawn, topic)?])
            }
            Self::Seal {
                sm3,
                es_id,
                since,
                suspend,
            } => {
                let status = SealStatus {
                    seal_sm3: sm3,
                    es_id,
                    status: if suspend {
                        SealState::Suspended
                    } else {
                        SealState::Revoked
                    },
                    since: since.unwrap_or(SystemClock.now()),
                    reason: SealReason::Unspecified,
                    suspensions: Vec::new(),
                };
                let content = TrustContent::Seal(status);
                // Listed: it is the status that is said, and it says that the seal is revoked.
                Ok(vec![item(content, ItemState::Listed, topic)?])
            }
        }
    }
}

/// What the file holds, which must all be of one kind: nobody should list an anchor by mistake.
fn of_kind(file: &Path, kind: &str) -> anyhow::Result<Vec<TrustContent>> {
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    let contents = contents_of_file(&bytes).with_context(|| file.display().to_string())?;
    match contents.iter().find(|content| content.kind() != kind) {
        Some(other) => bail!(
            "{}: kind {} where {kind} was expected",
            file.display(),
            other.kind()
        ),
        None => Ok(contents),
    }
}

fn from_json<T: serde::de::DeserializeOwned>(file: &Path) -> anyhow::Result<T> {
    let text = fs::read(file).with_context(|| file.display().to_string())?;
    serde_json::from_slice(&text).with_context(|| file.display().to_string())
}

/// An item with a serial above the one that the topic holds, also when this machine's clock is
/// behind the one that made that: the nodes would pass it over.
fn item(content: TrustContent, state: ItemState, topic: &Topic) -> anyhow::Result<TrustItem> {
    let name = match &content {
        TrustContent::Node(node) => format!("node:{}", node.name),
        TrustContent::Seal(seal) => seal_item_name(None, &seal.seal_sm3),
        other => item_name_of(other).context("the item cannot be named")?,
    };
    named(name, content, state, topic)
}

fn named(
    name: String,
    content: TrustContent,
    state: ItemState,
    topic: &Topic,
) -> anyhow::Result<TrustItem> {
    let now = SystemClock.now();
    let item = TrustItem {
        serial: next_serial(topic.serial(&name), now),
        name,
        issued_at: now,
        state,
        content,
    };
    // The nodes would refuse it; better here, where it can be corrected.
    check_item(&item)?;
    Ok(item)
}

async fn publish(signing: &Signing, keys: &NodeKeys, items: Vec<TrustItem>) -> anyhow::Result<()> {
    let records = items
        .iter()
        .map(|item| record(keys, item))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let config = Config::load(&signing.config)?.node;
    let bus = open_bus(&config).await?;
    bus.publish(records).await?;
    for item in items {
        outln!("{}  #{}", item.name, item.serial)?;
    }
    Ok(())
}

/// The signed message of an item.
///
/// # Errors
/// An item that does not fit into a message: a revocation list of more than some 700 KiB.
pub(crate) fn record(keys: &NodeKeys, item: &TrustItem) -> anyhow::Result<OutgoingRecord> {
    let envelope = Envelope {
        id: event_id(item.issued_at),
        origin: OPERATOR.to_owned(),
        message_type: MessageType::TrustItem,
        subject: Some(item.name.clone()),
        time: item.issued_at,
        recipient: None,
        correlation: None,
        deadline: None,
    };
    let body = serde_json::to_vec(item)?;
    Ok(OutgoingRecord {
        topic: topic::TRUST.to_owned(),
        key: item.name.clone(),
        headers: sign_envelope(&envelope, topic::TRUST, &body, keys)?,
        body: body.into(),
    })
}
