-- How far a national node has taken the present entries of each home node, so that it goes on there
-- after a stop. No row: nothing was taken yet.

create table directory_snapshot (
    -- home node whose entries they are
    home_node text not null primary key check (home_node <> ''),
    -- identifier after which the next page begins; none before the first
    cursor text,
    -- when the last page was taken, by the node's clock; none while there are more
    completed_at text,
    -- transaction that wrote it
    updated_by text not null
) strict, without rowid;
