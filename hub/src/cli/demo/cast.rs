//! The nodes of the demo and the systems that call them: a national node and two provinces, each
//! with its own database, keys, configuration file and HTTP face – in this process on one embedded
//! bus, or as three processes on Kafka and PostgreSQL.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use connectors::bus::{Bus, EmbeddedBus};
use connectors::client::Client;
use schemas::uscc::Uscc;
use serde_json::json;
use uuid::Uuid;

use super::host::{Host, Hosted};
use super::process::{self, ServeProcess};
use super::stage::{Place, Stage};
use crate::config::Config;
use crate::node::node_keys;

/// Name of the national node.
const NATIONAL: &str = "national";

/// Organisation of the department that wants licences, without its check characters; made up.
const DEPARTMENT: (&str, &str) = ("11510100", "MB000000");

/// What the nodes run on.
#[derive(Clone, Debug)]
pub(super) enum Engines {
    /// Everything inside this process.
    Embedded,
    /// One `hub serve` process per node.
    Kafka {
        /// Brokers, `host:port` joined by commas.
        brokers: String,
        /// Address of a node's PostgreSQL database; `{node}` stands for the node's name. Without
        /// it a node keeps a SQLite file.
        postgres: Option<String>,
        /// Set before the names of topics, so that demos do not meet on one cluster.
        prefix: String,
    },
}

/// All nodes, running.
pub(super) struct Cast {
    /// National node.
    pub(super) national: Player,
    /// The province that keeps the originals.
    pub(super) home: Player,
    /// The province whose department wants them.
    pub(super) using: Player,
    /// Token of the department's system at the using province.
    pub(super) token: String,
}

/// One running node with its HTTP face.
pub(super) struct Player {
    /// In both languages, for people.
    pub(super) title: &'static str,
    /// Name of the node.
    pub(super) name: String,
    /// Where its HTTP face listens.
    pub(super) address: SocketAddr,
    /// Client of those who run the node: receipts, rejections, trails.
    pub(super) operator: Client,
    /// Where it runs.
    pub(super) host: Host,
}

/// The tokens of everybody who calls the nodes.
struct Tokens {
    department: String,
    operator: String,
}

/// Starts the three nodes; the using province listens on `listen`, the others on any free port.
///
/// # Errors
/// A node that does not start, an address that is taken.
pub(super) async fn start(
    stage: &Stage,
    engines: &Engines,
    listen: SocketAddr,
) -> anyhow::Result<Cast> {
    let nation = Place {
        node: NATIONAL.to_owned(),
        title: "国家 the nation",
        regions: Vec::new(),
        library: None,
        entries: 0,
    };
    let places = [&nation, &stage.home, &stage.using];
    for place in places {
        publish_keys(&stage.dir, &place.node)?;
    }
    let tokens = Tokens {
        department: random_token(),
        operator: random_token(),
    };
    let any_port = SocketAddr::new(listen.ip(), 0);
    let mut files = Vec::new();
    for place in places {
        let is_using = place.node == stage.using.node;
        let address = if is_using { listen } else { any_port };
        let text = settings(stage, place, &places, &tokens, address, engines)?;
        let file = stage.dir.join(format!("{}.toml", place.node));
        write_private(&file, &text)?;
        files.push((place, file, text));
    }
    let bus = match engines {
        Engines::Embedded => Some(embedded_bus(&stage.dir).await?),
        Engines::Kafka { brokers, .. } => {
            let (_, national, _) = files.first().context("the national node comes first")?;
            process::apply_topics(national, brokers.split(',').count())?;
            None
        }
    };
    let mut players = Vec::new();
    for (place, file, text) in files {
        let (address, host) = match &bus {
            Some(bus) => {
                let hosted = Hosted::start(Config::from_text(&text)?, Arc::clone(bus)).await?;
                (hosted.address, Host::Here(Box::new(hosted)))
            }
            None => {
                let process = ServeProcess::start(&file).await?;
                (process.address, Host::Process(process))
            }
        };
        players.push(Player {
            title: place.title,
            name: place.node.clone(),
            address,
            operator: Client::new(&format!("http://{address}"), Some(&tokens.operator))?,
            host,
        });
    }
    let [national, home, using]: [Player; 3] = players
        .try_into()
        .map_err(|_| anyhow::anyhow!("three nodes were to start"))?;
    Ok(Cast {
        national,
        home,
        using,
        token: tokens.department,
    })
}

impl Cast {
    /// The department's client at its own province.
    ///
    /// # Errors
    /// None in practice.
    pub(super) fn department(&self) -> anyhow::Result<Client> {
        Ok(Client::new(
            &format!("http://{}", self.using.address),
            Some(&self.token),
        )?)
    }

    /// All nodes.
    pub(super) fn players(&self) -> [&Player; 3] {
        [&self.national, &self.home, &self.using]
    }

    /// Stops serving, lets requests finish, stops the nodes.
    ///
    /// # Errors
    /// A node that failed before.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        for player in [self.using, self.home, self.national] {
            let stopped = match player.host {
                Host::Here(hosted) => hosted.stop().await,
                Host::Process(process) => process.stop().await,
            };
            stopped.with_context(|| format!("node {}", player.name))?;
        }
        Ok(())
    }
}

async fn embedded_bus(dir: &Path) -> anyhow::Result<Arc<dyn Bus>> {
    let bus = EmbeddedBus::open(&dir.join("bus.sqlite")).await;
    Ok(Arc::new(bus.context("the embedded bus")?))
}

/// The configuration of one node, as an operator would write it.
fn settings(
    stage: &Stage,
    place: &Place,
    all: &[&Place],
    tokens: &Tokens,
    listen: SocketAddr,
    engines: &Engines,
) -> anyhow::Result<String> {
    // Texts and lists of JSON are also texts and lists of TOML.
    let mut text = format!("listen = {}\n\n[node]\n", json!(listen.to_string()));
    let mut set = |name: &str, value: serde_json::Value| writeln!(text, "{name} = {value}");
    set("name", json!(place.node))?;
    set("role", json!(role_of(place)))?;
    set("national", json!(NATIONAL))?;
    set("regions", json!(place.regions))?;
    set("data", json!(absolute(&stage.dir.join(&place.node))?))?;
    set("trust", json!(absolute(&stage.trust)?))?;
    if let Some(library) = &place.library {
        set("source", json!(absolute(library)?))?;
    }
    // Every node knows the same types, wherever they were defined.
    let library = stage.home.library.as_ref();
    let types = library.map(|library| library.join("licence_types.json"));
    if let Some(types) = types.filter(|file| file.exists()) {
        set("types", json!(absolute(&types)?))?;
    }
    for other in all.iter().filter(|other| other.node != place.node) {
        writeln!(text, "\n[[node.peers]]")?;
        let keys = absolute(&keys_folder(&stage.dir))?.join(format!("{}.node.json", other.node));
        writeln!(text, "name = {}", json!(other.node))?;
        writeln!(text, "keys = {}", json!(keys))?;
        writeln!(text, "role = {}", json!(role_of(other)))?;
        writeln!(text, "regions = {}", json!(other.regions))?;
    }
    let roles = ["registrar", "auditor"];
    text.push_str(&caller("demo-operator", &tokens.operator, &roles)?);
    if place.node == stage.using.node {
        let roles = ["lookup", "use", "verify", "auditor"];
        text.push_str(&caller("demo-service-desk", &tokens.department, &roles)?);
        // The department's duty: these types, for its one matter.
        writeln!(text, "\n[[node.duties]]")?;
        writeln!(text, "organisation = {}", json!(organisation()?))?;
        writeln!(text, "matter = {}", json!(stage.matter))?;
        writeln!(text, "licence_types = {}", json!(stage.permitted))?;
    }
    if let Engines::Kafka {
        brokers,
        postgres,
        prefix,
    } = engines
    {
        let brokers: Vec<&str> = brokers.split(',').collect();
        writeln!(text, "\n[node.bus]\nkind = \"kafka\"")?;
        writeln!(text, "brokers = {}", json!(brokers))?;
        writeln!(text, "prefix = {}", json!(prefix))?;
        writeln!(text, "security = \"plaintext\"")?;
        if let Some(url) = postgres {
            writeln!(text, "\n[node.store]\nkind = \"postgres\"")?;
            writeln!(text, "url = {}", json!(url.replace("{node}", &place.node)))?;
        }
    }
    Ok(text)
}

fn caller(system: &str, token: &str, roles: &[&str]) -> anyhow::Result<String> {
    let digest = hex::encode(certs::digest::sm3(token.as_bytes()));
    Ok(format!(
        "\n[[node.callers]]\nsystem = {}\norganisation = {}\ntoken_sm3 = {}\nroles = {}\n",
        json!(system),
        json!(organisation()?),
        json!(digest),
        json!(roles)
    ))
}

fn role_of(place: &Place) -> &'static str {
    if place.node == NATIONAL {
        "national"
    } else {
        "province"
    }
}

/// Where `hub prove --trust` finds the public keys of the nodes.
pub(super) fn keys_folder(dir: &Path) -> PathBuf {
    dir.join("trust")
}

/// Makes the node's keys if need be and writes the public ones.
fn publish_keys(dir: &Path, node: &str) -> anyhow::Result<()> {
    let keys = node_keys(&dir.join(node))?.public();
    Ok(crate::prove::publish_keys(&keys_folder(dir), node, &keys)?)
}

fn organisation() -> anyhow::Result<Uscc> {
    Ok(Uscc::build(DEPARTMENT.0, DEPARTMENT.1)?)
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| path.display().to_string())
}

/// The URL of a database may hold a password.
fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options
        .open(file)
        .and_then(|mut open| open.write_all(text.as_bytes()));
    written.with_context(|| file.display().to_string())
}

/// 244 random bits, from the system's source.
fn random_token() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
