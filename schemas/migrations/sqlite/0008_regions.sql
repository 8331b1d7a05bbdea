-- The home region of an entry, by which larger databases partition the directory: the province of
-- the issuing authority inside the identifier, or 00 where there is none (schemas/identifier.rs).

alter table entry add column region text not null default '00' check (length(region) = 2);

alter table entry_holder add column region text not null default '00' check (length(region) = 2);

-- The issuer is what follows the first dot after the root 1.2.156.3005.2 and the type.
update entry set region = (
    select case when digits glob '[0-9][0-9]' then digits else '00' end
    from (
        select substr(tail, instr(tail, '.') + 3, 2) as digits
        from (select substr(entry.identifier, length('1.2.156.3005.2.') + 1) as tail)
    )
);

update entry_holder set region = (
    select region from entry where entry.identifier = entry_holder.identifier
);
