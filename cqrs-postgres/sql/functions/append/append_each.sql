-- Appends to several streams, each all or none and with a result of its own, without keys and without waiting: a batch.
-- One of the short append functions: see append_event.sql. Given are the streams, each only once unless it is only checked, with the
-- number of their events, and all events in that order. The positions are those of all events, or only the last one if the
-- others directly precede it.
--
-- Mostly all streams are where their appends expect them. So, unless `heads` is null, no version is read first: the function checks
-- that the event before each append is there, inserts, and lets the primary key reject an append that comes too late. `heads` are the
-- positions of those events as far as the caller knows them, 0 otherwise. If a check or the insert fails, nothing was written, and the
-- versions are read after all; positions drawn before stay unused.
create function __schema__.append_each(
    categories text[], aggregate_ids text[], slices smallint[], expected bigint[], expected_events uuid[],
    event_counts integer[], events_before integer[], heads bigint[],
    __event_arguments__
) returns bigint[] language plpgsql volatile security definer as $$
#variable_conflict use_column
declare
    ready boolean;
    locked boolean[];
    before bigint[];
    fence bigint;
    positions bigint[];
    violated pg_catalog.text;
    checked boolean;
begin
    __prologue__

    -- 1. Guard all streams, and check that the event before each append is there: at the expected version, with the expected id unless
    -- that is null. Its position, if the caller names it, is found for a third of the price of the primary key. The position of
    -- any other event proves nothing. All this may be one statement, since an event that is there stays.
    if heads is not null then
        ready := (
            select bool_and(
                event_counts[s] > 0 and expected[s] >= 0
                and pg_try_advisory_xact_lock(__schema__.stream_guard(categories[s], aggregate_ids[s]))
                and case when expected[s] = 0 then true
                         when heads[s] > 0 then (
                             select e.version = expected[s] and e.event_id = expected_events[s]
                                    and e.aggregate_id = aggregate_ids[s] and e.category = categories[s]
                             from __schema__.events e where e.position = heads[s])
                         else exists (
                             select from __schema__.events e
                             where e.category = categories[s] and e.aggregate_id = aggregate_ids[s] and e.version = expected[s]
                               and (expected_events[s] is null or e.event_id = expected_events[s]))
                    end)
            from generate_subscripts(categories, 1) as s
        );
    end if;

    if ready then
        -- 2. The fence, before the first position is drawn.
        __fence__

        -- 3. Append after the expected events, if all streams end with them. Positions in the order given.
        begin
            insert into __schema__.events (
                __event_columns__
            )
            select nextval('__schema__.position'), categories[s], aggregate_ids[s], expected[s] + i, slices[s],
                   __event_values__
            from generate_subscripts(categories, 1) as s, generate_series(1, event_counts[s]) as i,
                 lateral (select events_before[s] + i) as event (n);
            if currval('__schema__.position') = fence + cardinality(event_ids) then
                return expected || currval('__schema__.position');
            end if;
            -- Other transactions drew positions in between. Nobody else appends to what is guarded.
            return expected || array(
                select e.position
                from unnest(categories, aggregate_ids, expected) as given (c, a, version_before)
                join __schema__.events e on e.category = c and e.aggregate_id = a and e.version > version_before
                order by e.position
            );
        exception when unique_violation then
            get stacked diagnostics violated = constraint_name;
            if violated <> 'events_stream_version' then
                raise;
            end if;
            -- One of the streams has gone past the expected event.
        end;
    end if;

    -- 4. Else guard each stream by itself, exclusively to write and shared to check; with a snapshot taken after that read its
    -- version; and append to those that are as expected.
    locked := array(
        select case when event_counts[s] > 0
                    then pg_try_advisory_xact_lock(__schema__.stream_guard(categories[s], aggregate_ids[s]))
                    else pg_try_advisory_xact_lock_shared(__schema__.stream_guard(categories[s], aggregate_ids[s])) end
        from generate_subscripts(categories, 1) as s
    );
    before := array(
        select case when not locked[s] then null
                    when __schema__.is_expected(coalesce(found.version, 0), found.event_id, expected[s], expected_events[s])
                    then coalesce(found.version, 0)
                    else -1 - coalesce(found.version, (
                        select last.version from __schema__.last_event(categories[s], aggregate_ids[s], 0) as last
                    ), 0) end
        from generate_subscripts(categories, 1) as s
        left join lateral __schema__.last_event(categories[s], aggregate_ids[s], expected[s]) as found on true
    );
    if not coalesce((select bool_or(before[s] >= 0 and event_counts[s] > 0) from generate_subscripts(categories, 1) as s), false) then
        return before;
    end if;
    __fence__
    positions := array(select nextval('__schema__.position') from generate_series(1, cardinality(event_ids)));
    insert into __schema__.events (
        __event_columns__
    )
    select positions[n], categories[s], aggregate_ids[s], before[s] + i, slices[s],
           __event_values__
    from generate_subscripts(categories, 1) as s, generate_series(1, event_counts[s]) as i,
         lateral (select events_before[s] + i) as event (n)
    where before[s] >= 0;
    return before || positions;
end
$$;
