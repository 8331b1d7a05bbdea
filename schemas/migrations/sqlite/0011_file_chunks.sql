-- Parts of files that came from other nodes and are not yet a whole file, so that a fetch goes on
-- where it ended. Nothing here is state: it is asked for again when it is gone.

create table file_fetch (
    -- name of the fetch, UUID version 7; the correlation of its requests begins with it
    id text primary key check (id <> ''),
    -- SM3 of the whole file, hex
    file_sm3 text not null unique check (length(file_sm3) = 64),
    -- licence it was asked for
    identifier text not null,
    -- node that was asked
    home_node text not null,
    -- size of the whole file
    size_bytes integer not null check (size_bytes > 0),
    -- when it was last asked for, RFC 3339
    asked_at text not null,
    -- transaction that wrote it
    updated_by text not null
) strict, without rowid;

create table file_chunk (
    -- the fetch it belongs to
    fetch_id text not null,
    -- number of the part, from 0
    number integer not null check (number >= 0),
    -- body of the message as it came: the part is sealed to this node
    body blob not null,
    -- transaction that wrote it
    updated_by text not null,
    primary key (fetch_id, number)
) strict;
