//! `hub migrate`: brings a node's database to the tables of this version.

use std::path::PathBuf;
use std::process::ExitCode;

use super::out::outln;
use crate::config::Config;
use crate::store::{Migrated, Store};

/// Bring a node's database to the tables of this version, or tell whether it has them.
///
/// A node brings its own file there when it starts. On PostgreSQL it may be told not to
/// (`migrate_at_start = false`), because its role may not make tables: then a person runs this
/// first, with a configuration whose address names the owner. A newer version's database is
/// refused. Migrations only add: an older program keeps working until it is replaced.
///
/// Exit code 0 when the database has this version's tables, 1 when `--check` finds that it has
/// not, 3 when it cannot be used.
#[derive(Debug, clap::Args)]
pub(crate) struct MigrateArgs {
    /// Configuration file of the node, as for `hub serve`.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only look: which version the database has, and whether it understands every statement.
    #[arg(long)]
    check: bool,
}

/// Runs `hub migrate`.
///
/// # Errors
/// A configuration or a database that cannot be used.
pub(crate) async fn run(args: MigrateArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?.node;
    let name = &config.name;
    match (Store::migrate(&config, args.check).await?, args.check) {
        (Migrated::Current, false) => outln!("{name}: 已是当前版本 current")?,
        (Migrated::From(0), false) => outln!("{name}: 已建表 tables made")?,
        (Migrated::From(version), false) => {
            outln!("{name}: 已从版本 {version} 升级 migrated from version {version}")?;
        }
        (Migrated::From(version), true) => {
            outln!("{name}: 版本 {version}，需要升级 older, run hub migrate")?;
            return Ok(ExitCode::from(1));
        }
        (Migrated::Current, true) => {
            let store = Store::visit_node(&config).await?;
            let checked = store.check_statements().await;
            store.close().await;
            checked?;
            outln!("{name}: 完好 current, every statement is understood")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
