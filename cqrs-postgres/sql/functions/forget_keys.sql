-- Deletes keys that are older than the retention, at most this many. Returns how many.
create function __schema__.forget_keys(retention interval, at_most integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    forgotten bigint;
begin
    delete from __schema__.idempotency where key in (
        select i.key from __schema__.idempotency i
        where i.recorded_at <= clock_timestamp() - retention
        order by i.recorded_at limit at_most for update skip locked
    );
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;
