-- The transactions that hold readers back, because they have taken a fence: the lowest fence first.
-- A prepared transaction has no pid; the lock on its own transaction id leads to its name.
create function __schema__.fence_holders()
returns table (
    "position" bigint, pid integer, prepared text, since timestamptz, state text, application_name text, query text
) language sql stable as $$
    select ((l.classid::bigint & 65535) << 32) | l.objid::bigint, l.pid, p.gid, coalesce(p.prepared, a.xact_start), a.state,
           a.application_name, a.query
    from pg_locks l
    left join pg_stat_activity a on a.pid = l.pid
    left join pg_locks own on l.pid is null and own.pid is null and own.locktype = 'transactionid'
        and own.virtualtransaction = l.virtualtransaction
    left join pg_prepared_xacts p on p.transaction = own.transactionid
    where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
      and l.classid::bigint >> 16 = __schema__.fence_tag()
      and l.database = (select oid from pg_database where datname = current_database())
    order by 1, 4
$$;
