-- The directory: one row per licence version. Personal data stands only in sealed columns;
-- a holder is found by a keyed-hash token, never by code or name.

create table entry (
    -- identifier of the licence version: twice is impossible
    identifier text primary key check (identifier <> ''),
    -- identifier without version and check character: what all versions of a licence share
    licence_key text not null check (licence_key <> ''),
    -- version number inside the identifier, 001 to 999
    version integer not null check (version between 1 and 999),
    -- licence type
    type_code text not null,
    -- status code; two digits
    status text not null check (length(status) = 2),
    -- node whose library holds the original
    home_node text not null check (home_node <> ''),
    -- change number of this identifier, from 1; newer wins
    revision integer not null check (revision >= 1),
    -- date of issue, ISO 8601; sorts answers newest first
    issued_on text not null check (length(issued_on) = 10),
    -- what everyone may know of the entry, JSON
    public text not null check (json_valid(public)),
    -- number and holders, JSON, sealed with the node's column key for this row
    private_sealed blob not null check (length(private_sealed) > 0),
    -- when this node stored this revision, RFC 3339
    stored_at text not null,
    -- transaction that stored it
    updated_by text not null
) strict;

-- newest version of one licence
create index entry_licence on entry (licence_key, version desc);

-- entries of one home node in order, for reports and comparison
create index entry_home on entry (home_node, identifier);

create table entry_holder (
    -- keyed hash of the holder's code; worthless without the node's token key
    holder_token text not null check (length(holder_token) = 64),
    -- licence version that the holder holds
    identifier text not null references entry (identifier) on delete cascade,
    -- licence type, copied so that a search by holder and type reads this table alone
    type_code text not null,
    primary key (holder_token, identifier)
) strict, without rowid;

-- replacing the holders of one entry
create index entry_holder_identifier on entry_holder (identifier);

create table registration (
    -- licence version that this home node registered: once per identifier
    identifier text primary key check (identifier <> ''),
    -- revision registered last
    revision integer not null check (revision >= 1),
    -- keyed hash of the source's content: tells whether the source changed, without saying what
    content_token text not null check (length(content_token) = 64),
    -- message that carries the change to the national node
    message_id text not null unique,
    -- what the national node answered; null while the receipt is awaited
    outcome text check (outcome in ('accepted', 'superseded', 'rejected')),
    -- when it was registered, RFC 3339
    registered_at text not null,
    -- transaction that wrote this row last
    updated_by text not null
) strict;

-- registrations that still await a receipt
create index registration_awaiting on registration (registered_at) where outcome is null;

create table receipt (
    -- order of arrival; cursor of the pages
    number integer primary key autoincrement,
    -- message that carried the change; one receipt per message
    message_id text not null unique,
    -- licence version the receipt is about
    identifier text not null,
    -- revision the receipt is about
    revision integer not null check (revision >= 1),
    -- what the national node did
    outcome text not null check (outcome in ('accepted', 'superseded', 'rejected')),
    -- the receipt as it came, JSON
    receipt text not null check (json_valid(receipt)),
    -- transaction that wrote this row
    updated_by text not null
) strict;

-- receipts of one licence version
create index receipt_identifier on receipt (identifier, number);

create table rejection (
    -- order of arrival; cursor of the pages
    number integer primary key autoincrement,
    -- what was rejected: the message, or the line of the source with its digest;
    -- unique, so that reading the same source again adds nothing
    subject text not null unique check (subject <> ''),
    -- node whose library it came from
    home_node text not null,
    -- licence version, when it could be read
    identifier text,
    -- revision, when it came as a change
    revision integer check (revision >= 1),
    -- line of the source, when it came from one
    source_line integer check (source_line >= 1),
    -- the public part of the entry, JSON, when it could be read
    public text check (public is null or json_valid(public)),
    -- why, JSON: rule, whether it rejects, text in both languages
    reasons text not null check (json_valid(reasons)),
    -- when, RFC 3339
    rejected_at text not null,
    -- transaction that wrote this row
    updated_by text not null
) strict;
