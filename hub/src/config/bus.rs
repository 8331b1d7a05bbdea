//! `[node.bus]`: over what a node speaks with the others.

use std::path::{Path, PathBuf};

use connectors::bus::kafka::{KafkaSettings, Login, Security, Tls};
use serde::Deserialize;

use super::ConfigError;

/// Longest prefix, in bytes: with the longest topic of a node it stays far below Kafka's limit.
const PREFIX_BYTES_MAX: usize = 64;

/// The bus of a node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BusConfig {
    /// Embedded, or Apache Kafka.
    pub kind: BusKind,
    /// Brokers to begin with, `host:port`.
    pub brokers: Vec<String>,
    /// Set before every topic and group on the brokers.
    pub prefix: String,
    /// Name of this process among those of the node.
    pub instance: String,
    /// How the connection is protected.
    pub security: SecurityKind,
    /// Authorities that may certify a broker (PEM); those of the system when absent.
    pub ca_file: Option<PathBuf>,
    /// Own certificate (PEM), when the brokers ask for one.
    pub certificate_file: Option<PathBuf>,
    /// Key of the own certificate (PEM).
    pub key_file: Option<PathBuf>,
    /// User of a connection with a password.
    pub username: Option<String>,
    /// File that holds the password alone.
    pub password_file: Option<PathBuf>,
    /// How the password is proven.
    pub mechanism: Mechanism,
}

/// Which bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BusKind {
    /// A log file of this process: a lone node.
    Embedded,
    /// Apache Kafka.
    Kafka,
}

/// How the connection to the brokers is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityKind {
    /// Not at all.
    Plaintext,
    /// TLS.
    Ssl,
    /// A password over an open connection.
    SaslPlaintext,
    /// TLS and a password.
    SaslSsl,
}

/// How a password is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Mechanism {
    /// SCRAM-SHA-512, the only one: the password itself is never sent.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl BusConfig {
    /// Checks what one setting says about another.
    ///
    /// # Errors
    /// The first contradiction, in words.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.kind == BusKind::Embedded {
            return Ok(());
        }
        let is_address = |text: &String| {
            text.rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
                && !text.contains([',', ' '])
        };
        if self.brokers.is_empty() || !self.brokers.iter().all(is_address) {
            return contradiction("node.bus.brokers must name brokers as \"host:port\"");
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if self.prefix.len() > PREFIX_BYTES_MAX || !self.prefix.bytes().all(is_plain) {
            return contradiction("node.bus.prefix has other characters than A-Z a-z 0-9 . _ -");
        }
        if !schemas::envelope::is_node_name(&self.instance) {
            return contradiction("node.bus.instance has other characters than a-z 0-9 -");
        }
        if self.certificate_file.is_some() != self.key_file.is_some() {
            return contradiction("node.bus.certificate_file and key_file belong together");
        }
        let names_tls_files = self.ca_file.is_some() || self.certificate_file.is_some();
        if names_tls_files && !self.security.has_tls() {
            return contradiction("node.bus names certificates, but its security is without TLS");
        }
        let (user, password) = (self.username.is_some(), self.password_file.is_some());
        if (user, password) != (self.security.has_login(), self.security.has_login()) {
            return contradiction(
                "node.bus.username and password_file are needed with sasl_… and only there",
            );
        }
        Ok(())
    }

    /// The settings of the clients; reads the file of the password.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn kafka(&self, node: &str) -> Result<KafkaSettings, ConfigError> {
        self.check()?;
        let identity = self.certificate_file.clone().zip(self.key_file.clone());
        for file in [&self.ca_file, &self.certificate_file, &self.key_file] {
            let Some(file) = file else { continue };
            let unreadable = |cause| ConfigError::Unreadable(file.clone(), cause);
            if !std::fs::metadata(file).map_err(unreadable)?.is_file() {
                return Err(unreadable(std::io::Error::other("it is no file")));
            }
        }
        let tls = Tls {
            ca_file: self.ca_file.clone(),
            identity,
        };
        let security = match self.security {
            SecurityKind::Plaintext => Security::Plaintext,
            SecurityKind::Ssl => Security::Ssl(tls),
            SecurityKind::SaslPlaintext => Security::SaslPlaintext(self.login()?),
            SecurityKind::SaslSsl => Security::SaslSsl(tls, self.login()?),
        };
        Ok(KafkaSettings {
            brokers: self.brokers.clone(),
            security,
            prefix: self.prefix.clone(),
            node: node.to_owned(),
            instance: self.instance.clone(),
        })
    }

    fn login(&self) -> Result<Login, ConfigError> {
        let file = self.password_file.as_deref().unwrap_or(Path::new(""));
        let unreadable = |cause| ConfigError::Unreadable(file.to_owned(), cause);
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        let password = text.trim_end_matches(['\r', '\n']).to_owned();
        if password.is_empty() {
            return Err(unreadable(std::io::Error::other("it is empty")));
        }
        Ok(Login {
            username: self.username.clone().unwrap_or_default(),
            password,
        })
    }
}

impl Default for BusConfig {
    fn default() -> Self {
        Self {
            kind: BusKind::Embedded,
            brokers: Vec::new(),
            prefix: String::new(),
            instance: "1".to_owned(),
            security: SecurityKind::SaslSsl,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            username: None,
            password_file: None,
            mechanism: Mechanism::ScramSha512,
        }
    }
}

impl BusKind {
    /// As in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Kafka => "kafka",
        }
    }
}

impl SecurityKind {
    fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    fn has_login(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

fn contradiction(text: &str) -> Result<(), ConfigError> {
    Err(ConfigError::Contradiction(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    const KAFKA: &str = "[node]\nname = \"zhejiang\"\nrole = \"province\"\n\
                         national = \"national\"\n[node.bus]\nkind = \"kafka\"\n";

    fn bus(settings: &str) -> Result<BusConfig, String> {
        Config::from_text(&format!("{KAFKA}{settings}"))
            .map(|config| config.node.bus)
            .map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn the_default_file_holds_the_defaults() {
        let text = KAFKA.replace("[node.bus]\nkind = \"kafka\"\n", "");
        let config = Config::from_text(&text).expect("defaults");
        assert_eq!(config.node.bus, BusConfig::default());
    }

    #[track_caller]
    fn refused(settings: &str, says: &str) {
        let refusal = bus(settings).expect_err("refused");
        assert!(refusal.contains(says), "{refusal:?} does not say {says:?}");
    }

    #[test]
    fn contradictions_and_unknown_settings_are_refused() {
        let open = "brokers = [\"b:9092\"]\nsecurity = \"plaintext\"\n";
        bus(open).expect("an open connection");
        bus("brokers = [\"b:1\"]\nusername = \"u\"\npassword_file = \"p\"\n").expect("a login");
        refused("", "brokers");
        refused("brokers = [\"b\"]\n", "host:port");
        refused("brokers = [\"b:1,c:2\"]\n", "host:port");
        refused("brokers = [\"b:1\"]\n", "password_file");
        refused(&format!("{open}colour = 1\n"), "colour");
        refused(&format!("{open}mechanism = \"PLAIN\"\n"), "PLAIN");
        refused(&format!("{open}prefix = \"a/b\"\n"), "prefix");
        refused(&format!("{open}instance = \"\"\n"), "instance");
        refused(&format!("{open}ca_file = \"ca.pem\"\n"), "without TLS");
        refused(&format!("{open}username = \"u\"\n"), "sasl_");
        let half = "brokers = [\"b:1\"]\nsecurity = \"ssl\"\nkey_file = \"k\"\n";
        refused(half, "belong together");
    }

    #[test]
    fn the_password_is_read_from_its_file_and_shown_nowhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        std::fs::write(&file, "of-nobody\n").expect("written");
        let config = BusConfig {
            kind: BusKind::Kafka,
            brokers: vec!["b:1".to_owned()],
            username: Some("zhejiang".to_owned()),
            password_file: Some(file.clone()),
            ..BusConfig::default()
        };
        let settings = config.kafka("zhejiang").expect("settings");
        assert!(matches!(&settings.security, Security::SaslSsl(_, login)
            if login.password == "of-nobody"));
        assert!(!format!("{config:?}{settings:?}").contains("of-nobody"));
        std::fs::write(&file, "\n").expect("written");
        config.kafka("zhejiang").expect_err("an empty password");
    }
}
