-- Imports events with their own ids, versions and times. Positions are new, in the given order. An event that is there already is
-- passed over. At the first event that does not continue its stream the import stops: wrong is its number, head the last version of
-- the stream, other the event at that version, if any. The caller then rolls back.
--
-- Arguments: for each event its stream, version and time (in microseconds since 1970), then the events. Only the owner of the store
-- may call it.
create function __schema__.import_events(
    categories text[], aggregate_ids text[], slices smallint[], versions bigint[], recorded_micros bigint[],
    __event_arguments__,
    out added bigint, out wrong integer, out head bigint, out other uuid
) language plpgsql volatile
set plan_cache_mode = force_generic_plan set enable_seqscan = off set lock_timeout = '10s' set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
    checked boolean := __schema__.check_transaction(); -- or it raises
    fence bigint;
    last_slice smallint;
begin
    -- 1. Guard the streams in the common order, as append() does.
    perform pg_advisory_xact_lock(guard)
    from (
        select distinct __schema__.stream_guard(c, a) as guard from unnest(categories, aggregate_ids) as given (c, a)
        order by guard offset 0
    ) as guards;

    -- 2. The fence: after every wait, before the first position is drawn.
    fence := __schema__.take_fence();

    -- 3. Event by event: the statements see what those before them have inserted.
    added := 0;
    for n in 1 .. cardinality(event_ids) loop
        head := 0;
        last_slice := null;
        select e.version, e.slice into head, last_slice from __schema__.events e
        where e.category = categories[n] and e.aggregate_id = aggregate_ids[n] order by e.version desc limit 1;
        head := coalesce(head, 0);
        if versions[n] = head + 1 then
            checked := __schema__.keeps_slice(slices[n], last_slice, categories[n], aggregate_ids[n]); -- or it raises
            insert into __schema__.events (
                __event_columns__, recorded_at
            )
            values (
                nextval('__schema__.position'), categories[n], aggregate_ids[n], versions[n], slices[n],
                __event_values__,
                timestamptz 'epoch' + recorded_micros[n] * interval '1 microsecond'
            );
            added := added + 1;
        else
            other := null;
            select e.event_id into other from __schema__.events e
            where e.category = categories[n] and e.aggregate_id = aggregate_ids[n] and e.version = versions[n];
            if other is distinct from event_ids[n] then
                wrong := n;
                return;
            end if;
        end if;
    end loop;
end
$$;
