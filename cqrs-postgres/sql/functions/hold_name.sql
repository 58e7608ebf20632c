-- Holds the name of a runner or relay for this session, unless another session does. It does not wait. Returns whether it is held,
-- and the process that holds it: its own, or the other one. The server shows the address and the age of another role's session only
-- to a role with pg_read_all_stats.
create function __schema__.hold_name(
    kind text, name text, out held boolean, out pid integer, out process text, out address text, out since timestamptz
) language plpgsql volatile as $$
declare
    lock record := __schema__.name_lock(kind, name);
begin
    held := pg_try_advisory_lock(lock.high, lock.low);
    select l.pid, a.application_name, host(a.client_addr), a.backend_start into pid, process, address, since
    from pg_locks l left join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and l.objsubid = 2 and l.granted
      and l.classid = lock.high::oid and l.objid = lock.low::oid
      and l.database = (select oid from pg_database where datname = current_database());
end
$$;
