-- The status that the library itself said last, apart from the status that a registrar set: a
-- revoked licence must not come back because the library corrects another field of its entry.
-- Null in rows of before: their library's next word counts.
alter table registration add column library_status text collate "C"
    check (library_status is null or length(library_status) = 2);
