-- Rejects an update, delete or truncate of events, and says how to do it on purpose.
create function __schema__.reject_change() returns trigger language plpgsql as $$
begin
    raise exception 'events are never changed or deleted' using errcode = 'CQ004', hint =
        'If you must: stop every service, disable the trigger events_never_change, and leave no gap in a stream.';
end
$$;
