-- Appends to several streams, each all or none and with a result of its own, without keys and without waiting: a batch.
-- One of the short append functions: see append_event.sql. Given are the streams, each only once unless it is only checked, and the
-- events in order, each with the number of its stream and its own number within that append. The positions are those of all
-- events, or only the last one if the others directly precede it.
create function __schema__.append_each(
    categories text[], aggregate_ids text[], slices smallint[], expected bigint[], expected_events uuid[],
    event_counts integer[], seen boolean[], log_started timestamptz, log_file text,
    event_streams integer[], event_numbers integer[],
    __event_arguments__
) returns bigint[] language plpgsql volatile security definer as $$
#variable_conflict use_column
declare
    locked boolean[];
    before bigint[];
    all_expected boolean;
    fence bigint;
    positions bigint[];
    checked boolean;
begin
    __prologue__

    -- 1. Guard the streams: exclusively to write, shared to check.
    locked := array(
        select case when event_counts[n] > 0
                    then pg_try_advisory_xact_lock(__schema__.stream_guard(categories[n], aggregate_ids[n]))
                    else pg_try_advisory_xact_lock_shared(__schema__.stream_guard(categories[n], aggregate_ids[n])) end
        from generate_subscripts(categories, 1) as n
    );

    -- 2. With a snapshot taken after that: their versions. Mostly each is exactly what is expected. If not, or if an append
    -- expects no version, look again at each: nobody moves what is guarded.
    all_expected := coalesce(cardinality(seen) = cardinality(categories) and true = all (seen) and true = all (locked)
                             and 0 < all (event_counts) and 0 <= all (expected), false);
    if not all_expected then
        all_expected := (
            select bool_and(locked[n] and expected[n] >= 0 and (seen[n] is true and event_counts[n] > 0 or coalesce(
                (select __schema__.is_expected(found.version, found.event_id, expected[n], expected_events[n])
                 from __schema__.last_event(categories[n], aggregate_ids[n], expected[n]) as found),
                __schema__.is_expected(0, null, expected[n], expected_events[n]))))
            from generate_subscripts(categories, 1) as n
        );
    end if;
    if all_expected then
        before := expected;
    else
        before := array(
            select case when not locked[n] then null
                        when __schema__.is_expected(coalesce(found.version, 0), found.event_id, expected[n], expected_events[n])
                        then coalesce(found.version, 0)
                        else -1 - coalesce(found.version, (
                            select last.version from __schema__.last_event(categories[n], aggregate_ids[n], 0) as last
                        ), 0) end
            from generate_subscripts(categories, 1) as n
            left join lateral __schema__.last_event(categories[n], aggregate_ids[n], expected[n]) as found on true
        );
        if not coalesce((select bool_or(before[s] >= 0) from unnest(event_streams) as s), false) then
            return before;
        end if;
    end if;
    if cardinality(event_streams) = 0 then
        return before;
    end if;

    -- 3. The fence, before the first position is drawn.
    __fence__

    -- 4. Positions in the order given, versions on top of each stream's.
    if not all_expected then
        positions := array(select nextval('__schema__.position') from generate_series(1, cardinality(event_streams)));
    end if;
    begin
        insert into __schema__.events (
            __event_columns__
        )
        select coalesce(positions[n], nextval('__schema__.position')), categories[event_streams[n]],
               aggregate_ids[event_streams[n]], before[event_streams[n]] + event_numbers[n], slices[event_streams[n]],
               __event_values__
        from generate_subscripts(event_streams, 1) as n
        where before[event_streams[n]] >= 0;
        -- The table cannot be replaced any more, but may have been before the insert locked it.
        if true = any (seen) and not __schema__.is_log(log_started, log_file) then
            raise unique_violation;
        end if;
    exception when unique_violation then
        if true = any (seen) then
            return null;
        end if;
        raise;
    end;
    if not all_expected then
        return before || positions;
    end if;
    if currval('__schema__.position') = fence + cardinality(event_streams) then
        return before || currval('__schema__.position');
    end if;
    -- Other transactions drew positions in between. Nobody else appends to what is guarded.
    return before || array(
        select e.position
        from unnest(categories, aggregate_ids, before) as given (c, a, version_before)
        join __schema__.events e on e.category = c and e.aggregate_id = a and e.version > version_before
        order by e.position
    );
end
$$;
