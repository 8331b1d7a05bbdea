//! How the Kafka clients of a node are set: every setting explicit, each with its reason.

use std::path::PathBuf;

use rdkafka::ClientConfig;
use schemas::envelope::{BODY_BYTES_MAX, HEADER_BYTES_MAX};

use crate::bus::{HEADERS_MAX, KEY_BYTES_MAX};

/// Largest record on the wire, in bytes: body, key and headers at their limits, and the framing
/// of a batch. Topics allow as much (`max.message.bytes` in `deploy/topics.toml`).
pub const RECORD_BYTES_MAX: usize =
    BODY_BYTES_MAX + HEADERS_MAX * 2 * HEADER_BYTES_MAX + KEY_BYTES_MAX + 64 * 1024;

/// Seconds between two looks for new partitions and brokers: they are added once in years. Tests
/// do not wait for them.
pub(super) const METADATA_REFRESH_S: u64 = if cfg!(test) { 2 } else { 60 };

/// Where the brokers are and who asks.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// Brokers to begin with, `host:port`; the others are learnt from them.
    pub brokers: Vec<String>,
    /// How the connection is protected.
    pub security: Security,
    /// Set before the name of every topic and group, so that several exchanges can share one
    /// cluster. No part of what is signed.
    pub prefix: String,
    /// Name of the node; its consumer groups begin with it.
    pub node: String,
    /// Name of this process among those of the node.
    pub instance: String,
}

/// How the connection to the brokers is protected.
#[derive(Clone, Debug)]
pub enum Security {
    /// Not at all: for brokers on the same machine.
    Plaintext,
    /// TLS.
    Ssl(Tls),
    /// A password over an open connection: the password is not sent, but everything else can be
    /// read.
    SaslPlaintext(Login),
    /// TLS and a password.
    SaslSsl(Tls, Login),
}

/// Certificates of a TLS connection. The broker's host name is always verified.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Authorities that may certify a broker (PEM); those of the system when absent.
    pub ca_file: Option<PathBuf>,
    /// Own certificate and its key (PEM), when the brokers ask for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// User and password (SCRAM-SHA-512).
#[derive(Clone)]
pub struct Login {
    /// User.
    pub username: String,
    /// Password; shown nowhere.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Login")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl KafkaSettings {
    /// Name of a topic on the brokers.
    #[must_use]
    pub fn full_name(&self, topic: &str) -> String {
        format!("{}{topic}", self.prefix)
    }

    /// Consumer group of this node for a topic.
    pub(super) fn group(&self, topic: &str) -> String {
        format!("{}{}.{topic}", self.prefix, self.node)
    }

    /// What every client has in common.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.brokers.join(","))
            // Stands in the logs and quotas of the brokers.
            .set("client.id", format!("hub-{}-{}", self.node, self.instance))
            .set("client.dns.lookup", "use_all_dns_ips")
            // A firewall that forgets idle connections must not look like a silent broker.
            .set("socket.keepalive.enable", "true")
            // A question is one small packet that somebody waits for.
            .set("socket.nagle.disable", "true")
            // 1.6 MiB over 3 Mbit/s take some 5 s; several may be under way.
            .set("socket.timeout.ms", "30000")
            .set("socket.connection.setup.timeout.ms", "10000")
            // A broker that is back is found within seconds; one that is away is not stormed.
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "5000")
            .set("retry.backoff.ms", "100")
            .set("retry.backoff.max.ms", "1000")
            // New partitions and moved leaders are seen within a minute also without an error.
            .set(
                "topic.metadata.refresh.interval.ms",
                (METADATA_REFRESH_S * 1000).to_string(),
            )
            .set(
                "metadata.max.age.ms",
                (METADATA_REFRESH_S * 3000).to_string(),
            )
            // Brokers that all moved are found again at the addresses of the configuration, soon.
            .set("metadata.recovery.strategy", "rebootstrap")
            .set("metadata.recovery.rebootstrap.trigger.ms", "10000")
            // Topics come into being through `hub topics apply` alone.
            .set("allow.auto.create.topics", "false")
            // They are there before anyone writes to them: no half minute of hope that one comes.
            .set("topic.metadata.propagation.max.ms", "2000")
            .set("message.max.bytes", RECORD_BYTES_MAX.to_string())
            // Brokers close idle connections; that is no news.
            .set("log.connection.close", "false")
            .set("statistics.interval.ms", "0");
        self.secure(&mut config);
        config
    }

    /// The producer of the process.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            // Durable on every replica in sync, each record once and in order.
            .set("acks", "all")
            .set("enable.idempotence", "true")
            // A record that is refused stops those behind it: a later one of the same licence
            // must not arrive before it. The producer is then made anew.
            .set("enable.gapless.guarantee", "true")
            .set("max.in.flight.requests.per.connection", "5")
            .set("retries", "2147483647")
            // Never: a record that expired in the queue while the next one is still sent would
            // change the order. How long a caller waits is bounded by `PUBLISH_WAIT` instead.
            .set("delivery.timeout.ms", "0")
            // How long a broker waits for its replicas.
            .set("request.timeout.ms", "15000")
            // A question waits for no others; what is published together still goes together,
            // because it is queued faster than the sender wakes.
            .set("linger.ms", "0")
            .set("batch.size", "262144")
            .set("batch.num.messages", "1000")
            // Above what `ROOM_KIB` lets in: the queue of the library is never the limit.
            .set("queue.buffering.max.messages", "1000000")
            .set("queue.buffering.max.kbytes", "524288")
            // Headers repeat within a batch, lines between provinces are thin, and it is cheap.
            .set("compression.type", "lz4")
            // As the Java clients do, so that every tool finds the partition of a key.
            .set("partitioner", "murmur2");
        config
    }

    /// A reader of one topic.
    pub(super) fn consumer(&self, topic: &str, is_member: bool) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", self.group(topic))
            .set("group.protocol", "classic")
            // Eager: a group reads one topic and its positions are in the database, so giving
            // everything back and starting again costs one query per partition; in return there
            // is one moment at which nobody holds anything.
            .set("partition.assignment.strategy", "range")
            // Just above the least that brokers allow: after a kill -9 another process takes over
            // within ten seconds.
            .set("session.timeout.ms", "10000")
            .set("heartbeat.interval.ms", "3000")
            // The thread of the subscription polls all the time, also while a batch is applied.
            .set("max.poll.interval.ms", "300000")
            // A hint for tools that show the lag. Where to start is in the database.
            .set("enable.auto.commit", is_member.to_string())
            .set("auto.commit.interval.ms", "1000")
            .set("enable.auto.offset.store", "false")
            // A position that the broker does not have is an error, never a silent jump.
            .set("auto.offset.reset", "error")
            // No transactions are used; then this sees records a moment earlier.
            .set("isolation.level", "read_uncommitted")
            .set("enable.partition.eof", "false")
            // Disk and network of the brokers are not ours.
            .set("check.crcs", "true")
            // A waiting fetch is answered as soon as there is anything.
            .set("fetch.min.bytes", "1")
            .set("fetch.wait.max.ms", "500")
            .set("fetch.message.max.bytes", RECORD_BYTES_MAX.to_string())
            .set("fetch.max.bytes", (8 * 1024 * 1024).to_string())
            .set("receive.message.max.bytes", (16 * 1024 * 1024).to_string())
            // What is fetched ahead per partition, beside the shelf: a batch or two.
            .set("queued.min.messages", "1000")
            .set("queued.max.messages.kbytes", "2048")
            // The library's default of a second would be the rate of a slow reader.
            .set("fetch.queue.backoff.ms", "10")
            .set("fetch.error.backoff.ms", "200");
        if is_member {
            // A process that was killed and started again takes its old place at once.
            config.set(
                "group.instance.id",
                format!("{}-{}", self.node, self.instance),
            );
        }
        config
    }

    fn secure(&self, config: &mut ClientConfig) {
        let (protocol, tls, login) = match &self.security {
            Security::Plaintext => ("plaintext", None, None),
            Security::Ssl(tls) => ("ssl", Some(tls), None),
            Security::SaslPlaintext(login) => ("sasl_plaintext", None, Some(login)),
            Security::SaslSsl(tls, login) => ("sasl_ssl", Some(tls), Some(login)),
        };
        config.set("security.protocol", protocol);
        if let Some(tls) = tls {
            config
                .set("enable.ssl.certificate.verification", "true")
                // The certificate must name the host that was meant.
                .set("ssl.endpoint.identification.algorithm", "https");
            if let Some(file) = &tls.ca_file {
                config.set("ssl.ca.location", file.to_string_lossy());
            }
            if let Some((certificate, key)) = &tls.identity {
                config
                    .set("ssl.certificate.location", certificate.to_string_lossy())
                    .set("ssl.key.location", key.to_string_lossy());
            }
        }
        if let Some(login) = login {
            config
                .set("sasl.mechanism", "SCRAM-SHA-512")
                .set("sasl.username", &login.username)
                .set("sasl.password", &login.password);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_shown_nowhere() {
        let login = Login {
            username: "zhejiang".to_owned(),
            password: "of-nobody".to_owned(),
        };
        let settings = KafkaSettings {
            brokers: vec!["broker:9092".to_owned()],
            security: Security::SaslSsl(Tls::default(), login),
            prefix: String::new(),
            node: "zhejiang".to_owned(),
            instance: "1".to_owned(),
        };
        assert!(!format!("{settings:?}").contains("of-nobody"));
        assert!(!format!("{:?}", settings.producer()).contains("of-nobody"));
        let config = settings.client();
        assert_eq!(config.get("sasl.password"), Some("of-nobody"));
        assert_eq!(
            config.get("ssl.endpoint.identification.algorithm"),
            Some("https")
        );
    }
}
