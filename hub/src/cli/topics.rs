//! `hub topics`: the topics of an exchange, as `deploy/topics.toml` says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use connectors::bus::kafka::topics::{TopicAdmin, TopicDifference, TopicPlan};
use figment::Figment;
use figment::providers::{Format as _, Toml};
use serde::Deserialize;

use crate::cli::out::outln;
use crate::config::{BusKind, Config, NodeConfig, SecurityKind};

mod resume;

/// The topics of an exchange, compiled in.
pub const TOPICS_FILE: &str = include_str!("../../../deploy/topics.toml");

/// Replicas of every partition when nothing else is asked for.
const REPLICATION: i32 = 3;

/// What stands for a node in the name of a topic.
const NODE: &str = "{node}";

/// Setting whose value depends on the number of replicas.
pub(super) const IN_SYNC: &str = "min.insync.replicas";

/// Make, compare and protect the topics of an exchange on Apache Kafka.
///
/// Which topics there are, with which settings and for whom, stands in deploy/topics.toml. The
/// nodes are the configured one and its peers.
#[derive(clap::Args, Debug)]
pub struct TopicsArgs {
    #[command(subcommand)]
    command: TopicsCommand,
}

#[derive(clap::Subcommand, Debug)]
enum TopicsCommand {
    /// Make missing topics and set their settings.
    ///
    /// Exit code 0 when all is as planned afterwards, 1 when something is left that this program
    /// does not change: the number of partitions or replicas.
    Apply(Place),
    /// Print every difference between the brokers and the plan.
    ///
    /// Exit code 0 when there is none, 1 when there is one.
    Check(Place),
    /// Print the commands that let each node do what it needs, and nothing else.
    ///
    /// The Kafka client of this program cannot set access rules itself: run what is printed with
    /// the brokers' own kafka-acls.sh, as an administrator. The brokers must refuse what no rule
    /// allows (allow.everyone.if.no.acl.found=false, the default).
    Acls(Place),
    /// Go on with the oldest record of a topic whose log no longer fits what the node has read.
    ///
    /// A node stops reading a topic, and is not ready, when records were deleted before it read
    /// them, or when the log was replaced (`BUS_EXPIRED`, `BUS_POSITION`). What is lost must come
    /// from elsewhere: changes from a new registration at their home node. Prints each partition
    /// that was moved; the decision is a leaf of the node's log.
    Resume {
        #[command(flatten)]
        place: Place,
        /// Name of the topic, without prefix.
        topic: String,
    },
}

#[derive(clap::Args, Debug)]
struct Place {
    /// Configuration file of a node; its [node.bus] says where the brokers are.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Replicas of every partition; 1 for a single broker.
    #[arg(long, value_name = "N", default_value_t = REPLICATION,
          value_parser = clap::value_parser!(i32).range(1..=16))]
    replication: i32,
}

/// Runs `hub topics`.
///
/// # Errors
/// A configuration without Kafka; brokers that do not answer or do not allow it.
pub async fn run(args: TopicsArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        TopicsCommand::Apply(place) => compare(&place, true).await,
        TopicsCommand::Check(place) => compare(&place, false).await,
        TopicsCommand::Acls(place) => print_acls(&load(&place)?),
        TopicsCommand::Resume { place, topic } => resume::run(&load(&place)?, &topic).await,
    }
}

/// The topics of an exchange of these nodes.
///
/// # Errors
/// The compiled-in file is not well formed.
pub fn plans(nodes: &BTreeSet<String>, replication: i32) -> anyhow::Result<Vec<TopicPlan>> {
    let file = topics_file()?;
    let mut plans = Vec::new();
    for topic in &file.topics {
        let mut settings = file.settings.clone();
        settings.extend(topic.settings.clone());
        if let Some(value) = settings.get_mut(IN_SYNC) {
            let planned: i32 = value.parse().context(IN_SYNC)?;
            *value = planned.min((replication - 1).max(1)).to_string();
        }
        for name in topic.names(nodes) {
            plans.push(TopicPlan {
                name,
                partitions: topic.partitions,
                replication,
                settings: settings.clone(),
            });
        }
    }
    Ok(plans)
}

/// The nodes that a configuration knows, its own included.
#[must_use]
pub fn nodes_of(config: &NodeConfig) -> BTreeSet<String> {
    let peers = config.peers.iter().map(|peer| peer.name.clone());
    peers.chain([config.name.clone()]).collect()
}

async fn compare(place: &Place, is_applied: bool) -> anyhow::Result<ExitCode> {
    let config = load(place)?;
    let plans = plans(&nodes_of(&config), place.replication)?;
    let admin = TopicAdmin::open(config.bus.kafka(&config.name)?)?;
    let mut differences = admin.differences(&plans).await?;
    if is_applied {
        admin.apply(&plans, &differences).await?;
        for (topic, difference) in &differences {
            match difference {
                TopicDifference::Missing => outln!("{topic}: made")?,
                TopicDifference::Setting { name, expected, .. } => {
                    outln!("{topic}: {name} set to {expected}")?;
                }
                TopicDifference::Partitions { .. } | TopicDifference::Replication { .. } => {}
            }
        }
        differences.retain(|(_, difference)| {
            !matches!(
                difference,
                TopicDifference::Missing | TopicDifference::Setting { .. }
            )
        });
    }
    for (topic, difference) in &differences {
        outln!("{topic}: {difference}")?;
    }
    if differences.is_empty() {
        outln!("{} topics are as planned", plans.len())?;
    }
    Ok(ExitCode::from(u8::from(!differences.is_empty())))
}

fn print_acls(config: &NodeConfig) -> anyhow::Result<ExitCode> {
    for line in acls(config)? {
        outln!("{line}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn acls(config: &NodeConfig) -> anyhow::Result<Vec<String>> {
    let file = topics_file()?;
    let nodes = nodes_of(config);
    let brokers = config.bus.brokers.join(",");
    let (prefix, security) = (&config.bus.prefix, config.bus.security);
    let command = |node: &str, rest: String| {
        // A broker names a node by its certificate or by its user.
        let principal = match security {
            SecurityKind::Ssl => format!("User:CN={node}"),
            _ => format!("User:{node}"),
        };
        format!(
            "kafka-acls.sh --bootstrap-server {brokers} --command-config admin.properties --add \
             --allow-principal '{principal}' {rest}"
        )
    };
    let mut lines = Vec::new();
    for node in &nodes {
        for topic in &file.topics {
            for name in topic.names(&nodes) {
                let mut operations = Vec::new();
                if topic.writers.includes(node, &name, &config.national) {
                    operations.push("--operation Write");
                }
                if topic.readers.includes(node, &name, &config.national) {
                    operations.push("--operation Read");
                }
                if !operations.is_empty() {
                    let operations = operations.join(" ");
                    lines.push(command(
                        node,
                        format!("{operations} --operation Describe --topic '{prefix}{name}'"),
                    ));
                }
            }
        }
        lines.push(command(
            node,
            format!(
                "--operation Read --operation Describe --resource-pattern-type prefixed \
                 --group '{prefix}{node}.'"
            ),
        ));
    }
    Ok(lines)
}

fn load(place: &Place) -> anyhow::Result<NodeConfig> {
    let config = Config::load(&place.config)?.node;
    if config.bus.kind != BusKind::Kafka {
        bail!("node.bus.kind is not \"kafka\": the embedded bus makes its topics itself");
    }
    Ok(config)
}

fn topics_file() -> anyhow::Result<TopicsFile> {
    Figment::from(Toml::string(TOPICS_FILE))
        .extract()
        .context("the compiled-in list of topics")
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicsFile {
    settings: BTreeMap<String, String>,
    topics: Vec<Topic>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    name: String,
    partitions: i32,
    writers: Who,
    readers: Who,
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Who {
    All,
    National,
    Own,
}

impl Topic {
    fn names(&self, nodes: &BTreeSet<String>) -> Vec<String> {
        if self.name.contains(NODE) {
            let names = nodes.iter().map(|node| self.name.replace(NODE, node));
            return names.collect();
        }
        vec![self.name.clone()]
    }
}

impl Who {
    fn includes(self, node: &str, topic: &str, national: &str) -> bool {
        match self {
            Self::All => true,
            Self::National => node == national,
            Self::Own => topic.rsplit_once('.').is_some_and(|(_, of)| of == node),
        }
    }
}

#[cfg(test)]
mod tests {
    use connectors::bus::kafka::RECORD_BYTES_MAX;
    use schemas::envelope::topic;

    use super::*;

    fn config() -> NodeConfig {
        let text = "[node]\nname = \"zhejiang\"\nrole = \"province\"\nnational = \"national\"\n\
                    [node.bus]\nkind = \"kafka\"\nbrokers = [\"b:1\"]\nsecurity = \"plaintext\"\n\
                    prefix = \"try.\"\n\
                    [[node.peers]]\nname = \"national\"\nkeys = \"k\"\nrole = \"national\"\n";
        Config::from_text(text).expect("a configuration").node
    }

    #[test]
    fn every_topic_that_a_node_uses_is_planned() {
        let plans = plans(&nodes_of(&config()), 3).expect("plans");
        let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
        for name in [
            topic::DIRECTORY_CHANGES.to_owned(),
            topic::DIRECTORY_RECEIPTS.to_owned(),
            topic::requests("national"),
            topic::replies("zhejiang"),
            topic::files("zhejiang"),
            topic::dead_letters("zhejiang"),
        ] {
            assert!(names.contains(&name.as_str()), "{name} is not planned");
        }
        for plan in &plans {
            let bytes = plan.settings.get("max.message.bytes").map(String::as_str);
            assert_eq!(bytes, Some(RECORD_BYTES_MAX.to_string().as_str()));
            assert_eq!(plan.settings.get(IN_SYNC).map(String::as_str), Some("2"));
        }
        let trust = plans.iter().find(|plan| plan.name == "trust");
        let policy = trust.and_then(|plan| plan.settings.get("cleanup.policy").cloned());
        assert_eq!(policy.as_deref(), Some("compact"));
    }

    #[test]
    fn a_single_broker_needs_no_second_replica() {
        for (replication, in_sync) in [(1, "1"), (2, "1"), (3, "2"), (5, "2")] {
            let plans = plans(&nodes_of(&config()), replication).expect("plans");
            let found = plans.iter().map(|plan| plan.settings.get(IN_SYNC).cloned());
            for found in found {
                assert_eq!(found.as_deref(), Some(in_sync), "{replication} replicas");
            }
        }
    }

    #[test]
    fn a_node_reads_only_what_is_its_own() {
        let lines = acls(&config()).expect("rules");
        let rule = |node: &str, topic: &str| {
            let principal = format!("'User:{node}'");
            let topic = format!("--topic 'try.{topic}'");
            lines
                .iter()
                .find(|line| line.contains(&principal) && line.contains(&topic))
                .cloned()
        };
        let asks = rule("zhejiang", "requests.national").expect("a rule");
        assert!(asks.contains("Write") && !asks.contains("Read"), "{asks}");
        let reads = rule("zhejiang", "requests.zhejiang").expect("a rule");
        assert!(reads.contains("Read"), "{reads}");
        assert_eq!(rule("zhejiang", "deadletter.national"), None);
        let receipts = rule("zhejiang", "directory.receipts").expect("a rule");
        assert!(!receipts.contains("Write"), "{receipts}");
        for (node, topic) in [("national", "directory.receipts"), ("zhejiang", "trust")] {
            assert!(rule(node, topic).is_some_and(|line| line.contains("Write")));
        }
        let groups = lines.iter().filter(|line| line.contains("--group")).count();
        assert_eq!(groups, 2);
    }
}
