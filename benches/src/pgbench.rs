//! `pgbench -S` on the server of the benches.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hub::store::scratch::Scratch;

use crate::{Rate, engines};

/// Rows of `pgbench` at scale 1.
const ROWS_PER_SCALE: u64 = 100_000;

/// PostgreSQL's own bench with tables of its own.
pub struct Pgbench {
    url: String,
    _database: Scratch,
}

impl Pgbench {
    /// Its tables with so many rows.
    ///
    /// # Panics
    /// When the server or the tool does not work.
    #[must_use]
    pub async fn make(server: &str, rows: u64) -> Self {
        let database = Scratch::on_postgres().await.expect("a server");
        let database = database.unwrap_or_else(|| panic!("a database on {server}"));
        let url = database.config().url.clone().expect("an address");
        let scale = rows.div_ceil(ROWS_PER_SCALE).to_string();
        pgbench(&["-i", "-q", "-s", &scale, &url]);
        Self {
            url,
            _database: database,
        }
    }

    /// Reads single rows on so many connections.
    ///
    /// # Panics
    /// When the tool does not work.
    #[must_use]
    pub fn round(&self, connections: u32, seconds: u64) -> Rate {
        let (time, clients) = (seconds.to_string(), connections.to_string());
        let text = pgbench(&[
            "-S", "-n", "-M", "prepared", "-j", "2", "-c", &clients, "-T", &time, &self.url,
        ]);
        let rest = text.split_once("tps = ").map(|(_, rest)| rest);
        let rate = rest.and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
        let rate = rate.unwrap_or_else(|| panic!("no figures: {text}"));
        Rate {
            // Of a bench, far below 2^53.
            operations: (rate * seconds as f64) as u64,
            time: Duration::from_secs(seconds),
        }
    }
}

fn pgbench(arguments: &[&str]) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/postgres.sh");
    let mut command = Command::new(script);
    command.arg("tool").arg("pgbench").args(arguments);
    engines::text_of(command)
}
