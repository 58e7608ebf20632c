-- The version of a stream; -1 minus the version if it is not what the append expects. Raises if the stream is in another slice.
-- The caller holds the guard, and each query has a snapshot of its own, taken after the guard.
create function __schema__.checked_version(
    of_category text, of_aggregate_id text, in_slice smallint, expected bigint, expected_event uuid
) returns bigint language plpgsql volatile as $$
declare
    version bigint;
    event_there pg_catalog.uuid;
    last_slice smallint;
begin
    select found.version, found.event_id, found.slice into version, event_there, last_slice
    from __schema__.last_event(of_category, of_aggregate_id, expected) as found;
    -- Only a conflict needs the actual version.
    if version is null and expected > 0 then
        select found.version into version from __schema__.last_event(of_category, of_aggregate_id, 0) as found;
    end if;
    version := coalesce(version, 0);
    return case when __schema__.is_expected(version, event_there, expected, expected_event) is not true then -1 - version
                when __schema__.keeps_slice(in_slice, last_slice, of_category, of_aggregate_id) then version end;
end
$$;
