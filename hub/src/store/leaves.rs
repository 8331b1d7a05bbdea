//! Tables `log_leaf`, `log_private`, `log_node`: reading.

use std::collections::HashMap;

use super::StoreError;
use super::row::{hash, signed, unsigned};
use super::sql::{Reading, Sql, Statement};

const FIND: Sql =
    Sql::new("select position, bytes, hash, identifier from log_leaf where position = $1");

const PAGE: Sql = Sql::new(
    "select position, bytes, hash, identifier from log_leaf \
     where position >= $1 order by position limit $2",
);

const OF_IDENTIFIER: Sql = Sql::new(
    "select position, bytes, hash, identifier from log_leaf \
     where identifier = $1 and position >= $2 order by position limit $3",
);

const PRIVATE: Sql =
    Sql::new("select position, sealed from log_private where position between $1 and $2");

const NODES: Sql = Sql::each(
    "with wanted as (select l.value as level, p.value as position \
     from json_each($1) l join json_each($2) p on p.key = l.key) \
     select w.level, w.position, n.hash from wanted w \
     join log_node n on n.level = w.level and n.position = w.position \
     union all \
     select w.level, w.position, l.hash from wanted w \
     join log_leaf l on w.level = 0 and l.position = w.position",
    "with wanted as (select * from unnest($1::bigint[], $2::bigint[]) as w (level, position)) \
     select w.level, w.position, n.hash from wanted w \
     join log_node n on n.level = w.level and n.position = w.position \
     union all \
     select w.level, w.position, l.hash from wanted w \
     join log_leaf l on w.level = 0 and l.position = w.position",
);

const ROW_COUNTS: Sql = Sql::new(
    "select (select count(*) from log_node), (select count(*) from log_private p \
     where not exists (select 1 from log_leaf l where l.position = p.position))",
);

pub(super) const STATEMENTS: &[&dyn Statement] =
    &[&FIND, &PAGE, &OF_IDENTIFIER, &PRIVATE, &NODES, &ROW_COUNTS];

/// A stored leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLeaf {
    /// Index in the log.
    pub index: u64,
    /// The bytes that were hashed.
    pub bytes: Vec<u8>,
    /// Their leaf hash as stored.
    pub hash: [u8; 32],
    /// Licence the leaf is about, from the column beside the bytes.
    pub identifier: Option<String>,
}

/// Hashes of complete subtrees by level and index.
pub(crate) type NodeHashes = HashMap<(u32, u64), [u8; 32]>;

const LEAF: &str = "log_leaf";
const NODE: &str = "log_node";

type Row = (i64, Vec<u8>, Vec<u8>, Option<String>);

/// One leaf.
///
/// # Errors
/// Failures of the database.
pub async fn find(
    from: impl Into<Reading<'_>>,
    index: u64,
) -> Result<Option<StoredLeaf>, StoreError> {
    let row: Option<Row> = FIND
        .bind(signed("leaf index", index)?)
        .optional(from)
        .await?;
    row.map(leaf).transpose()
}

/// Leaves from an index on, in order.
///
/// # Errors
/// Failures of the database.
pub async fn page(
    from: impl Into<Reading<'_>>,
    index: u64,
    limit: u32,
) -> Result<Vec<StoredLeaf>, StoreError> {
    let rows: Vec<Row> = PAGE
        .bind(signed("leaf index", index)?)
        .bind(limit)
        .all(from)
        .await?;
    rows.into_iter().map(leaf).collect()
}

/// Leaves about one licence version, in order, from an index on.
///
/// # Errors
/// Failures of the database.
pub async fn of_identifier(
    from: impl Into<Reading<'_>>,
    identifier: &str,
    index: u64,
    limit: u32,
) -> Result<Vec<StoredLeaf>, StoreError> {
    let rows: Vec<Row> = OF_IDENTIFIER
        .bind(identifier)
        .bind(signed("leaf index", index)?)
        .bind(limit)
        .all(from)
        .await?;
    rows.into_iter().map(leaf).collect()
}

/// Sealed private details of the leaves from `first` to `last`; an empty option once erased.
///
/// # Errors
/// Failures of the database.
pub(crate) async fn private(
    from: impl Into<Reading<'_>>,
    first: u64,
    last: u64,
) -> Result<HashMap<u64, Option<Vec<u8>>>, StoreError> {
    let rows: Vec<(i64, Option<Vec<u8>>)> = PRIVATE
        .bind(signed("leaf index", first)?)
        .bind(signed("leaf index", last)?)
        .all(from)
        .await?;
    rows.into_iter()
        .map(|(position, sealed)| Ok((unsigned("log_private", position)?, sealed)))
        .collect()
}

/// Hashes of the named complete subtrees, level 0 included.
///
/// # Errors
/// Failures of the database. A subtree that is missing is missing in the answer.
pub(crate) async fn nodes(
    from: impl Into<Reading<'_>>,
    wanted: &[(u32, u64)],
) -> Result<NodeHashes, StoreError> {
    let levels: Vec<i64> = wanted.iter().map(|(level, _)| i64::from(*level)).collect();
    let positions = wanted
        .iter()
        .map(|(_, index)| signed("node index", *index))
        .collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<(i64, i64, Vec<u8>)> = NODES.bind(levels).bind(positions).all(from).await?;
    rows.into_iter()
        .map(|(level, position, bytes)| {
            let level = u32::try_from(level).map_err(|_| StoreError::Corrupt {
                table: NODE,
                what: "level",
            })?;
            Ok(((level, unsigned(NODE, position)?), hash(NODE, &bytes)?))
        })
        .collect()
}

/// Number of nodes above the leaves, and of private details without a leaf.
pub(crate) async fn row_counts(from: impl Into<Reading<'_>>) -> Result<(u64, u64), StoreError> {
    let (nodes, orphans): (i64, i64) = ROW_COUNTS.query().one(from).await?;
    Ok((unsigned(NODE, nodes)?, unsigned("log_private", orphans)?))
}

fn leaf((position, bytes, leaf_hash, identifier): Row) -> Result<StoredLeaf, StoreError> {
    Ok(StoredLeaf {
        index: unsigned(LEAF, position)?,
        bytes,
        hash: hash(LEAF, &leaf_hash)?,
        identifier,
    })
}
