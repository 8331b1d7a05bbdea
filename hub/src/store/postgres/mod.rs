//! Opening the store on PostgreSQL.

mod fence;
pub(super) mod pool;

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use self::pool::{Pool, Purpose};
use super::sql::Reader;
use super::{Access, Migrated, Store, StoreError, Writer};
use crate::config::StoreConfig;

static MIGRATIONS: Migrator = sqlx::migrate!("../schemas/migrations/postgres");

/// Settings of every session, with their reasons.
const SESSION: [(&str, &str); 8] = [
    // A row is locked for the length of one transaction; longer is a fault somewhere.
    ("lock_timeout", "5s"),
    // A process that stands still in the middle of a transaction must not hold its locks.
    ("idle_in_transaction_session_timeout", "30s"),
    // A machine that vanished keeps the fence for half a minute at most.
    ("tcp_keepalives_idle", "15"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    // Instants are text made by the program; nothing may depend on the server's zone.
    ("timezone", "UTC"),
    // Statements are short: compiling them takes longer than running them.
    ("jit", "off"),
    // A plan made once is good for every value: all lookups are by key.
    ("plan_cache_mode", "auto"),
];

/// How much longer than the server's limit the program waits for an answer.
const ANSWER_GRACE: Duration = Duration::from_secs(5);

/// Opens the database that the settings name.
pub(super) async fn open(
    config: &StoreConfig,
    application: &str,
    access: Access,
) -> Result<Store, StoreError> {
    let options = options(config, application)?;
    let mut connection = options.connect().await?;
    if let Migrated::From(found) = schema(&mut connection).await? {
        if access != Access::Node || !config.migrate_at_start {
            let needed = newest();
            return Err(StoreError::OlderDatabase { found, needed });
        }
        migrate_on(&mut connection).await?;
    }
    check_durability(&mut connection).await?;
    connection.close().await?;
    let purpose = match access {
        Access::Node => Purpose::Writing,
        Access::Visitor => Purpose::Visiting,
        Access::Operator => Purpose::Deciding,
    };
    let wait = Duration::from_secs(config.statement_timeout_s) + ANSWER_GRACE;
    let writer = Pool::new(durable(options.clone()), purpose, 1, wait);
    let reader = Pool::new(options, Purpose::Reading, config.connections, wait);
    if access == Access::Node {
        // A second process on the same database shows itself at the start, not at the first write.
        writer.lease().await?.release();
    }
    Ok(Store {
        writer: Writer::Postgres(writer),
        reader: Reader::postgres(reader),
    })
}

/// Brings the database to this version's tables, or only looks.
pub(super) async fn migrate(
    config: &StoreConfig,
    check_only: bool,
) -> Result<Migrated, StoreError> {
    let mut connection = options(config, "migrate")?.connect().await?;
    let found = schema(&mut connection).await?;
    if !check_only && found != Migrated::Current {
        migrate_on(&mut connection).await?;
    }
    connection.close().await?;
    Ok(found)
}

/// The newest version that this program knows.
fn newest() -> i64 {
    MIGRATIONS.iter().map(|one| one.version).max().unwrap_or(0)
}

fn options(config: &StoreConfig, application: &str) -> Result<PgConnectOptions, StoreError> {
    let url = config.url.as_deref().unwrap_or_default();
    let mut options = PgConnectOptions::from_str(url)?
        .application_name(&format!("hub {application}"))
        .options(SESSION)
        .options([(
            "statement_timeout",
            format!("{}s", config.statement_timeout_s),
        )])
        .disable_statement_logging();
    if let Some(file) = &config.password_file {
        let text = std::fs::read_to_string(file).map_err(sqlx::Error::Io)?;
        options = options.password(text.trim_end_matches(['\r', '\n']));
    }
    Ok(options)
}

/// An answer leaves only after its record is durable, whatever the server's default is; and a
/// statement that is a transaction by itself is as serialisable as the others.
fn durable(options: PgConnectOptions) -> PgConnectOptions {
    options.options([
        ("synchronous_commit", "on"),
        ("default_transaction_isolation", "serializable"),
    ])
}

/// Reads only what is there: the role of the service may not make tables.
async fn schema(connection: &mut PgConnection) -> Result<Migrated, StoreError> {
    let is_there: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .fetch_one(&mut *connection)
        .await?;
    if !is_there {
        return Ok(Migrated::From(0));
    }
    let applied: Vec<(i64, bool, Vec<u8>)> =
        sqlx::query_as("select version, success, checksum from _sqlx_migrations order by version")
            .fetch_all(&mut *connection)
            .await?;
    for (version, _, checksum) in &applied {
        match MIGRATIONS.iter().find(|one| one.version == *version) {
            None => return Err(StoreError::NewerDatabase { version: *version }),
            Some(known) if *known.checksum != **checksum => {
                let error = MigrateError::VersionMismatch(*version);
                return Err(StoreError::Migration(Box::new(error)));
            }
            Some(_) => {}
        }
    }
    let done = |wanted: i64| {
        applied
            .iter()
            .any(|(version, success, _)| *version == wanted && *success)
    };
    if MIGRATIONS.iter().all(|one| done(one.version)) {
        return Ok(Migrated::Current);
    }
    let newest = applied.iter().map(|(version, ..)| *version).max();
    Ok(Migrated::From(newest.unwrap_or(0)))
}

async fn migrate_on(connection: &mut PgConnection) -> Result<(), StoreError> {
    // A migration of a large table may take longer than a statement of the service.
    sqlx::raw_sql("set statement_timeout = 0; set lock_timeout = '60s'")
        .execute(&mut *connection)
        .await?;
    MIGRATIONS
        .run_direct(None, &mut *connection, false)
        .await
        .map_err(|error| match error {
            MigrateError::VersionMissing(version) => StoreError::NewerDatabase { version },
            other => StoreError::Migration(Box::new(other)),
        })
}

/// Says what the server's own settings would lose. The session sets what it may set.
async fn check_durability(connection: &mut PgConnection) -> Result<(), StoreError> {
    for setting in ["fsync", "full_page_writes"] {
        let value: String = sqlx::query_scalar("select current_setting($1)")
            .bind(setting)
            .fetch_one(&mut *connection)
            .await?;
        if value != "on" {
            tracing::warn!(
                setting,
                value,
                "PostgreSQL may lose what it committed when its machine fails"
            );
        }
    }
    Ok(())
}

/// Versions of the tables that this program knows.
#[cfg(test)]
pub(super) fn versions() -> Vec<(i64, String)> {
    MIGRATIONS
        .iter()
        .map(|one| (one.version, one.description.to_string()))
        .collect()
}
