//! Three brokers and a database of this test alone: it kills them.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tests::processes::Engines;
use tests::program::run;

/// Ports that three brokers use from the first on, see `deploy/kafka.sh`; then the database's.
const BROKER_PORTS: u16 = 30;

pub(super) struct OwnEngines {
    run: TempDir,
    port: u16,
    addresses: Engines,
}

impl OwnEngines {
    pub(super) fn start() -> Self {
        let run = TempDir::new().unwrap();
        let port = free_ports(BROKER_PORTS + 1);
        let mut own = Self {
            run,
            port,
            addresses: Engines {
                kafka: String::new(),
                postgres: String::new(),
            },
        };
        own.addresses.kafka = own.kafka(&["start", "3"]);
        own.addresses.postgres = own.postgres(&["start"]);
        own
    }

    pub(super) fn addresses(&self) -> Engines {
        self.addresses.clone()
    }

    pub(super) fn kafka(&self, arguments: &[&str]) -> String {
        self.script("kafka.sh", arguments)
    }

    pub(super) fn postgres(&self, arguments: &[&str]) -> String {
        self.script("postgres.sh", arguments)
    }

    fn script(&self, name: &str, arguments: &[&str]) -> String {
        // To a file: a broker that is started keeps the script's outputs open.
        let output = self.run.path().join("said");
        let said = std::fs::File::create(&output).unwrap();
        let status = Command::new(deploy().join(name))
            .args(arguments)
            .env("HUB_RUN", self.run.path())
            .env("HUB_KAFKA_PORT", self.port.to_string())
            .env("HUB_POSTGRES_PORT", (self.port + BROKER_PORTS).to_string())
            .env_remove("HUB_POSTGRES_FAST")
            .stdout(said)
            .status()
            .unwrap();
        assert!(status.success(), "{name} {arguments:?}: {status}");
        let said = std::fs::read_to_string(&output).unwrap();
        said.lines().last().unwrap_or_default().to_owned()
    }
}

impl Drop for OwnEngines {
    fn drop(&mut self) {
        for name in ["kafka.sh", "postgres.sh"] {
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                self.script(name, &["clean"]);
            }));
        }
    }
}

fn free_ports(count: u16) -> u16 {
    let found = run(Command::new("bash")
        .args([
            "-c",
            "source ./processes.sh; free_ports \"$0\"",
            &count.to_string(),
        ])
        .current_dir(deploy()));
    found.stdout.trim().parse().unwrap()
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}
