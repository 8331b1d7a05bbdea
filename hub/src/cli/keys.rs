//! `hub keys`: the pairs of keys of a node.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use certs::node_key::{self, NodePublicKeys};
use certs::trust::KnownKey;
use chrono::{DateTime, Duration, Utc};
use schemas::trust_item::{NodeItem, NodeRole};

use super::out::outln;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, NodeConfig, Role};
use crate::node::{keys_path, node_keys};

/// When a next pair begins to count if nothing is said: time enough to bring it to the operator
/// and for all nodes to hear of it.
const BEGINS_AFTER: Duration = Duration::hours(24);

/// The pairs of keys with which a node signs and to which others seal.
///
/// A rollover without stopping: `hub keys roll` adds a pair to the node's file of keys and prints
/// the node as the operator should list it; the operator signs that with `hub trust add node`; the
/// running node begins to sign with the new pair when it counts and the topic lists it.
#[derive(Debug, clap::Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, clap::Subcommand)]
enum KeysCommand {
    /// Print the node with its public keys, as the operator lists it.
    Show(Which),
    /// Add a next pair to the file of keys, then print as `show` does.
    Roll(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Configuration file of the node.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// When the newest pair begins to count, RFC 3339; in a day when not given.
    #[arg(long, value_name = "RFC3339")]
    from: Option<DateTime<Utc>>,
    /// Days for which the pair before it counts beside it.
    #[arg(long, value_name = "N", default_value_t = 7)]
    #[arg(value_parser = clap::value_parser!(i64).range(0..=3650))]
    overlap_days: i64,
}

/// Runs the command.
///
/// # Errors
/// A configuration or a file of keys that cannot be used.
pub(super) fn run(args: &KeysArgs) -> anyhow::Result<ExitCode> {
    let (which, rolls) = match &args.command {
        KeysCommand::Show(which) => (which, false),
        KeysCommand::Roll(which) => (which, true),
    };
    let config = Config::load(&which.config)?.node;
    if rolls {
        roll(&config.data)?;
    }
    let keys = node_keys(&config.data)?.all_public();
    let from = which.from.unwrap_or(SystemClock.now() + BEGINS_AFTER);
    let until = from + Duration::days(which.overlap_days);
    let item = item(&config, &keys, from, until);
    outln!("{}", serde_json::to_string_pretty(&item)?)?;
    Ok(ExitCode::SUCCESS)
}

fn roll(data: &Path) -> anyhow::Result<()> {
    let path = keys_path(data);
    node_key::roll(&path).with_context(|| format!("file of keys {}", path.display()))?;
    Ok(())
}

/// The node with its newest pair and the one before it; still older ones are over.
fn item(
    config: &NodeConfig,
    keys: &[NodePublicKeys],
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> NodeItem {
    let mut listed = Vec::new();
    if let Some((newest, older)) = keys.split_last() {
        let mut newest = KnownKey::unbounded(newest.clone());
        if let Some(before) = older.last() {
            let mut before = KnownKey::unbounded(before.clone());
            before.not_after = Some(until);
            newest.not_before = from;
            listed.push(before.to_item());
        }
        listed.push(newest.to_item());
    }
    NodeItem {
        name: config.name.clone(),
        role: match config.role {
            Role::National => NodeRole::National,
            Role::Province => NodeRole::Province,
        },
        regions: config.regions.clone(),
        keys: listed,
        revoked: false,
    }
}
