//! Topics on the brokers: compared with a plan, made, and set right.
//!
//! Partitions are never added: records of one key would change their partition, and with it their
//! order. Replicas are moved with the brokers' own tools. Both are reported.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, OwnedResourceSpecifier, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::error::KafkaError;

use super::fault;
use super::producer::log_line;
use super::settings::KafkaSettings;
use super::start::{self, QUESTION_WAIT};
use crate::bus::BusError;

/// Longest wait for an answer of the controller: making many topics takes some seconds.
const ADMIN_WAIT: Duration = Duration::from_secs(30);

/// How a topic should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    /// Name of the topic, without prefix.
    pub name: String,
    /// Partitions.
    pub partitions: i32,
    /// Replicas of each partition.
    pub replication: i32,
    /// Settings of the topic, in the brokers' names and notation.
    pub settings: BTreeMap<String, String>,
}

/// One thing in which a topic is not as planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicDifference {
    /// The topic is not there.
    #[error("is missing")]
    Missing,
    /// Another number of partitions.
    #[error("has {found} partitions instead of {expected}; they are never changed by this program")]
    Partitions {
        /// As planned.
        expected: i32,
        /// On the brokers.
        found: i32,
    },
    /// Another number of replicas.
    #[error("has {found} replicas instead of {expected}; move them with kafka-reassign-partitions")]
    Replication {
        /// As planned.
        expected: i32,
        /// On the brokers.
        found: i32,
    },
    /// Another value of a setting.
    #[error("{name} is {found:?} instead of {expected:?}")]
    Setting {
        /// Name of the setting.
        name: String,
        /// As planned.
        expected: String,
        /// On the brokers; empty when it is not set.
        found: String,
    },
}

/// Compares and sets topics.
pub struct TopicAdmin {
    settings: KafkaSettings,
    client: AdminClient<Quiet>,
}

impl TopicAdmin {
    /// Makes the client.
    ///
    /// # Errors
    /// [`BusError::Setting`]: a setting, certificate or key that cannot be used.
    pub fn open(settings: KafkaSettings) -> Result<Self, BusError> {
        let client = AdminClient::from_config_and_context(&settings.client(), Quiet)
            .map_err(|error| BusError::Setting(error.to_string()))?;
        Ok(Self { settings, client })
    }

    /// In what the topics are not as planned. Blocks for the metadata: not for threads that serve.
    ///
    /// # Errors
    /// The brokers do not answer or do not allow it.
    pub async fn differences(
        &self,
        plans: &[TopicPlan],
    ) -> Result<Vec<(String, TopicDifference)>, BusError> {
        let metadata = self
            .client
            .inner()
            .fetch_metadata(None, QUESTION_WAIT)
            .map_err(|error| fault::about_topic("(all)", &error))?;
        let mut differences = Vec::new();
        let mut present = Vec::new();
        for plan in plans {
            let name = self.settings.full_name(&plan.name);
            let Some(found) = metadata.topics().iter().find(|topic| topic.name() == name) else {
                differences.push((plan.name.clone(), TopicDifference::Missing));
                continue;
            };
            let partitions = count(found.partitions().len());
            if partitions != plan.partitions {
                let (expected, found) = (plan.partitions, partitions);
                let difference = TopicDifference::Partitions { expected, found };
                differences.push((plan.name.clone(), difference));
            }
            let least = found
                .partitions()
                .iter()
                .map(|one| one.replicas().len())
                .min();
            let found = count(least.unwrap_or_default());
            if found != plan.replication {
                let expected = plan.replication;
                let difference = TopicDifference::Replication { expected, found };
                differences.push((plan.name.clone(), difference));
            }
            present.push(plan);
        }
        differences.extend(self.setting_differences(&present).await?);
        Ok(differences)
    }

    /// Makes the missing topics and sets the settings; what is left are differences that this
    /// program does not remove.
    ///
    /// # Errors
    /// The brokers do not answer or do not allow it; some topics may be changed then.
    pub async fn apply(
        &self,
        plans: &[TopicPlan],
        differences: &[(String, TopicDifference)],
    ) -> Result<(), BusError> {
        let concerned = |plan: &&TopicPlan, is_missing: bool| {
            differences.iter().any(|(name, difference)| {
                *name == plan.name
                    && match difference {
                        TopicDifference::Missing => is_missing,
                        TopicDifference::Setting { .. } => !is_missing,
                        _ => false,
                    }
            })
        };
        let missing: Vec<&TopicPlan> = plans.iter().filter(|plan| concerned(plan, true)).collect();
        let unset: Vec<&TopicPlan> = plans.iter().filter(|plan| concerned(plan, false)).collect();
        self.create(&missing).await?;
        self.set(&unset).await
    }

    /// The ends of each partition of a topic: the position before the oldest record that is kept,
    /// and that of the newest.
    ///
    /// # Errors
    /// The topic is not there; the brokers do not answer or do not allow it.
    pub async fn ends(&self, topic: &str) -> Result<Vec<(i32, i64, i64)>, BusError> {
        let name = self.settings.full_name(topic);
        let client = self.client.inner();
        let mut ends = Vec::new();
        for partition in start::partitions(client, topic, &name)? {
            let (low, high) = client
                .fetch_watermarks(&name, partition, QUESTION_WAIT)
                .map_err(|error| fault::about_topic(topic, &error))?;
            ends.push((partition, low, high));
        }
        Ok(ends)
    }

    async fn create(&self, plans: &[&TopicPlan]) -> Result<(), BusError> {
        if plans.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = self.names(plans);
        let topics: Vec<NewTopic<'_>> = plans
            .iter()
            .zip(&names)
            .map(|(plan, name)| {
                let replication = TopicReplication::Fixed(plan.replication);
                plan.settings.iter().fold(
                    NewTopic::new(name, plan.partitions, replication),
                    |topic, (name, value)| topic.set(name, value),
                )
            })
            .collect();
        let answers = self.client.create_topics(&topics, &options()).await;
        let answers = answers.map_err(|error| fault::about_topic("(all)", &error))?;
        for (answer, plan) in answers.into_iter().zip(plans) {
            answer.map_err(|(_, code)| refused(&plan.name, &code.to_string()))?;
        }
        Ok(())
    }

    async fn set(&self, plans: &[&TopicPlan]) -> Result<(), BusError> {
        if plans.is_empty() {
            return Ok(());
        }
        let names = self.names(plans);
        let changes: Vec<AlterConfig<'_>> = plans
            .iter()
            .zip(&names)
            .map(|(plan, name)| {
                plan.settings.iter().fold(
                    AlterConfig::new(ResourceSpecifier::Topic(name)),
                    |change, (name, value)| change.set(name, value),
                )
            })
            .collect();
        let answers = self.client.alter_configs(&changes, &options()).await;
        let answers = answers.map_err(|error| fault::about_topic("(all)", &error))?;
        for (answer, plan) in answers.into_iter().zip(plans) {
            answer.map_err(|(_, code)| refused(&plan.name, &code.to_string()))?;
        }
        Ok(())
    }

    async fn setting_differences(
        &self,
        plans: &[&TopicPlan],
    ) -> Result<Vec<(String, TopicDifference)>, BusError> {
        if plans.is_empty() {
            return Ok(Vec::new());
        }
        let names = self.names(plans);
        let topics: Vec<ResourceSpecifier<'_>> = names
            .iter()
            .map(|name| ResourceSpecifier::Topic(name))
            .collect();
        let answers = self.client.describe_configs(&topics, &options()).await;
        let answers = answers.map_err(|error| fault::about_topic("(all)", &error))?;
        let mut found = BTreeMap::new();
        for answer in answers {
            let resource = answer.map_err(|code| refused("(all)", &code.to_string()))?;
            if let OwnedResourceSpecifier::Topic(name) = resource.specifier {
                found.insert(name, resource.entries);
            }
        }
        let mut differences = Vec::new();
        for (plan, full_name) in plans.iter().zip(&names) {
            let entries = found.get(full_name).map(Vec::as_slice).unwrap_or_default();
            for (name, expected) in &plan.settings {
                let entry = entries.iter().find(|entry| entry.name == *name);
                let found = entry
                    .and_then(|entry| entry.value.clone())
                    .unwrap_or_default();
                if found != *expected {
                    let (name, expected) = (name.clone(), expected.clone());
                    let difference = TopicDifference::Setting {
                        name,
                        expected,
                        found,
                    };
                    differences.push((plan.name.clone(), difference));
                }
            }
        }
        Ok(differences)
    }

    fn names(&self, plans: &[&TopicPlan]) -> Vec<String> {
        plans
            .iter()
            .map(|plan| self.settings.full_name(&plan.name))
            .collect()
    }
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(ADMIN_WAIT))
        .operation_timeout(Some(ADMIN_WAIT))
}

fn refused(topic: &str, cause: &str) -> BusError {
    BusError::Refused {
        topic: topic.to_owned(),
        cause: cause.to_owned(),
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Trouble with a broker comes as the error of the question.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log_line(level, facility, text);
    }

    fn error(&self, _error: KafkaError, reason: &str) {
        tracing::debug!(
            cause = reason,
            "the administration has trouble with a broker"
        );
    }
}
