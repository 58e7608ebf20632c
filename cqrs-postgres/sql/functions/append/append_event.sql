-- Appends one event to one stream, without a key and without waiting. This is the usual append, and the shortest.
--
-- append_event, append_to_one and append_each are the short append functions. They expect a session that plans once and by
-- index, like the store's own connections: settings of a function cost as much as writing an event, even where they change
-- nothing. For the same reason they fix the search path themselves (steps/prologue.sql), for the rest of the transaction. Types of
-- variables are words of the grammar (`bigint`, `boolean`) or qualified, here and in every function called from here: a session
-- looks them up at its first call of a function, with the path that it then has. Helpers are called in an assignment or a
-- condition, because `perform` costs as much as inserting two events.
--
-- They return for each stream its version before the append, or -1 minus the version if it is not the expected one, or null if
-- another transaction holds its guard. Positions follow if something was appended.
create function __schema__.append_event(
    of_category text, of_aggregate_id text, in_slice smallint, expected bigint, expected_event uuid,
    event_id uuid, event_type text, schema_version integer, payload text,
    correlation_id text, causation_id uuid, traceparent text, headers text
) returns bigint[] language plpgsql volatile security definer as $$
declare
    before bigint;
    fence bigint;
    checked boolean;
begin
    __prologue__

    -- 1. Guard the stream.
    if not pg_try_advisory_xact_lock(__schema__.stream_guard(of_category, of_aggregate_id)) then
        return array[null::bigint];
    end if;

    -- 2. Read its version, in a snapshot taken after the guard.
    before := __schema__.checked_version(of_category, of_aggregate_id, in_slice, expected, expected_event);
    if before < 0 then
        return array[before];
    end if;

    -- 3. The fence, before a position is drawn.
    __fence__

    -- 4. The position.
    insert into __schema__.events (
        __event_columns__
    )
    values (nextval('__schema__.position'), of_category, of_aggregate_id, before + 1, in_slice,
            event_id, event_type,
            case when schema_version < 1
                 then __schema__.reject_argument(format('schema version %s of event %s', schema_version, event_id))::integer
                 else coalesce(schema_version, 1) end,
            payload::json,
            correlation_id, causation_id, traceparent, headers::jsonb);
    return array[before, currval('__schema__.position')];
end
$$;
