-- Appends a batch: to several streams, each all or none and with its own result, without keys and without waiting.
-- One of the short append functions: see append_event.sql. Arguments: the streams, each with the number of its events (a stream
-- occurs twice only if it is only checked), and all events in that order. The returned positions are those of all events, or only
-- the last one if the others directly precede it.
--
-- Usually every stream is where its append expects it. So, unless `heads` is null, no version is read first: the function checks
-- that the event before each append exists, inserts, and lets the primary key reject a late append. `heads` are the positions of
-- those events, 0 where the caller does not know one. If a check or the insert fails, nothing was written, and the versions are
-- read after all; positions drawn before stay unused.
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

    -- 1. Guard all streams, and check that the event before each append exists: at the expected version, in the same slice, with
    -- the expected id unless that is null. A search by position, if the caller names it, costs a third of one by the primary key.
    -- The position of another event proves nothing, nor does a position without an event: `is true`, because bool_and passes over nulls. One
    -- statement may do all this, because events are never removed.
    if heads is not null then
        ready := (
            select bool_and((
                event_counts[s] > 0 and expected[s] >= 0
                and pg_try_advisory_xact_lock(__schema__.stream_guard(categories[s], aggregate_ids[s]))
                and case when expected[s] = 0 then expected_events[s] is null and slices[s] between 0 and 1023
                         when heads[s] > 0 then (
                             select e.version = expected[s] and e.event_id = expected_events[s] and e.slice = slices[s]
                                    and e.aggregate_id = aggregate_ids[s] and e.category = categories[s]
                             from __schema__.events e where e.position = heads[s])
                         else exists (
                             select from __schema__.events e
                             where e.category = categories[s] and e.aggregate_id = aggregate_ids[s] and e.version = expected[s]
                               and e.slice = slices[s] and (expected_events[s] is null or e.event_id = expected_events[s]))
                    end) is true)
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
            __event_rows__;
            if currval('__schema__.position') = fence + cardinality(event_ids) then
                return expected || currval('__schema__.position');
            end if;
            -- Other transactions drew positions in between: read ours. Nobody else appends to guarded streams.
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
            -- A stream has moved past its expected event.
        end;
    end if;

    -- 4. Otherwise guard each stream by itself, exclusively to write and shared to check; read its version, in a snapshot taken
    -- after that; and append to the streams that are as expected.
    __try_guards__
    before := array(
        select case when not locked[s] then null
                    when __schema__.is_expected(coalesce(found.version, 0), found.event_id, expected[s], expected_events[s])
                         is not true
                    then -1 - coalesce(found.version, (
                        select last.version from __schema__.last_event(categories[s], aggregate_ids[s], 0) as last
                    ), 0)
                    when __schema__.keeps_slice(slices[s], found.slice, categories[s], aggregate_ids[s])
                    then coalesce(found.version, 0) end
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
    __event_rows__
    where before[s] >= 0;
    return before || positions;
end
$$;
