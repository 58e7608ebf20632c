-- Gives the events after a position a new id, and records the operation.
with renewed as (
    insert into __schema__.log_ids ("after") values ($1) returning id
)
insert into __schema__.operations (verb, arguments, reason)
select 'renew_log_id', jsonb_build_object('after', $1::bigint, 'id', id), $2 from renewed
