//! Tables `log`, `log_leaf`, `log_private`, `log_node`: appending.
//!
//! Leaves of one transaction are hashed and kept in memory and written in one go before the
//! commit: one row of `log` is read and written per transaction, whatever the number of leaves.
//! What is kept dies with the transaction, so a rollback leaves no trace.

use certs::merkle::LogHash;

use super::row::{hash, signed, unsigned};
use super::sql::{Insert, Kind, Query, Reading, Sql, Statement, Together, Value};
use super::{StoreError, Tx};

const CREATE: Sql = Sql::each(
    "insert into log (id, origin, hash, size, frontier, updated_by) \
     values (1, $1, $2, 0, x'', $3) on conflict (id) do nothing",
    "insert into log (id, origin, hash, size, frontier, updated_by) \
     values (1, $1, $2, 0, '', $3) on conflict (id) do nothing",
);

const STATE: Sql = Sql::new("select origin, hash, size, frontier from log");

// The row is locked where leaves are to be appended to a log that is not known yet: who comes
// second waits here, not at the end.
const STATE_TO_APPEND: Sql = Sql::each(
    "select origin, hash, size, frontier from log",
    "select origin, hash, size, frontier from log for update",
);

const ADD_LEAVES: Insert<4> = Insert::new(
    "log_leaf",
    [
        ("position", Kind::Integer),
        ("bytes", Kind::Bytes),
        ("hash", Kind::Bytes),
        ("identifier", Kind::Text),
    ],
    "",
);

const ADD_NODES: Insert<3> = Insert::new(
    "log_node",
    [
        ("level", Kind::Integer),
        ("position", Kind::Integer),
        ("hash", Kind::Bytes),
    ],
    "",
);

const ADD_PRIVATE: Insert<2> = Insert::new(
    "log_private",
    [("position", Kind::Integer), ("sealed", Kind::Bytes)],
    "",
);

// Only the log on which the leaves were put: who else wrote meanwhile is not written over.
const GROW: Sql = Sql::new(
    "update log set size = $1, frontier = $2, updated_by = $3 where size = $4 and frontier = $5",
);

const WRITE: Together<4, 3, 2> = Together::new(GROW, 5, (ADD_LEAVES, ADD_NODES, ADD_PRIVATE));

pub(super) const STATEMENTS: &[&dyn Statement] = &[
    &CREATE,
    &STATE,
    &STATE_TO_APPEND,
    &ADD_LEAVES,
    &ADD_NODES,
    &ADD_PRIVATE,
    &GROW,
    &WRITE,
];

/// Most leaves of one transaction: at most 128 MiB are kept in memory before the commit.
pub(crate) const LEAVES_PER_TX_MAX: usize = 8_192;

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
    /// Size and frontier before the first of the leaves.
    before: (u64, Vec<u8>),
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

/// Creates the log of a new database.
pub(crate) async fn create(tx: &mut Tx<'_>, origin: &str, hash: LogHash) -> Result<(), StoreError> {
    let name = tx.name();
    CREATE
        .bind(origin)
        .bind(hash.as_str())
        .bind(name)
        .keep_books(tx)
        .await?;
    Ok(())
}

/// State of the log; none before it was created.
pub(crate) async fn state(from: impl Into<Reading<'_>>) -> Result<Option<LogState>, StoreError> {
    state_by(STATE.query(), from.into()).await
}

async fn state_by(query: Query<'_>, from: Reading<'_>) -> Result<Option<LogState>, StoreError> {
    const TABLE: &str = "log";
    let row: Option<(String, String, i64, Vec<u8>)> = query.optional(from).await?;
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
        None => {
            let state = match tx.take_log() {
                Some(known) => Some(known),
                None => state_by(STATE_TO_APPEND.query(), (&mut *tx).into()).await?,
            };
            Pending::new(state.ok_or(StoreError::NoLog)?)
        }
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
            before: (state.size, state.frontier.concat()),
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

    /// Writes everything that was appended, as the last statement of the transaction. Answers the
    /// log as it is then; none, and nothing was written, when it was another than the leaves were
    /// put on.
    pub(super) async fn write(self, tx: &mut Tx<'_>) -> Result<Option<LogState>, StoreError> {
        let leaves: Vec<_> = self.leaves.iter().map(LeafRow::values).collect();
        let nodes: Vec<_> = self.nodes.iter().map(NodeRow::values).collect();
        let private: Vec<_> = self.private.iter().map(PrivateRow::values).collect();
        let grown = vec![
            signed("log size", self.state.size)?.into(),
            self.state.frontier.concat().into(),
            tx.name().into(),
            signed("log size", self.before.0)?.into(),
            (&self.before.1).into(),
        ];
        let is_written = WRITE.finish(tx, grown, (&leaves, &nodes, &private)).await?;
        Ok(is_written.then_some(self.state))
    }
}

impl LeafRow {
    fn values(&self) -> [Value<'_>; 4] {
        [
            self.position.into(),
            (&self.bytes).into(),
            (&self.hash).into(),
            (&self.identifier).into(),
        ]
    }
}

impl NodeRow {
    fn values(&self) -> [Value<'_>; 3] {
        [self.level.into(), self.position.into(), (&self.hash).into()]
    }
}

impl PrivateRow {
    fn values(&self) -> [Value<'_>; 2] {
        [self.position.into(), (&self.sealed).into()]
    }
}
