-- Where the library keeps the original of a licence: a node that was restarted hands files out
-- without reading its whole library again.

create table original (
    -- licence version that this home node registered
    identifier text collate "C" primary key check (identifier <> ''),
    -- path inside the library, sealed with the node's column key: libraries name files after people
    path_sealed bytea not null check (length(path_sealed) > 0),
    -- transaction that wrote this row last
    updated_by text collate "C" not null
);

-- messages applied long ago go (see the module `upkeep`), found by their time
create index applied_time on applied (applied_at);

-- answers kept long ago go the same way
create index idempotency_time on idempotency (answered_at);
