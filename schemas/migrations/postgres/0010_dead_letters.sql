-- What an operator decided about records that this node could not use. The records are in the
-- node's topic of dead letters; no row means that nobody decided yet.

create table dead_letter_decision (
    -- where the record came from
    topic text collate "C" not null check (topic <> ''),
    partition bigint not null check (partition >= 0),
    position bigint not null check (position >= 0),
    -- published again to where it came from, or let go
    decision text collate "C" not null check (decision in ('retried', 'dropped')),
    -- when, by the node's clock
    decided_at text collate "C" not null,
    -- transaction that wrote it
    updated_by text collate "C" not null,
    primary key (topic, partition, position)
);
