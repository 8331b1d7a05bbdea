//! What is the node's own: keys, database, clock, disk, policy.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use certs::node_key::NodeKeys;
use chrono::{DateTime, Utc};

use super::Finding;
use crate::config::{NodeConfig, StoreKind};
use crate::node::{database_path, keys_path};
use crate::permits::PermitPolicy;
use crate::store::{Migrated, Store};

/// How far the clock may be off before somebody should look, and before permits and signatures of
/// this node are refused by others, who allow five minutes between any two.
const CLOCK_WARN_MS: i64 = 2_000;
const CLOCK_FAIL_MS: i64 = 60_000;

/// Free room below which somebody should look, and below which a node may stop any hour.
const DISK_WARN_KIB: u64 = 5 * 1024 * 1024;
const DISK_FAIL_KIB: u64 = 512 * 1024;

/// The file of keys; it is not made here.
pub(super) fn keys(config: &NodeConfig) -> (Vec<Finding>, Option<Arc<NodeKeys>>) {
    let path = keys_path(&config.data);
    if !path.exists() {
        let found = if database_path(&config.data).exists() {
            let detail = format!("{} is missing beside its database", path.display());
            Finding::fail("keys", "DOCTOR_KEYS", detail)
        } else {
            let detail = format!("{} is made at the first start", path.display());
            Finding::warn("keys", "DOCTOR_NEW", detail)
        };
        return (vec![found], None);
    }
    match NodeKeys::from_file(&path) {
        Ok(keys) => {
            let detail = format!("key {}", keys.public().key_id());
            (vec![Finding::ok("keys", detail)], Some(Arc::new(keys)))
        }
        Err(cause) => (vec![Finding::fail("keys", "DOCTOR_KEYS", cause)], None),
    }
}

/// The database and the version of its tables; opened only when they are this program's.
pub(super) async fn database(config: &NodeConfig) -> (Vec<Finding>, Option<Store>) {
    let kind = match config.store.kind {
        StoreKind::Sqlite => "sqlite",
        StoreKind::Postgres => "postgres",
    };
    let file = database_path(&config.data);
    if config.store.kind == StoreKind::Sqlite && !file.exists() {
        let detail = format!("{} is made at the first start", file.display());
        return (vec![Finding::warn("database", "DOCTOR_NEW", detail)], None);
    }
    let refused = |cause| Finding::fail("database", "DOCTOR_DATABASE", cause);
    match Store::migrate(config, true).await {
        Err(cause) => (vec![refused(anyhow::Error::new(cause))], None),
        Ok(Migrated::From(version)) => {
            let detail = format!("{kind}: tables of version {version}");
            let is_made = config.store.kind == StoreKind::Sqlite || config.store.migrate_at_start;
            let found = match is_made {
                true => Finding::warn("migration", "DOCTOR_MIGRATION", detail),
                false => Finding::fail("migration", "DOCTOR_MIGRATION", detail),
            };
            (vec![Finding::ok("database", kind), found], None)
        }
        Ok(Migrated::Current) => match open(config).await {
            Ok(store) => {
                let current = Finding::ok("migration", "tables of this version");
                (vec![Finding::ok("database", kind), current], Some(store))
            }
            Err(cause) => (vec![refused(cause)], None),
        },
    }
}

async fn open(config: &NodeConfig) -> anyhow::Result<Store> {
    let store = Store::visit_node(config).await?;
    store.check_statements().await?;
    Ok(store)
}

/// The clock against the database server's; where the database is a file, against the newest
/// record, which cannot be of tomorrow.
pub(super) async fn clock(store: &Store, now: DateTime<Utc>) -> Vec<Finding> {
    let found = match store.server_time().await {
        Ok(Some(server)) => off_by((now - server).num_milliseconds(), "the database server"),
        Ok(None) => match store.newest_leaf_at().await {
            Ok(Some(newest)) if newest > now => {
                off_by((now - newest).num_milliseconds(), "the newest record")
            }
            Ok(_) => Finding::ok("clock", "not behind the newest record"),
            Err(cause) => Finding::fail("clock", "DOCTOR_DATABASE", cause),
        },
        Err(cause) => Finding::fail("clock", "DOCTOR_DATABASE", cause),
    };
    vec![found]
}

fn off_by(milliseconds: i64, what: &str) -> Finding {
    let direction = if milliseconds < 0 {
        "behind"
    } else {
        "ahead of"
    };
    let off = milliseconds.unsigned_abs();
    let detail = format!("{off} ms {direction} {what}");
    match i64::try_from(off).unwrap_or(i64::MAX) {
        off if off >= CLOCK_FAIL_MS => Finding::fail("clock", "DOCTOR_CLOCK", detail),
        off if off >= CLOCK_WARN_MS => Finding::warn("clock", "DOCTOR_CLOCK", detail),
        _ => Finding::ok("clock", detail),
    }
}

/// Room on the disk of the data folder, as `df` (POSIX) tells it.
pub(super) async fn disk(config: &NodeConfig) -> Vec<Finding> {
    let folder = nearest(&config.data);
    let shown = folder.display().to_string();
    let ask = move || {
        let mut command = Command::new("df");
        command.arg("-Pk").arg(&folder).env("LC_ALL", "C").output()
    };
    let output = tokio::task::spawn_blocking(ask).await;
    let free = match output {
        Ok(Ok(output)) => free_kib(&String::from_utf8_lossy(&output.stdout)),
        _ => None,
    };
    vec![match free {
        Some(free) => room(free, &shown),
        None => Finding::warn(
            "disk",
            "DOCTOR_DISK",
            format!("df does not tell of {shown}"),
        ),
    }]
}

fn room(free_kib: u64, folder: &str) -> Finding {
    let detail = format!("{} MiB free at {folder}", free_kib / 1024);
    if free_kib < DISK_FAIL_KIB {
        Finding::fail("disk", "DOCTOR_DISK", detail)
    } else if free_kib < DISK_WARN_KIB {
        Finding::warn("disk", "DOCTOR_DISK", detail)
    } else {
        Finding::ok("disk", detail)
    }
}

/// The column before the share that is used: names in the others may hold spaces.
fn free_kib(output: &str) -> Option<u64> {
    let words: Vec<&str> = output.lines().nth(1)?.split_whitespace().collect();
    let share = words.iter().position(|word| word.ends_with('%'))?;
    words.get(share.checked_sub(1)?)?.parse().ok()
}

/// The folder itself, or the nearest above it that is there.
fn nearest(data: &Path) -> PathBuf {
    let there = data.ancestors().find(|folder| folder.is_dir());
    match there {
        Some(folder) => folder.to_owned(),
        None => PathBuf::from("."),
    }
}

/// The policy of permits.
pub(super) fn policy(config: &NodeConfig) -> Vec<Finding> {
    vec![match PermitPolicy::from_config(config) {
        Ok(_) => Finding::ok("policy", "read"),
        Err(cause) => Finding::fail("policy", "DOCTOR_POLICY", anyhow::Error::new(cause)),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_graded_by_how_far_it_is_off() {
        for (milliseconds, grade) in [
            (0, "ok"),
            (-1_999, "ok"),
            (2_000, "warn"),
            (-59_999, "warn"),
            (60_000, "fail"),
            (i64::MIN, "fail"),
        ] {
            let found = off_by(milliseconds, "the database server");
            assert_eq!(found.grade.as_str(), grade, "{milliseconds}");
        }
        assert_eq!(off_by(-3, "x").detail, "3 ms behind x");
    }

    #[test]
    fn free_room_is_read_from_the_table_of_df() {
        let head = "Filesystem 1024-blocks Used Available Capacity Mounted on\n";
        let line = format!("{head}//server/a share 1000 400 600 40% /srv/a b\n");
        assert_eq!(free_kib(&line), Some(600));
        assert_eq!(free_kib(head), None);
        assert_eq!(free_kib("df: no such folder"), None);
        for (free, grade) in [(DISK_FAIL_KIB - 1, "fail"), (DISK_FAIL_KIB, "warn")] {
            assert_eq!(room(free, "/").grade.as_str(), grade);
        }
        assert_eq!(room(DISK_WARN_KIB, "/").grade.as_str(), "ok");
    }
}
