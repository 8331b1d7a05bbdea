-- What the topic `trust` says, and the register of the statuses of seals whose home is this node.

create table trust_item (
    -- name of the item; seals are sought by name
    name text primary key check (name <> ''),
    -- only grows: a record that is played again or played back changes nothing
    serial integer not null check (serial > 0),
    kind text not null check (kind <> ''),
    -- headers as they came, JSON: with the body they are what the operator, or a seal's home node, signed
    headers text not null check (json_valid(headers)),
    -- body as it came
    body blob not null check (length(body) > 0),
    -- counts accepted changes of this node: the trust epoch is the largest
    epoch integer not null check (epoch > 0),
    applied_at text not null,
    -- transaction that wrote this row last
    updated_by text not null
) strict, without rowid;

-- what changed since a process of the node looked last
create unique index trust_item_epoch on trust_item (epoch);

create table seal_status (
    -- SM3 of the seal's DER, hex
    seal_sm3 text primary key check (length(seal_sm3) = 64),
    -- identifier, status, since, reason and earlier suspensions, JSON
    status text not null check (json_valid(status)),
    -- serial of the item that says so on the bus
    serial integer not null check (serial > 0),
    changed_at text not null,
    updated_by text not null
) strict, without rowid;
