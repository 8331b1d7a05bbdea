-- The two roles of a node's database, and what each may do. Run once per database, as a superuser
-- or a role that may make roles:
--
--     psql -v ON_ERROR_STOP=1 -v database=zhejiang -d zhejiang -f roles.sql
--
-- Then set their passwords (\password hub_owner, \password hub_service), run
-- `hub migrate --config FILE` with a file whose url names hub_owner, run this file once more, and
-- give the service a file whose url names hub_service with `migrate_at_start = false`. So after
-- every upgrade: migrate, then this file again. Without the second run the service says that a
-- right is missing, and loses nothing.
--
-- hub_owner    owns the tables and changes them: used for migrations alone, by a person.
-- hub_service  what `hub serve` uses: no table is made, changed or dropped by it, and of the log
--              it can neither change nor remove anything. (The triggers of the tables refuse
--              that too, to the owner as well.)

select 'create role hub_owner login'
where not exists (select 1 from pg_roles where rolname = 'hub_owner') \gexec

select 'create role hub_service login'
where not exists (select 1 from pg_roles where rolname = 'hub_service') \gexec

-- Nobody else.
revoke all on database :"database" from public;
revoke all on schema public from public;

grant connect on database :"database" to hub_owner, hub_service;
grant usage, create on schema public to hub_owner;
grant usage on schema public to hub_service;
-- Loading a whole directory goes through a temporary table.
grant temporary on database :"database" to hub_service;

-- What the owner will make, the service may read and add to; changing and removing comes below, so
-- that a table nobody has thought of can only grow …
alter default privileges for role hub_owner in schema public
grant select, insert on tables to hub_service;
alter default privileges for role hub_owner in schema public
grant usage on sequences to hub_service;

-- … and what is there already.
grant select, insert, update, delete on all tables in schema public to hub_service;
grant usage on all sequences in schema public to hub_service;

-- The log only grows. The row of its size is updated, private details are erased (updated to
-- null); leaves, nodes and heads are written once. The list of migrations is read.
do $$
declare
    name text;
begin
    foreach name in array array['log_leaf', 'log_node', 'log_head', '_sqlx_migrations'] loop
        if to_regclass(name) is not null then
            execute format('revoke update, delete, truncate on %I from hub_service', name);
        end if;
    end loop;
    foreach name in array array['log', 'log_private'] loop
        if to_regclass(name) is not null then
            execute format('revoke delete, truncate on %I from hub_service', name);
        end if;
    end loop;
    if to_regclass('_sqlx_migrations') is not null then
        execute 'revoke insert on _sqlx_migrations from hub_service';
    end if;
end
$$;
