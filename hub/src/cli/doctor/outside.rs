//! What a node meets outside: brokers and their topics, the library, certificates of the
//! connection.

use certs::trust::certificates_of_file;
use chrono::{DateTime, Utc};
use connectors::bus::BusError;
use connectors::bus::kafka::topics::{TopicAdmin, TopicDifference};

use super::trusted::term;
use super::{DoctorArgs, Finding};
use crate::cli::topics::{IN_SYNC, nodes_of, plans};
use crate::config::{BusKind, NodeConfig};
use crate::node::open_source;

/// Differences that are named in a line; the rest are counted.
const DIFFERENCES_SHOWN: usize = 5;

/// The library: its folder and list are there and can be read.
pub(super) async fn source(config: &NodeConfig) -> Vec<Finding> {
    let config = config.clone();
    let opened = tokio::task::spawn_blocking(move || open_source(&config)).await;
    vec![match opened {
        Ok(Ok(_)) => Finding::ok("source", "folder and list are there"),
        Ok(Err(cause)) => Finding::fail("source", "DOCTOR_SOURCE", cause),
        Err(cause) => Finding::fail("source", "DOCTOR_SOURCE", cause),
    }]
}

/// The brokers answer, and the topics are as `deploy/topics.toml` says.
pub(super) async fn broker(config: &NodeConfig, replication: i32) -> Vec<Finding> {
    if config.bus.kind == BusKind::Embedded {
        return vec![Finding::ok(
            "broker",
            "embedded: no other node hears this one",
        )];
    }
    match differences(config, replication).await {
        Ok(differences) => {
            let answers = Finding::ok("broker", config.bus.brokers.join(","));
            vec![answers, topics(&differences)]
        }
        Err(cause) => vec![Finding::fail("broker", "DOCTOR_BROKER", cause)],
    }
}

async fn differences(
    config: &NodeConfig,
    replication: i32,
) -> anyhow::Result<Vec<(String, TopicDifference)>> {
    let plans = plans(&nodes_of(config), replication)?;
    let settings = config.bus.kafka(&config.name)?;
    // The client waits in the thread that asks: not in one that keeps the time.
    let handle = tokio::runtime::Handle::current();
    let ask = move || {
        let admin = TopicAdmin::open(settings)?;
        handle.block_on(admin.differences(&plans))
    };
    let found: Result<_, BusError> = tokio::task::spawn_blocking(ask).await?;
    Ok(found?)
}

/// The number of copies is the operator's choice; everything else is not.
fn topics(differences: &[(String, TopicDifference)]) -> Finding {
    if differences.is_empty() {
        return Finding::ok("topics", "as planned");
    }
    let is_choice = |difference: &TopicDifference| match difference {
        TopicDifference::Replication { .. } => true,
        TopicDifference::Setting { name, .. } => name == IN_SYNC,
        TopicDifference::Missing | TopicDifference::Partitions { .. } => false,
    };
    let (choices, faults): (Vec<_>, Vec<_>) = differences
        .iter()
        .partition(|(_, difference)| is_choice(difference));
    let shown = |list: &[&(String, TopicDifference)]| {
        let mut texts: Vec<String> = list
            .iter()
            .take(DIFFERENCES_SHOWN)
            .map(|(topic, difference)| format!("{topic} {difference}"))
            .collect();
        if list.len() > DIFFERENCES_SHOWN {
            texts.push(format!("and {} more", list.len() - DIFFERENCES_SHOWN));
        }
        texts.join("; ")
    };
    if faults.is_empty() {
        Finding::warn("topics", "DOCTOR_TOPICS", shown(&choices))
    } else {
        Finding::fail("topics", "DOCTOR_TOPICS", shown(&faults))
    }
}

/// Certificates with which the node and its brokers know each other.
pub(super) fn connection_certificates(
    config: &NodeConfig,
    args: &DoctorArgs,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in [&config.bus.ca_file, &config.bus.certificate_file]
        .into_iter()
        .flatten()
    {
        let shown = file.display();
        let read = std::fs::read(file)
            .map_err(anyhow::Error::new)
            .and_then(|bytes| Ok(certificates_of_file(&bytes)?));
        match read {
            Ok(certificates) => {
                for certificate in certificates {
                    let what = format!("{shown}: {}", certificate.subject_text());
                    found.extend(term(&certificate, &what, args.days, now, true));
                }
            }
            // The client of the brokers reads more than this program does.
            Err(cause) => {
                let detail = format!("{shown}: {cause:#}");
                found.push(Finding::warn("certificates", "DOCTOR_CERTIFICATE", detail));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_a_choice_and_missing_topics_are_none() {
        let missing = ("trust".to_owned(), TopicDifference::Missing);
        let (expected, found) = (3, 1);
        let copies = TopicDifference::Replication { expected, found };
        let copies = ("trust".to_owned(), copies);
        assert_eq!(topics(&[]).grade.as_str(), "ok");
        assert_eq!(topics(std::slice::from_ref(&copies)).grade.as_str(), "warn");
        let both = topics(&[copies, missing.clone()]);
        assert_eq!(
            (both.grade.as_str(), &*both.detail),
            ("fail", "trust is missing")
        );
        let many = topics(&vec![missing; 7]);
        assert!(many.detail.ends_with("and 2 more"), "{}", many.detail);
    }
}
