-- Guards these streams until the transaction ends, and returns their events. Nobody else appends to them meanwhile.
create function __schema__.read_streams(categories text[], aggregate_ids text[])
returns setof __schema__.events
language plpgsql volatile
set plan_cache_mode = force_generic_plan set enable_seqscan = off set lock_timeout = '10s' as $$
begin
    perform __schema__.check_transaction();
    -- Everybody takes guards in one order, so that no two callers deadlock.
    perform pg_advisory_xact_lock(key)
    from (
        select __schema__.stream_guard(c, a) as key
        from unnest(categories, aggregate_ids) as given (c, a)
        order by 1 offset 0
    ) as guards;
    return query
    select e.*
    from unnest(categories, aggregate_ids) as given (c, a)
    join __schema__.events e on e.category = c and e.aggregate_id = a
    order by e.category, e.aggregate_id, e.version;
end
$$;
