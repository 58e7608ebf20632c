-- The last event of a stream, if its version is at_least or higher. The bound keeps the search from reading whole index pages of
-- earlier versions.
create function __schema__.last_event(of_category text, of_aggregate_id text, at_least bigint)
returns table (version bigint, event_id uuid, slice smallint) language sql stable as $$
    select e.version, e.event_id, e.slice from __schema__.events e
    where e.category = of_category and e.aggregate_id = of_aggregate_id and e.version >= at_least
    order by e.version desc limit 1
$$;
