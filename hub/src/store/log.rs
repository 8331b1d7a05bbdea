//! Tables `log`, `log_leaf`, `log_private`, `log_node`: appending.
//!
//! Leaves of one transaction are hashed and kept in memory and written in one go before the
//! commit: one row of `log` is read and written per transaction, whatever the number of leaves.
//! What is kept dies with the transaction, so a rollback leaves no trace.

use certs::merkle::LogHash;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{AssertSqlSafe, SqliteConnection, SqliteExecutor};

use super::row::{hash, signed, unsigned};
use super::{StoreError, Tx};

/// Most leaves of one transaction: at most 128 MiB are kept in memory before the commit.
pub(crate) const LEAVES_PER_TX_MAX: usize = 8_192;

/// Rows per insert statement. Few sizes, so that each statement stays prepared.
const ROWS_PER_INSERT: [usize; 5] = [256, 64, 16, 4, 1];

/// The log of this database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogState {
    pub(crate) origin: String,
    pub(crate) hash: LogHash,
    pub(crate) size: u64,
    /// Hashes of the complete subtrees, largest first.
    pub(crate) frontier: Vec<[u8; 32]>,
}

/// A leaf to append.
#[derive(Clone)]
pub(crate) struct NewLeaf {
    pub(crate) bytes: Vec<u8>,
    pub(crate) identifier: Option<String>,
    /// Sealed private detail.
    pub(crate) private: Option<Vec<u8>>,
}

/// The leaves of a running transaction.
pub(crate) struct Pending {
    state: LogState,
    leaves: Vec<LeafRow>,
    nodes: Vec<NodeRow>,
    private: Vec<PrivateRow>,
}

struct LeafRow {
    position: i64,
    bytes: Vec<u8>,
    hash: [u8; 32],
    identifier: Option<String>,
}

struct NodeRow {
    level: i64,
    position: i64,
    hash: [u8; 32],
}

struct PrivateRow {
    position: i64,
    sealed: Vec<u8>,
}

type SqliteQuery<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Creates the log of a new database.
pub(crate) async fn create(tx: &mut Tx<'_>, origin: &str, hash: LogHash) -> Result<(), StoreError> {
    let name = tx.name();
    sqlx::query(
        "insert into log (id, origin, hash, size, frontier, updated_by) \
         values (1, $1, $2, 0, x'', $3) on conflict (id) do nothing",
    )
    .bind(origin)
    .bind(hash.as_str())
    .bind(name)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// State of the log; none before it was created.
pub(crate) async fn state(from: impl SqliteExecutor<'_>) -> Result<Option<LogState>, StoreError> {
    const TABLE: &str = "log";
    let row: Option<(String, String, i64, Vec<u8>)> =
        sqlx::query_as("select origin, hash, size, frontier from log")
            .fetch_optional(from)
            .await?;
    let Some((origin, name, size, bytes)) = row else {
        return Ok(None);
    };
    let frontier = bytes
        .chunks(32)
        .map(|chunk| hash(TABLE, chunk))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Some(LogState {
        origin,
        hash: LogHash::parse(&name).ok_or(StoreError::Corrupt {
            table: TABLE,
            what: "hash name",
        })?,
        size: unsigned(TABLE, size)?,
        frontier,
    }))
}

/// Appends a leaf within the transaction; answers its index.
pub(crate) async fn append(tx: &mut Tx<'_>, leaf: NewLeaf) -> Result<u64, StoreError> {
    let transaction = tx.name();
    let mut pending = match tx.log.take() {
        Some(pending) => pending,
        None => Pending::new(state(tx.connection()).await?.ok_or(StoreError::NoLog)?),
    };
    if pending.leaves.len() >= LEAVES_PER_TX_MAX {
        return Err(StoreError::TooManyLeaves { transaction });
    }
    let index = pending.append(leaf);
    tx.log = Some(pending);
    index
}

impl LogState {
    /// Adds a leaf hash to the tree; calls `completed` for each inner node that it completes.
    pub(crate) fn add(
        &mut self,
        leaf_hash: [u8; 32],
        mut completed: impl FnMut(u32, u64, [u8; 32]),
    ) {
        let index = self.size;
        let mut hash = leaf_hash;
        let mut level = 0;
        // Each trailing 1 bit of the index is a left sibling that waits in the frontier.
        while (index >> level) & 1 == 1 {
            let Some(left) = self.frontier.pop() else {
                break;
            };
            hash = self.hash.node(&left, &hash);
            level += 1;
            completed(level, index >> level, hash);
        }
        self.frontier.push(hash);
        self.size += 1;
    }
}

impl Pending {
    fn new(state: LogState) -> Self {
        Self {
            state,
            leaves: Vec::new(),
            nodes: Vec::new(),
            private: Vec::new(),
        }
    }

    /// How many leaves were appended.
    pub(super) fn appended(&self) -> usize {
        self.leaves.len()
    }

    fn append(&mut self, leaf: NewLeaf) -> Result<u64, StoreError> {
        let index = self.state.size;
        let position = signed("leaf index", index)?;
        let hash = self.state.hash.leaf(&leaf.bytes);
        let nodes = &mut self.nodes;
        self.state.add(hash, |level, index, hash| {
            // An index shifted right by at least one bit always fits.
            let position = i64::try_from(index).unwrap_or(i64::MAX);
            nodes.push(NodeRow {
                level: i64::from(level),
                position,
                hash,
            });
        });
        if let Some(sealed) = leaf.private {
            self.private.push(PrivateRow { position, sealed });
        }
        let NewLeaf {
            bytes, identifier, ..
        } = leaf;
        self.leaves.push(LeafRow {
            position,
            bytes,
            hash,
            identifier,
        });
        Ok(index)
    }

    /// Writes everything that was appended.
    pub(super) async fn write(
        self,
        connection: &mut SqliteConnection,
        transaction: &'static str,
    ) -> Result<(), StoreError> {
        insert(
            connection,
            (
                "insert into log_leaf (position, bytes, hash, identifier) values ",
                "(?,?,?,?)",
            ),
            &self.leaves,
            |query, row: &LeafRow| {
                query
                    .bind(row.position)
                    .bind(row.bytes.clone())
                    .bind(row.hash.to_vec())
                    .bind(row.identifier.clone())
            },
        )
        .await?;
        insert(
            connection,
            (
                "insert into log_node (level, position, hash) values ",
                "(?,?,?)",
            ),
            &self.nodes,
            |query, row: &NodeRow| {
                query
                    .bind(row.level)
                    .bind(row.position)
                    .bind(row.hash.to_vec())
            },
        )
        .await?;
        insert(
            connection,
            (
                "insert into log_private (position, sealed) values ",
                "(?,?)",
            ),
            &self.private,
            |query, row: &PrivateRow| query.bind(row.position).bind(row.sealed.clone()),
        )
        .await?;
        sqlx::query("update log set size = $1, frontier = $2, updated_by = $3")
            .bind(signed("log size", self.state.size)?)
            .bind(self.state.frontier.concat())
            .bind(transaction)
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// Inserts rows, many per statement.
async fn insert<R>(
    connection: &mut SqliteConnection,
    (head, placeholders): (&'static str, &'static str),
    rows: &[R],
    bind: for<'q> fn(SqliteQuery<'q>, &R) -> SqliteQuery<'q>,
) -> Result<(), StoreError> {
    let mut rest = rows;
    for size in ROWS_PER_INSERT {
        while let Some((chunk, after)) = rest.split_at_checked(size) {
            let text = format!("{head}{}", vec![placeholders; size].join(","));
            let query = sqlx::query(AssertSqlSafe(text));
            chunk
                .iter()
                .fold(query, bind)
                .execute(&mut *connection)
                .await?;
            rest = after;
        }
    }
    Ok(())
}
