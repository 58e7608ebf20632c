-- What was appended under a key. First waits for an append under it that is in flight: its caller may not know the outcome.
create function __schema__.appended_under(of_key text, retention interval)
returns setof __schema__.idempotency
language plpgsql volatile security definer set lock_timeout = '10s' set search_path = pg_catalog, pg_temp as $$
begin
    perform __schema__.check_transaction();
    perform pg_advisory_xact_lock_shared(__schema__.key_guard(of_key));
    return query select * from __schema__.idempotency i
                 where i.key = of_key and i.recorded_at > clock_timestamp() - retention;
end
$$;
