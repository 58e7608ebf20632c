-- Gives the events after a position a new id, and records the operation. Only the owner can write the tables.
create function __schema__.renew_log_id("after" bigint, for_reason text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    with renewed as (
        insert into __schema__.log_ids ("after") values ($1) returning id
    )
    select __schema__.record_operation('renew_log_id', jsonb_build_object('after', $1, 'id', id), for_reason) from renewed
$$;
