//! `[node.store]`: in which database a node keeps its directory, log and positions.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;

/// Most connections for reading: PostgreSQL itself allows a hundred to all programs by default.
const CONNECTIONS_MAX: u32 = 64;

/// The database of a node.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// A SQLite file in the data folder, or PostgreSQL.
    pub kind: StoreKind,
    /// Address of the PostgreSQL database, `postgres://user@host:port/database?sslmode=…`.
    pub url: Option<String>,
    /// File that holds the password alone.
    pub password_file: Option<PathBuf>,
    /// Connections for reading, beside the one that writes.
    pub connections: u32,
    /// Longest time for one statement, in seconds.
    pub statement_timeout_s: u64,
    /// Whether a node that starts brings an older database to its own version.
    pub migrate_at_start: bool,
}

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// A file in the data folder: one machine, nothing to run beside the node.
    Sqlite,
    /// PostgreSQL 14 or newer.
    Postgres,
}

impl StoreConfig {
    /// Checks what one setting says about another.
    ///
    /// # Errors
    /// The first contradiction, in words.
    pub fn check(&self) -> Result<(), ConfigError> {
        let is_postgres = self.kind == StoreKind::Postgres;
        match &self.url {
            Some(_) if !is_postgres => {
                return contradiction("node.store.url is of no use to kind = \"sqlite\"");
            }
            None if is_postgres => return contradiction("node.store.url names no database"),
            Some(url) if !is_address(url) => {
                return contradiction("node.store.url is no postgres://user@host/database");
            }
            _ => {}
        }
        if self.password_file.is_some() && !is_postgres {
            return contradiction("node.store.password_file is of no use to kind = \"sqlite\"");
        }
        if !(1..=CONNECTIONS_MAX).contains(&self.connections) {
            return contradiction("node.store.connections is 1 to 64");
        }
        if self.statement_timeout_s == 0 {
            return contradiction("node.store.statement_timeout_s of 0 would be no limit");
        }
        Ok(())
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            kind: StoreKind::Sqlite,
            url: None,
            password_file: None,
            connections: 8,
            statement_timeout_s: 20,
            migrate_at_start: true,
        }
    }
}

impl std::fmt::Debug for StoreConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may hold a password.
        formatter
            .debug_struct("StoreConfig")
            .field("kind", &self.kind)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

fn is_address(url: &str) -> bool {
    let rest = ["postgres://", "postgresql://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    rest.and_then(|rest| rest.split_once('/'))
        .is_some_and(|(host, database)| !host.is_empty() && !database.is_empty())
}

fn contradiction(text: &str) -> Result<(), ConfigError> {
    Err(ConfigError::Contradiction(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const REQUIRED: &str = "[node]\nname = \"zhejiang\"\nrole = \"province\"\n\
                            national = \"national\"\n[node.store]\n";

    #[test]
    fn the_default_file_holds_the_defaults() {
        let config = Config::from_text(REQUIRED).expect("the defaults");
        assert_eq!(config.node.store, StoreConfig::default());
    }

    #[test]
    fn settings_that_contradict_are_refused() {
        let good = "kind = \"postgres\"\nurl = \"postgres://hub@localhost/zhejiang\"\n";
        Config::from_text(&format!("{REQUIRED}{good}")).expect("good");
        for (bad, says) in [
            ("kind = \"postgres\"\n", "names no database"),
            ("url = \"postgres://hub@localhost/zhejiang\"\n", "of no use"),
            ("password_file = \"secret\"\n", "of no use"),
            (
                "kind = \"postgres\"\nurl = \"mysql://a/b\"\n",
                "no postgres://",
            ),
            ("connections = 0\n", "1 to 64"),
            ("statement_timeout_s = 0\n", "no limit"),
            ("statement_timeout = 1\n", "statement_timeout"),
        ] {
            let refused = Config::from_text(&format!("{REQUIRED}{bad}"));
            let text = refused.expect_err(bad).to_string();
            assert!(text.contains(says), "{text:?} does not say {says:?}");
        }
    }

    #[test]
    fn the_address_is_not_shown() {
        let url = "postgres://hub:secret-word@localhost/zhejiang";
        let text = format!("{REQUIRED}kind = \"postgres\"\nurl = \"{url}\"\n");
        let config = Config::from_text(&text).expect("good");
        assert!(!format!("{config:?}").contains("secret-word"));
    }
}
