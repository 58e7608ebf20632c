-- Whether this log is the one that log_identity() described; false if either part is null.
create function __schema__.is_log(started timestamptz, file text) returns boolean language sql stable as $$
    select coalesce(started = pg_postmaster_start_time() and file = pg_relation_filepath('__schema__.events'), false)
$$;
