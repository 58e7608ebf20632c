-- Where the log is, and its ids in the order in which it got them. The first call gives it the first one: a store that is
-- installed for the data of a dump gets those of the dump.
-- A copy of the database, of the schema or of the table is at another place; a standby that is promoted is not.
create function __schema__.log_identity(out place text, out afters bigint[], out ids uuid[])
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (select from __schema__.log_ids) then
        lock table __schema__.log_ids in share row exclusive mode;
        insert into __schema__.log_ids ("after") select 0 where not exists (select from __schema__.log_ids);
    end if;
    select format('%s/%s/%s', s.system_identifier, d.oid, '__schema__.events'::regclass::oid) into place
    from pg_control_system() s, pg_database d where d.datname = current_database();
    select array_agg(l."after" order by l.number), array_agg(l.id order by l.number) into afters, ids
    from __schema__.log_ids l;
end
$$;
