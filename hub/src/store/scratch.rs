//! A database for one test, in a file or on a PostgreSQL server.
//!
//! Tests run on files, and on PostgreSQL when `HUB_TEST_STORE` is `postgres`. The server is named
//! by `HUB_TEST_POSTGRES`: the address of a database on it, as a role that may make databases.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection};
use uuid::Uuid;

use super::{Access, Store, StoreError, postgres, sqlite};
use crate::config::{StoreConfig, StoreKind};

/// Variable with the address of the PostgreSQL server for tests.
pub const SERVER_VARIABLE: &str = "HUB_TEST_POSTGRES";

/// Variable that says on which database all tests run: `sqlite` (default) or `postgres`.
pub const STORE_VARIABLE: &str = "HUB_TEST_STORE";

/// A database of one test; removed with it when it is on a server.
#[derive(Debug)]
pub struct Scratch {
    config: StoreConfig,
    file: PathBuf,
    /// Address of the server and name of the database.
    database: Option<(String, String)>,
}

/// A database that somebody holds.
#[derive(Debug)]
pub enum Held {
    /// A file.
    Sqlite(SqliteConnection),
    /// A database on PostgreSQL.
    Postgres(PgConnection),
}

impl Scratch {
    /// A database on what the tests run on; `folder` is where a file would be.
    ///
    /// # Errors
    /// The server is not named or cannot be used.
    pub async fn new(folder: &Path) -> Result<Self, StoreError> {
        if std::env::var(STORE_VARIABLE).is_ok_and(|kind| kind == "postgres") {
            let server = std::env::var(SERVER_VARIABLE).unwrap_or_default();
            return Self::on(server).await;
        }
        Ok(Self::file(folder))
    }

    /// As [`Scratch::new`], with so many connections for reading.
    ///
    /// # Errors
    /// As [`Scratch::new`].
    pub async fn with_connections(folder: &Path, connections: u32) -> Result<Self, StoreError> {
        let mut scratch = Self::new(folder).await?;
        scratch.config.connections = connections;
        Ok(scratch)
    }

    /// A file in a folder, whatever the tests run on.
    #[must_use]
    pub fn file(folder: &Path) -> Self {
        Self {
            config: StoreConfig::default(),
            file: folder.join("hub.sqlite"),
            database: None,
        }
    }

    /// A database on PostgreSQL; none when no server is named.
    ///
    /// # Errors
    /// The server cannot be used.
    pub async fn on_postgres() -> Result<Option<Self>, StoreError> {
        match std::env::var(SERVER_VARIABLE) {
            Ok(server) => Self::on(server).await.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// The settings that name it.
    #[must_use]
    pub fn config(&self) -> &StoreConfig {
        &self.config
    }

    /// Whether it is on PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.config.kind == StoreKind::Postgres
    }

    /// Opens it as a node does.
    ///
    /// # Errors
    /// As [`Store::of_node`].
    pub async fn open(&self) -> Result<Store, StoreError> {
        match self.config.kind {
            StoreKind::Sqlite => Store::open(&self.file).await,
            StoreKind::Postgres => postgres::open(&self.config, "test", Access::Node).await,
        }
    }

    /// Opens it as a command beside the node does.
    ///
    /// # Errors
    /// As [`Store::visit_node`].
    pub async fn visit(&self) -> Result<Store, StoreError> {
        match self.config.kind {
            StoreKind::Sqlite => Store::open_existing(&self.file).await,
            StoreKind::Postgres => postgres::open(&self.config, "test", Access::Visitor).await,
        }
    }

    /// Opens it as a command of the operator beside the node does.
    ///
    /// # Errors
    /// As [`Store::of_operator`].
    pub async fn decide(&self) -> Result<Store, StoreError> {
        match self.config.kind {
            StoreKind::Sqlite => Store::open_existing(&self.file).await,
            StoreKind::Postgres => postgres::open(&self.config, "test", Access::Operator).await,
        }
    }

    /// Runs SQL as whoever holds the database could: past the program, its foreign keys, and on
    /// PostgreSQL its triggers.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn tamper(&self, sqlite: &str, postgres: &str) -> Result<(), StoreError> {
        match &self.database {
            None => {
                let options = sqlite::options(&self.file)?.foreign_keys(false);
                let mut connection = options.connect().await?;
                let sql = AssertSqlSafe(sqlite.to_owned());
                sqlx::raw_sql(sql).execute(&mut connection).await?;
                connection.close().await?;
            }
            Some((server, name)) => {
                let options = PgConnectOptions::from_str(server)?.database(name);
                let mut connection = options.connect().await?;
                let sql = format!("set session_replication_role = replica; {postgres}");
                let sql = AssertSqlSafe(sql);
                sqlx::raw_sql(sql).execute(&mut connection).await?;
                connection.close().await?;
            }
        }
        Ok(())
    }

    /// Holds what every transaction needs, as a backup or a stuck process would.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn hold(&self) -> Result<Held, StoreError> {
        match &self.database {
            None => {
                let mut connection = sqlite::options(&self.file)?.connect().await?;
                let begin = sqlx::raw_sql("begin immediate");
                begin.execute(&mut connection).await?;
                Ok(Held::Sqlite(connection))
            }
            Some((server, name)) => {
                let options = PgConnectOptions::from_str(server)?.database(name);
                let mut connection = options.connect().await?;
                let begin = sqlx::raw_sql("begin; select size from log for update");
                begin.execute(&mut connection).await?;
                Ok(Held::Postgres(connection))
            }
        }
    }

    async fn on(server: String) -> Result<Self, StoreError> {
        let name = format!("hub_test_{}", Uuid::new_v4().simple());
        let create = format!("create database {name} template template0");
        command(&server, create).await?;
        // The address with another database in it; what follows a question mark stays.
        let (address, rest) = server.split_once('?').unwrap_or((&server, ""));
        let before = address
            .rsplit_once('/')
            .map_or(address, |(before, _)| before);
        let config = StoreConfig {
            kind: StoreKind::Postgres,
            url: Some(format!("{before}/{name}?{rest}")),
            // Many tests share one server.
            connections: 4,
            ..StoreConfig::default()
        };
        Ok(Self {
            config,
            file: PathBuf::new(),
            database: Some((server, name)),
        })
    }
}

impl Held {
    /// Lets go.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn release(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(connection.close().await?),
            Self::Postgres(connection) => Ok(connection.close().await?),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Some((server, name)) = self.database.take() else {
            return;
        };
        // A thread of its own: this one may be inside a runtime, which must not wait.
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let drop = format!("drop database if exists {name} with (force)");
            runtime.map(|runtime| runtime.block_on(command(&server, drop)))
        });
        // What stays behind stays on a server for tests.
        let _ = removed.join();
    }
}

/// Says that a test did not run, past the capture of passing tests.
pub fn say_skipped(what: &str) {
    let line = format!("SKIPPED: {what}: {SERVER_VARIABLE} names no PostgreSQL server\n");
    // Whoever closed the output does not want to know.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

async fn command(server: &str, sql: String) -> Result<(), StoreError> {
    let mut connection = PgConnectOptions::from_str(server)?.connect().await?;
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await?;
    Ok(connection.close().await?)
}
