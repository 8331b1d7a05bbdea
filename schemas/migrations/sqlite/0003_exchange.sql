-- What one transaction needs so that the bus can neither lose nor double anything: how far each
-- topic was consumed, which messages were applied, which messages must still go out.

create table consumed (
    -- topic of the bus
    topic text primary key check (topic <> ''),
    -- position of the last message whose effect is in this database
    position integer not null check (position >= 0),
    -- transaction that advanced it last
    updated_by text not null
) strict;

create table applied (
    -- node that sent the message
    origin text not null check (origin <> ''),
    -- identity of the message, given by its origin; applying it twice is impossible
    message_id text not null check (message_id <> ''),
    -- when it was applied, RFC 3339
    applied_at text not null,
    -- transaction that applied it
    updated_by text not null,
    primary key (origin, message_id)
) strict, without rowid;

create table outbox (
    -- order of writing; the order in which messages go out. Never reused, so that a relay that
    -- marks a number as sent cannot hit a later message
    number integer primary key autoincrement,
    -- identity of the message
    message_id text not null unique check (message_id <> ''),
    -- topic it goes to
    topic text not null check (topic <> ''),
    -- key that keeps one subject in order
    key text not null,
    -- signed headers, JSON: list of name and value
    headers text not null check (json_valid(headers)),
    -- body; what is personal in it is sealed to its recipient. At most the bus limit of 1 MiB
    body blob not null check (length(body) <= 1048576),
    -- transaction that wrote the message; the row goes once the bus has the message durably
    updated_by text not null
) strict;
