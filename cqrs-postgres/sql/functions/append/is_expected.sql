-- Whether a stream with this version and last event is what an append expects: -1 for any version, -2 for an existing stream,
-- or a version, with the id of its event unless that is null.
create function __schema__.is_expected(version bigint, last_event uuid, expected bigint, expected_event uuid)
returns boolean language sql immutable as $$
    select case expected
        when -1 then true
        when -2 then version > 0
        else version = expected and (expected_event is null or expected_event is not distinct from last_event)
    end
$$;
