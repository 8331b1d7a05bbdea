-- Decisions about uses, and requests of callers that must not take effect twice.

create table permit (
    -- name of the decision, UUID version 7
    id text collate "C" primary key check (id <> ''),
    -- licence the decision is about
    identifier text collate "C" not null,
    -- organisation of the caller
    organisation text collate "C" not null,
    -- system of the caller
    caller text collate "C" not null,
    -- 1 permitted, 0 refused: refusals are kept too
    permitted bigint not null check (permitted in (0, 1)),
    -- when it was decided, RFC 3339
    decided_at text collate "C" not null,
    -- after this time a new decision is needed, RFC 3339
    expires_at text collate "C" not null,
    -- the whole record, JSON, sealed: the purpose's free text may name a person
    record_sealed bytea not null check (length(record_sealed) > 0),
    -- transaction that recorded it
    updated_by text collate "C" not null
);

-- decisions about one licence
create index permit_identifier on permit (identifier, decided_at);

create table idempotency (
    -- system of the caller
    caller text collate "C" not null check (caller <> ''),
    -- key that the caller gave its request
    key text collate "C" not null check (length(key) between 1 and 200),
    -- SM3 of the request: the same key for another request is refused
    request_sm3 text collate "C" not null check (length(request_sm3) = 64),
    -- status of the answer that was given
    status bigint not null check (status between 100 and 599),
    -- body of the answer that was given, sealed with the node's column key
    body_sealed bytea not null,
    -- when, RFC 3339
    answered_at text collate "C" not null,
    -- transaction that recorded it
    updated_by text collate "C" not null,
    primary key (caller, key)
);
