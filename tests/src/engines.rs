//! Kafka and PostgreSQL for tests: those of the run, or brokers and a database of one test alone,
//! which may then kill, pause or starve them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::{Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use crate::program::{run, skipped};

/// Ports that three brokers use from the first on, see `deploy/kafka.sh`; then the database's, then
/// the one that the brokers' proxied listener names as its own.
const BROKER_PORTS: u16 = 30;

/// The proxied listener of the first broker, from its first port on.
const PROXIED_PORT: u16 = 3;

/// What the processes run on.
#[derive(Clone, Debug)]
pub struct Engines {
    /// Brokers, `host:port` joined by commas.
    pub kafka: String,
    /// URL of a database whose user may make others.
    pub postgres: String,
}

/// Brokers and a database that nobody else uses; removed with their data in the end.
pub struct OwnEngines {
    run: TempDir,
    port: u16,
    addresses: Engines,
    disk: Option<PathBuf>,
}

impl Engines {
    /// The engines that `HUB_TEST_KAFKA` and `HUB_TEST_POSTGRES` name; `deploy/test.sh` starts
    /// them. Says loudly when a test is skipped without them.
    #[must_use]
    pub fn from_environment(test: &str) -> Option<Self> {
        let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (kafka, postgres) = (named("HUB_TEST_KAFKA"), named("HUB_TEST_POSTGRES"));
        let (Some(kafka), Some(postgres)) = (kafka, postgres) else {
            skipped(test, "HUB_TEST_KAFKA and HUB_TEST_POSTGRES name no engines");
            return None;
        };
        Some(Self { kafka, postgres })
    }

    /// URL of another database of the same server.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        let (server, _) = self.postgres.rsplit_once('/').expect("a URL with a path");
        format!("{server}/{name}")
    }

    /// Makes a database; `name` is of letters, digits and underscores.
    pub async fn make_database(&self, name: &str) {
        let server = PgConnection::connect(&self.postgres).await;
        let create = format!("create database {name}");
        let made = server
            .expect("the database server")
            .execute(sqlx::AssertSqlSafe(create))
            .await;
        made.expect("a database");
    }

    /// The same engines at the ends of two lines.
    #[must_use]
    pub fn behind(&self, kafka: SocketAddr, postgres: SocketAddr) -> Self {
        let (_, database) = self.postgres.rsplit_once('/').expect("a URL with a path");
        let (user, _) = self.postgres.rsplit_once('@').expect("a URL with a user");
        Self {
            kafka: kafka.to_string(),
            postgres: format!("{user}@{postgres}/{database}"),
        }
    }
}

impl OwnEngines {
    /// Starts one broker or three, and a database server.
    ///
    /// # Panics
    /// When they do not start.
    #[must_use]
    pub fn start(brokers: u16) -> Self {
        Self::start_on(brokers, None)
    }

    /// The same with the database on a disk of so many MiB, in memory, which can be filled. Only
    /// root may make one; for others it is the disk that is there.
    ///
    /// # Panics
    /// When they do not start.
    #[must_use]
    pub fn start_on_small_disk(brokers: u16, mib: u32) -> Self {
        Self::start_on(brokers, Some(mib))
    }

    fn start_on(brokers: u16, disk_mib: Option<u32>) -> Self {
        let run = TempDir::new().expect("a temporary folder");
        let port = free_ports(BROKER_PORTS + 2);
        let mut own = Self {
            run,
            port,
            addresses: Engines {
                kafka: String::new(),
                postgres: String::new(),
            },
            disk: None,
        };
        own.disk = disk_mib.and_then(|mib| mount(&own.postgres(&["folder"]), mib));
        own.addresses.kafka = own.kafka(&["start", &brokers.to_string()]);
        own.addresses.postgres = own.postgres(&["start"]);
        own
    }

    /// Where they are.
    #[must_use]
    pub fn addresses(&self) -> Engines {
        self.addresses.clone()
    }

    /// Where a line to the first broker has to listen, and where it leads.
    #[must_use]
    pub fn kafka_line(&self) -> (u16, SocketAddr) {
        let listener = SocketAddr::from(([127, 0, 0, 1], self.port + PROXIED_PORT));
        (self.proxy_port(), listener)
    }

    /// Where a line to the database server leads.
    #[must_use]
    pub fn postgres_server(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port + BROKER_PORTS))
    }

    /// The small disk of the database, if there is one.
    #[must_use]
    pub fn disk(&self) -> Option<&Path> {
        self.disk.as_deref()
    }

    /// Runs `deploy/kafka.sh`; the last line that it prints.
    pub fn kafka(&self, arguments: &[&str]) -> String {
        self.script("kafka.sh", arguments)
    }

    /// Runs `deploy/postgres.sh`; the last line that it prints.
    pub fn postgres(&self, arguments: &[&str]) -> String {
        self.script("postgres.sh", arguments)
    }

    fn proxy_port(&self) -> u16 {
        self.port + BROKER_PORTS + 1
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(deploy().join(name));
        command
            .env("HUB_RUN", self.run.path())
            .env("HUB_KAFKA_PORT", self.port.to_string())
            .env("HUB_KAFKA_PROXY_PORT", self.proxy_port().to_string())
            .env("HUB_POSTGRES_PORT", (self.port + BROKER_PORTS).to_string())
            .env_remove("HUB_POSTGRES_FAST");
        command
    }

    /// At the end: what is gone already is no fault.
    fn try_script(&self, name: &str, what: &str) {
        run(self.command(name).args([what, "1"]));
    }

    fn script(&self, name: &str, arguments: &[&str]) -> String {
        // To a file: a broker that is started keeps the script's outputs open.
        let output = self.run.path().join("said");
        let said = std::fs::File::create(&output).expect("a file");
        let mut command = self.command(name);
        let status = command.args(arguments).stdout(said).status();
        let status = status.expect("the script starts");
        assert!(status.success(), "{name} {arguments:?}: {status}");
        let said = std::fs::read_to_string(&output).expect("what it said");
        said.lines().last().unwrap_or_default().to_owned()
    }
}

impl Drop for OwnEngines {
    fn drop(&mut self) {
        // What stands still hears no signal but this.
        self.try_script("kafka.sh", "resume");
        self.try_script("postgres.sh", "resume");
        self.try_script("kafka.sh", "clean");
        self.try_script("postgres.sh", "stop");
        if let Some(disk) = &self.disk {
            run(Command::new("umount").arg(disk));
        }
        self.try_script("postgres.sh", "clean");
    }
}

/// A disk in memory at `folder`; none when this user may not make one.
fn mount(folder: &str, mib: u32) -> Option<PathBuf> {
    std::fs::create_dir_all(folder).ok()?;
    let options = format!("size={mib}m,mode=0755");
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", &options, "tmpfs", folder]);
    let mounted = run(&mut mount).code == Some(0);
    mounted.then(|| PathBuf::from(folder))
}

fn free_ports(count: u16) -> u16 {
    let found = run(Command::new("bash")
        .args([
            "-c",
            "source ./processes.sh; free_ports \"$0\"",
            &count.to_string(),
        ])
        .current_dir(deploy()));
    found.stdout.trim().parse().expect("a port")
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}
