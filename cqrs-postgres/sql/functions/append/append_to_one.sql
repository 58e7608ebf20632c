-- Appends any number of events to one stream, without a key and without waiting. With no events it only checks the version.
-- One of the short append functions: see append_event.sql. The position is that of the last event.
create function __schema__.append_to_one(
    of_category text, of_aggregate_id text, in_slice smallint, expected bigint, expected_event uuid,
    __event_arguments__
) returns bigint[] language plpgsql volatile security definer as $$
#variable_conflict use_column
declare
    before bigint;
    fence bigint;
    checked boolean;
begin
    __prologue__

    -- 1. Guard the stream: exclusively to write, shared to check.
    if not (case when cardinality(event_ids) > 0
                 then pg_try_advisory_xact_lock(__schema__.stream_guard(of_category, of_aggregate_id))
                 else pg_try_advisory_xact_lock_shared(__schema__.stream_guard(of_category, of_aggregate_id)) end) then
        return array[null::bigint];
    end if;

    -- 2. Read its version, in a snapshot taken after the guard.
    before := __schema__.checked_version(of_category, of_aggregate_id, in_slice, expected, expected_event);
    if before < 0 or cardinality(event_ids) = 0 then
        return array[before];
    end if;

    -- 3. The fence, before a position is drawn.
    __fence__

    -- 4. The positions in the order given.
    insert into __schema__.events (
        __event_columns__
    )
    select nextval('__schema__.position'), of_category, of_aggregate_id, before + n, in_slice,
           __event_values__
    from generate_series(1, cardinality(event_ids)) as n;
    return array[before, currval('__schema__.position')];
end
$$;
