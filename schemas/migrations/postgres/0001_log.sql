-- The provenance log: an append-only Merkle tree of RFC 6962 shape.
-- Written only in the transaction whose effect a leaf records (or, for reads, in the batch that
-- is durable before the answers leave). Leaves, nodes and heads are never changed or removed:
-- the triggers below refuse it, `hub log fsck` finds it. The role of the service has no right to
-- either (deploy/postgres/roles.sql).
--
-- The same tables as for SQLite, version by version. Texts are collated "C": ordered by their bytes,
-- whatever the locale of the database.

create table log (
    -- always 1: a node has one log
    id bigint primary key check (id = 1),
    -- name of the log, first line of every head; belongs to one node for ever
    origin text collate "C" not null check (origin <> ''),
    -- hash of the tree, chosen at creation; changing it would change every root
    hash text collate "C" not null check (hash in ('sm3', 'sha256')),
    -- number of leaves
    size bigint not null check (size >= 0),
    -- hashes of the complete subtrees of a tree of this size, largest first, 32 bytes each:
    -- all that an append needs to know of the tree
    frontier bytea not null check (length(frontier) % 32 = 0),
    -- transaction that appended last
    updated_by text collate "C" not null
-- one row that every transaction changes: room for its new versions on its page
) with (fillfactor = 10);

create table log_leaf (
    -- index of the leaf in the tree, from 0, without gaps
    position bigint primary key check (position >= 0),
    -- the leaf as it was written and hashed: JSON, never encoded again
    bytes bytea not null check (length(bytes) between 1 and 16384),
    -- leaf hash of these bytes (level 0 of the tree)
    hash bytea not null check (length(hash) = 32),
    -- licence the leaf is about, copied from the bytes for the index; null when about none
    identifier text collate "C"
);

-- trail of one licence
create index log_leaf_identifier on log_leaf (identifier, position) where identifier is not null;

create table log_private (
    -- the leaf that holds the salted digest of this detail
    position bigint primary key references log_leaf (position),
    -- 32 bytes of salt and the detail's JSON, sealed with the node's column key;
    -- null once erased: the tree stays whole, the digest can no longer be matched to anyone
    sealed bytea
);

create table log_node (
    -- level above the leaves; level 0 is log_leaf.hash
    level bigint not null check (level between 1 and 62),
    -- index of the complete subtree at that level
    position bigint not null check (position >= 0),
    -- hash of the subtree
    hash bytea not null check (length(hash) = 32),
    primary key (level, position)
);

create table log_head (
    -- size of the tree the head is about: one head per size, for ever
    size bigint primary key check (size >= 0),
    -- root hash at that size
    root bytea not null check (length(root) = 32),
    -- the signed note as it was handed out
    note text collate "C" not null check (note <> ''),
    -- when it was signed, RFC 3339
    signed_at text collate "C" not null
);

create function log_refuse() returns trigger language plpgsql as $$
begin
    raise exception '%', tg_argv[0];
end
$$;

create trigger log_leaf_never_changes before update on log_leaf
for each statement execute function log_refuse('a leaf never changes');

create trigger log_leaf_never_goes before delete or truncate on log_leaf
for each statement execute function log_refuse('a leaf is never removed');

create trigger log_node_never_changes before update on log_node
for each statement execute function log_refuse('a node of the tree never changes');

create trigger log_node_never_goes before delete or truncate on log_node
for each statement execute function log_refuse('a node of the tree is never removed');

create trigger log_head_never_changes before update on log_head
for each statement execute function log_refuse('a signed head never changes');

create trigger log_head_never_goes before delete or truncate on log_head
for each statement execute function log_refuse('a signed head is never removed');

create trigger log_never_shrinks before update on log for each row
when (new.size < old.size or new.origin <> old.origin or new.hash <> old.hash)
execute function log_refuse('a log never shrinks, nor changes its name or hash');
