-- What the topic `trust` says, and the register of the statuses of seals whose home is this node.

create table trust_item (
    -- name of the item; seals are sought by name
    name text collate "C" primary key check (name <> ''),
    -- only grows: a record that is played again or played back changes nothing
    serial bigint not null check (serial > 0),
    kind text collate "C" not null check (kind <> ''),
    -- headers as they came, JSON: with the body they are what the operator, or a seal's home node, signed
    headers text collate "C" not null check (headers::json is not null),
    -- body as it came
    body bytea not null check (length(body) > 0),
    -- counts accepted changes of this node: the trust epoch is the largest
    epoch bigint not null check (epoch > 0),
    applied_at text collate "C" not null,
    -- transaction that wrote this row last
    updated_by text collate "C" not null
);

-- what changed since a process of the node looked last
create unique index trust_item_epoch on trust_item (epoch);

create table seal_status (
    -- SM3 of the seal's DER, hex
    seal_sm3 text collate "C" primary key check (length(seal_sm3) = 64),
    -- identifier, status, since, reason and earlier suspensions, JSON
    status text collate "C" not null check (status::json is not null),
    -- serial of the item that says so on the bus
    serial bigint not null check (serial > 0),
    changed_at text collate "C" not null,
    updated_by text collate "C" not null
);
