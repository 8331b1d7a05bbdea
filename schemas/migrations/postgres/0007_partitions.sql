-- A topic of a broker has partitions, each with its own positions.

create table consumed_partition (
    -- topic of the bus
    topic text collate "C" not null check (topic <> ''),
    -- part of the topic, from 0; the embedded bus has one
    partition bigint not null check (partition >= 0),
    -- position of the last message whose effect is in this database
    position bigint not null check (position >= 0),
    -- transaction that advanced it last
    updated_by text collate "C" not null,
    primary key (topic, partition)
);

insert into consumed_partition (topic, partition, position, updated_by)
select topic, 0, position, updated_by from consumed;

drop table consumed;
