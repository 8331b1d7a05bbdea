-- The provenance log: an append-only Merkle tree of RFC 6962 shape.
-- Written only in the transaction whose effect a leaf records (or, for reads, in the batch that
-- is durable before the answers leave). Leaves, nodes and heads are never changed or removed:
-- the triggers below refuse it, `hub log fsck` finds it.

create table log (
    -- always 1: a node has one log
    id integer primary key check (id = 1),
    -- name of the log, first line of every head; belongs to one node for ever
    origin text not null check (origin <> ''),
    -- hash of the tree, chosen at creation; changing it would change every root
    hash text not null check (hash in ('sm3', 'sha256')),
    -- number of leaves
    size integer not null check (size >= 0),
    -- hashes of the complete subtrees of a tree of this size, largest first, 32 bytes each:
    -- all that an append needs to know of the tree
    frontier blob not null check (length(frontier) % 32 = 0),
    -- transaction that appended last
    updated_by text not null
) strict;

create table log_leaf (
    -- index of the leaf in the tree, from 0, without gaps
    position integer primary key check (position >= 0),
    -- the leaf as it was written and hashed: JSON, never encoded again
    bytes blob not null check (length(bytes) between 1 and 16384),
    -- leaf hash of these bytes (level 0 of the tree)
    hash blob not null check (length(hash) = 32),
    -- licence the leaf is about, copied from the bytes for the index; null when about none
    identifier text
) strict;

-- trail of one licence
create index log_leaf_identifier on log_leaf (identifier, position) where identifier is not null;

create table log_private (
    -- the leaf that holds the salted digest of this detail
    position integer primary key references log_leaf (position),
    -- 32 bytes of salt and the detail's JSON, sealed with the node's column key;
    -- null once erased: the tree stays whole, the digest can no longer be matched to anyone
    sealed blob
) strict;

create table log_node (
    -- level above the leaves; level 0 is log_leaf.hash
    level integer not null check (level between 1 and 62),
    -- index of the complete subtree at that level
    position integer not null check (position >= 0),
    -- hash of the subtree
    hash blob not null check (length(hash) = 32),
    primary key (level, position)
) strict, without rowid;

create table log_head (
    -- size of the tree the head is about: one head per size, for ever
    size integer primary key check (size >= 0),
    -- root hash at that size
    root blob not null check (length(root) = 32),
    -- the signed note as it was handed out
    note text not null check (note <> ''),
    -- when it was signed, RFC 3339
    signed_at text not null
) strict;

create trigger log_leaf_never_changes before update on log_leaf
begin select raise(abort, 'a leaf never changes'); end;

create trigger log_leaf_never_goes before delete on log_leaf
begin select raise(abort, 'a leaf is never removed'); end;

create trigger log_node_never_changes before update on log_node
begin select raise(abort, 'a node of the tree never changes'); end;

create trigger log_node_never_goes before delete on log_node
begin select raise(abort, 'a node of the tree is never removed'); end;

create trigger log_head_never_changes before update on log_head
begin select raise(abort, 'a signed head never changes'); end;

create trigger log_head_never_goes before delete on log_head
begin select raise(abort, 'a signed head is never removed'); end;

create trigger log_never_shrinks before update on log
when new.size < old.size or new.origin <> old.origin or new.hash <> old.hash
begin select raise(abort, 'a log never shrinks, nor changes its name or hash'); end;
