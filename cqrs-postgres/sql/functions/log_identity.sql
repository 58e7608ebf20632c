-- Which log this is: the start of the server, and the file of the table. While both stay the same, what was committed is still
-- there: a restored copy and a standby that took over without the last commits are other servers, and a table that was made
-- again or emptied has another file.
create function __schema__.log_identity(out started timestamptz, out file text) language sql stable as $$
    select pg_postmaster_start_time(), pg_relation_filepath('__schema__.events')
$$;
