//! The nodes of the demo and the systems that call them: a national node and two provinces in
//! one process, on one embedded bus, each with its own database, keys and HTTP face.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use certs::node_key::NodePublicKeys;
use connectors::bus::{Bus, EmbeddedBus};
use connectors::client::Client;
use schemas::uscc::Uscc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::stage::{Place, Stage};
use crate::clock::SystemClock;
use crate::config::{CallerConfig, CallerRole, NodeConfig, PeerConfig, PeerKeys, Role};
use crate::node::{Node, Running, node_keys};
use crate::permits::Duty;

/// Name of the national node.
const NATIONAL: &str = "national";

/// Organisation of the department that wants licences, without its check characters; made up.
const DEPARTMENT: (&str, &str) = ("11510100", "MB000000");

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
    stop: CancellationToken,
}

/// One running node with its HTTP face.
pub(super) struct Player {
    /// In both languages, for people.
    pub(super) title: &'static str,
    /// The node.
    pub(super) node: Arc<Node>,
    /// Where its HTTP face listens.
    pub(super) address: SocketAddr,
    running: Running,
    served: JoinHandle<std::io::Result<()>>,
}

/// Starts the three nodes; the using province listens on `listen`, the others on any free port.
///
/// # Errors
/// A node that does not start, an address that is taken.
pub(super) async fn start(stage: &Stage, listen: SocketAddr) -> anyhow::Result<Cast> {
    let nation = Place {
        node: NATIONAL.to_owned(),
        title: "国家 the nation",
        regions: Vec::new(),
        library: None,
    };
    let token = random_token();
    let keys = [&nation, &stage.home, &stage.using]
        .into_iter()
        .map(|place| Ok((place, publish_keys(&stage.dir, &place.node)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let bus: Arc<dyn Bus> = Arc::new(
        EmbeddedBus::open(&stage.dir.join("bus.sqlite"))
            .await
            .context("the embedded bus")?,
    );
    let stop = CancellationToken::new();
    let any_port = SocketAddr::new(listen.ip(), 0);
    let mut players = Vec::new();
    for (place, _) in &keys {
        let mut config = config(stage, place, &keys);
        let is_using = place.node == stage.using.node;
        if is_using {
            config.callers = vec![department(&token)?];
            config.duties = duties(stage)?;
        }
        let address = if is_using { listen } else { any_port };
        players.push(play(place.title, config, Arc::clone(&bus), address, stop.clone()).await?);
    }
    let [national, home, using]: [Player; 3] = players
        .try_into()
        .map_err(|_| anyhow::anyhow!("three nodes were to start"))?;
    Ok(Cast {
        national,
        home,
        using,
        token,
        stop,
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
    /// A server that failed before.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        for player in [self.using, self.home, self.national] {
            player
                .served
                .await
                .context("the server's task")?
                .context("the server")?;
            // Dropped first: the node closes its database when the last user is gone.
            drop(player.node);
            player.running.shutdown().await;
        }
        Ok(())
    }
}

async fn play(
    title: &'static str,
    config: NodeConfig,
    bus: Arc<dyn Bus>,
    listen: SocketAddr,
    stop: CancellationToken,
) -> anyhow::Result<Player> {
    let name = config.name.clone();
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("address {listen}"))?;
    let address = listener.local_addr()?;
    let running = Node::start(config, bus, Arc::new(SystemClock))
        .await
        .with_context(|| format!("node {name}"))?;
    let node = Arc::clone(&running.node);
    let shutdown = stop.cancelled_owned();
    let served = tokio::spawn(crate::http::serve(listener, Arc::clone(&node), shutdown));
    Ok(Player {
        title,
        node,
        address,
        running,
        served,
    })
}

fn config(stage: &Stage, place: &Place, all: &[(&Place, NodePublicKeys)]) -> NodeConfig {
    let role = role_of(place);
    let data = stage.dir.join(&place.node);
    let mut config = NodeConfig::new(&place.node, role, NATIONAL, &data, &stage.trust);
    config.regions.clone_from(&place.regions);
    config.source.clone_from(&place.library);
    // Every node knows the same types, wherever they were defined.
    config.types = stage
        .home
        .library
        .as_ref()
        .map(|library| library.join("licence_types.json"))
        .filter(|file| file.exists());
    config.peers = all
        .iter()
        .filter(|(other, _)| other.node != place.node)
        .map(|(other, keys)| PeerConfig {
            name: other.node.clone(),
            keys: PeerKeys::Inline(keys.clone()),
            role: role_of(other),
            regions: other.regions.clone(),
        })
        .collect();
    config
}

fn role_of(place: &Place) -> Role {
    if place.node == NATIONAL {
        Role::National
    } else {
        Role::Province
    }
}

/// The node's public keys, also written where `hub prove --trust` finds them.
fn publish_keys(dir: &Path, node: &str) -> anyhow::Result<NodePublicKeys> {
    let keys = node_keys(&dir.join(node))?.public();
    crate::prove::publish_keys(&dir.join("trust"), node, &keys)?;
    Ok(keys)
}

fn department(token: &str) -> anyhow::Result<CallerConfig> {
    Ok(CallerConfig {
        system: "demo-service-desk".to_owned(),
        organisation: organisation()?,
        token_sm3: hex::encode(certs::digest::sm3(token.as_bytes())),
        roles: vec![
            CallerRole::Lookup,
            CallerRole::Use,
            CallerRole::Verify,
            CallerRole::Auditor,
        ],
    })
}

/// The department's duty: these types, for its one matter.
fn duties(stage: &Stage) -> anyhow::Result<Vec<Duty>> {
    Ok(vec![Duty {
        organisation: organisation()?,
        matter: stage.matter.clone(),
        licence_types: stage.permitted.clone(),
    }])
}

fn organisation() -> anyhow::Result<Uscc> {
    Ok(Uscc::build(DEPARTMENT.0, DEPARTMENT.1)?)
}

/// 244 random bits, from the system's source.
fn random_token() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
