-- The event at a position, also if it was erased.
create function __schema__.event_id_at(at bigint) returns uuid language sql stable as $$
    select coalesce(
        (select e.event_id from __schema__.events e where e.position = at),
        (select e.event_id from __schema__.erased e where e.position = at))
$$;
