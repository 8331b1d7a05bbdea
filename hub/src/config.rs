//! Configuration: the embedded `deploy/hub.toml`, below a file, below the environment.
//!
//! Every setting is described in `deploy/hub.toml`, which is compiled in as the defaults. A file
//! given to `hub serve --config` overrides it, and variables `HUB_LISTEN`, `HUB_LOG__…` and
//! `HUB_NODE__…` override the file (two underscores stand for a dot). Unknown settings are
//! refused: a misspelt limit must not silently be the default.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use certs::node_key::NodePublicKeys;
use figment::Figment;
use figment::providers::{Env, Format, Toml};
use schemas::uscc::Uscc;
use serde::Deserialize;

use crate::permits::Duty;

mod bus;
mod limits;
mod revocation;
mod store;

pub use self::limits::Limits;
pub use self::revocation::{RevocationConfig, WhenUnknown, policy};
pub use bus::{BusConfig, BusKind, Mechanism, SecurityKind};
pub use store::{StoreConfig, StoreKind};

/// The commented default file.
pub const DEFAULT_FILE: &str = include_str!("../../deploy/hub.toml");

/// Settings that the environment may give; other `HUB_…` variables belong to someone else.
const ENVIRONMENT_ROOTS: [&str; 3] = ["listen", "log", "node"];

/// Everything `hub serve` needs to know.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port of the HTTP face.
    pub listen: SocketAddr,
    /// What is logged.
    pub log: LogConfig,
    /// The node itself.
    pub node: NodeConfig,
}

/// What is logged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Filter in the notation of `tracing-subscriber`, for instance `info,hub=debug`.
    pub filter: String,
}

/// One node: who it is, where its things lie, whom it knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Name of the node: 1–63 characters of `a-z`, `0-9`, `-`.
    pub name: String,
    /// National hub or provincial hub.
    pub role: Role,
    /// Name of the national node; the node's own name on the national node.
    pub national: String,
    /// Provinces (GB/T 2260, two digits) whose entries this node may register.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Folder of the node's database and keys; `data/<name>` when not set.
    #[serde(default)]
    pub data: PathBuf,
    /// Folder of the library whose originals this node holds; none on a node without originals.
    #[serde(default)]
    pub source: Option<PathBuf>,
    /// Folder of certificates and revocation lists for seals.
    pub trust: PathBuf,
    /// Seconds between two readings of the library; 0 to read it at the start and on SIGHUP alone.
    #[serde(default = "default_rescan_s")]
    pub rescan_s: u64,
    /// Whose code verifies SM2 signatures.
    #[serde(default)]
    pub sm2: Sm2Code,
    /// How old may be what is known about revocations.
    #[serde(default)]
    pub revocation: RevocationConfig,
    /// File of licence types; the built-in list when absent.
    #[serde(default)]
    pub types: Option<PathBuf>,
    /// Folder with `permits.cedar` and `permits.cedarschema`; the built-in policy when absent.
    #[serde(default)]
    pub policy: Option<PathBuf>,
    /// The other nodes.
    #[serde(default)]
    pub peers: Vec<PeerConfig>,
    /// Public keys of the operator, who says on the topic `trust` what all nodes trust; none: only
    /// the folder and the peers of this configuration count.
    #[serde(default)]
    pub operator: Option<PeerKeys>,
    /// The systems that may call this node.
    #[serde(default)]
    pub callers: Vec<CallerConfig>,
    /// Which organisation needs which licence types for which matter.
    #[serde(default)]
    pub duties: Vec<Duty>,
    /// Over what it speaks with the others.
    #[serde(default)]
    pub bus: BusConfig,
    /// In which database it keeps what it knows.
    #[serde(default)]
    pub store: StoreConfig,
    /// Limits under load.
    #[serde(default)]
    pub limits: Limits,
}

/// Whose code verifies SM2 signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sm2Code {
    /// That of License Hub, [`certs::sm2_verification`].
    #[default]
    Own,
    /// OpenSSL's alone.
    Openssl,
}

/// What a node is in the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The national hub: holds the whole directory, answers lookups of all.
    National,
    /// A province's or ministry's hub: home node of its own licences.
    Province,
}

/// Another node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    /// Name of the node.
    pub name: String,
    /// Its public keys.
    pub keys: PeerKeys,
    /// What it is in the exchange.
    pub role: Role,
    /// Provinces (GB/T 2260, two digits) whose entries it may register.
    #[serde(default)]
    pub regions: Vec<String>,
}

/// Where the public keys of a peer are.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "a node has few peers, read once")]
pub enum PeerKeys {
    /// In a `*.node.json` file.
    File(PathBuf),
    /// Here.
    Inline(NodePublicKeys),
}

/// A system that may call this node.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerConfig {
    /// Name of the system.
    pub system: String,
    /// Organisation it acts for.
    pub organisation: Uscc,
    /// SM3 of its bearer token, 64 hex digits: the token itself is kept by the caller alone.
    pub token_sm3: String,
    /// What it may ask for.
    pub roles: Vec<CallerRole>,
}

/// What a caller may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallerRole {
    /// Look entries up, personal part included, and search by holder.
    Lookup,
    /// Ask for permits and fetch files.
    Use,
    /// Have files verified that it brings itself.
    Verify,
    /// Read trails.
    Auditor,
    /// Change the status of licences whose home is this node; read receipts and rejections.
    Registrar,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is absent or cannot be read.
    #[error("configuration file {0} cannot be read")]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// A setting is missing, unknown or of the wrong form.
    #[error("configuration: {0}")]
    Setting(String),
    /// A setting contradicts another.
    #[error("configuration: {0}")]
    Contradiction(String),
}

impl Config {
    /// Reads the configuration: embedded defaults, then `file`, then the environment.
    ///
    /// # Errors
    /// A missing, unknown, malformed or contradicting setting.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|cause| ConfigError::Unreadable(file.to_owned(), cause))?;
        let environment = Env::prefixed("HUB_")
            .filter(|key| {
                let root = key.as_str().split("__").next().unwrap_or_default();
                ENVIRONMENT_ROOTS
                    .iter()
                    .any(|known| root.eq_ignore_ascii_case(known))
            })
            .split("__");
        Self::extract(defaults_below(&text).merge(environment))
    }

    /// Reads the configuration from text over the embedded defaults, without the environment.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_text(text: &str) -> Result<Self, ConfigError> {
        Self::extract(defaults_below(text))
    }

    fn extract(figment: Figment) -> Result<Self, ConfigError> {
        let mut config: Self = figment
            .extract()
            .map_err(|error: figment::Error| ConfigError::Setting(error.to_string()))?;
        config.node.check()?;
        if config.node.data.as_os_str().is_empty() {
            // The name is checked above: it is one plain folder. `hub trail` and `hub log fsck`
            // tell the nodes below `data` apart by it.
            config.node.data = Path::new("data").join(&config.node.name);
        }
        Ok(config)
    }
}

impl NodeConfig {
    /// A node with the default limits that knows nobody yet.
    #[must_use]
    pub fn new(name: &str, role: Role, national: &str, data: &Path, trust: &Path) -> Self {
        Self {
            name: name.to_owned(),
            role,
            national: national.to_owned(),
            regions: Vec::new(),
            data: data.to_owned(),
            source: None,
            rescan_s: default_rescan_s(),
            sm2: Sm2Code::default(),
            revocation: RevocationConfig::default(),
            trust: trust.to_owned(),
            types: None,
            policy: None,
            peers: Vec::new(),
            operator: None,
            callers: Vec::new(),
            duties: Vec::new(),
            bus: BusConfig::default(),
            store: StoreConfig::default(),
            limits: Limits::default(),
        }
    }

    /// Checks what one setting says about another.
    ///
    /// # Errors
    /// The first contradiction, in words.
    pub fn check(&self) -> Result<(), ConfigError> {
        let contradiction = |text: String| Err(ConfigError::Contradiction(text));
        let names = std::iter::once(&self.name).chain(self.peers.iter().map(|peer| &peer.name));
        for name in names {
            if !schemas::trust_item::is_ordinary_node(name) {
                return contradiction(format!("{name:?} cannot name a node"));
            }
        }
        if (self.role == Role::National) != (self.name == self.national) {
            return contradiction(
                "node.role, node.name and node.national disagree: the national node names \
                 itself, every other node has role = \"province\" and names another"
                    .to_owned(),
            );
        }
        for caller in &self.callers {
            let is_digest = caller.token_sm3.len() == 64
                && caller
                    .token_sm3
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit());
            if !is_digest {
                return contradiction(format!(
                    "token_sm3 of {:?} is not 64 hex digits",
                    caller.system
                ));
            }
        }
        self.bus.check()?;
        self.store.check()?;
        if self.limits.refuse_everything() {
            return contradiction("a limit of 0 would refuse everything".to_owned());
        }
        Ok(())
    }
}

impl std::fmt::Debug for CallerConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CallerConfig")
            .field("system", &self.system)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// New entries are registered within five minutes.
fn default_rescan_s() -> u64 {
    300
}

fn defaults_below(text: &str) -> Figment {
    Figment::from(Toml::string(DEFAULT_FILE)).merge(Toml::string(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIRED: &str = "[node]\nname = \"zhejiang\"\nrole = \"province\"\n\
                            national = \"national\"\n";

    #[test]
    fn the_default_file_holds_the_defaults() {
        let config = Config::from_text(REQUIRED).expect("defaults and the required settings");
        assert_eq!(config.node.limits, Limits::default());
        assert_eq!(config.node.revocation, RevocationConfig::default());
        assert_eq!(config.listen.port(), 8080);
        assert_eq!(config.node.data, Path::new("data/zhejiang"));
        assert_eq!(config.node.rescan_s, default_rescan_s());
        assert!(
            config.node.callers.is_empty(),
            "nobody may call an unconfigured node"
        );
    }

    #[track_caller]
    fn refused(text: &str, says: &str) {
        let refusal = Config::from_text(text).expect_err("refused").to_string();
        assert!(refusal.contains(says), "{refusal:?} does not say {says:?}");
    }

    #[test]
    fn settings_are_refused_by_name() {
        refused("", "name");
        refused(&format!("{REQUIRED}colour = 1\n"), "colour");
        refused(
            &format!("{REQUIRED}[node.limits]\nrequest_timeout = 1\n"),
            "request_timeout",
        );
        refused(&REQUIRED.replace("zhejiang", "national"), "disagree");
        refused(&REQUIRED.replace("zhejiang", "浙江"), "cannot name a node");
        refused(
            &format!("{REQUIRED}[node.limits]\nverifications_concurrent = 0\n"),
            "refuse everything",
        );
        let caller = "[[node.callers]]\nsystem = \"desk\"\norganisation = \
                      \"91330106673959654P\"\ntoken_sm3 = \"abc\"\nroles = [\"use\"]\n";
        refused(&format!("{REQUIRED}{caller}"), "not 64 hex digits");
    }

    #[test]
    fn a_caller_is_shown_without_its_token() {
        let caller = CallerConfig {
            system: "desk".to_owned(),
            organisation: Uscc::parse("91330106673959654P").expect("valid"),
            token_sm3: "ab".repeat(32),
            roles: vec![CallerRole::Use],
        };
        assert!(!format!("{caller:?}").contains("abab"));
    }
}
