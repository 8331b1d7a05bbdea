-- Parts of files that came from other nodes and are not yet a whole file, so that a fetch goes on
-- where it ended. Nothing here is state: it is asked for again when it is gone.

create table file_fetch (
    -- name of the fetch, UUID version 7; the correlation of its requests begins with it
    id text collate "C" primary key check (id <> ''),
    -- SM3 of the whole file, hex
    file_sm3 text collate "C" not null unique check (length(file_sm3) = 64),
    -- licence it was asked for
    identifier text collate "C" not null,
    -- node that was asked
    home_node text collate "C" not null,
    -- size of the whole file
    size_bytes bigint not null check (size_bytes > 0),
    -- when it was last asked for, RFC 3339
    asked_at text collate "C" not null,
    -- transaction that wrote it
    updated_by text collate "C" not null
);

create table file_chunk (
    -- the fetch it belongs to
    fetch_id text collate "C" not null,
    -- number of the part, from 0
    number bigint not null check (number >= 0),
    -- body of the message as it came: the part is sealed to this node
    body bytea not null,
    -- transaction that wrote it
    updated_by text collate "C" not null,
    primary key (fetch_id, number)
);

-- What is sealed cannot be made smaller: trying would only take time.
alter table file_chunk alter column body set storage external;
