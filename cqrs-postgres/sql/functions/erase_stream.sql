-- Erases a stream: its events and its snapshot. Only the owner of the store may call it. Returns the number of events.
-- The guard of the stream keeps appends out. In the same transaction the places of the events are kept, so that readers tell an erased
-- event from a lost one.
create function __schema__.erase_stream(of_category text, of_aggregate_id text, for_reason text) returns bigint
language plpgsql volatile set lock_timeout = '10s' set search_path = pg_catalog, pg_temp as $$
declare
    checked boolean := __schema__.check_transaction(); -- or it raises
    erased bigint;
begin
    perform pg_advisory_xact_lock(__schema__.stream_guard(of_category, of_aggregate_id));
    -- The trigger lets this transaction delete.
    perform set_config('cqrs.erases', pg_current_xact_id()::text, true);
    with deleted as (
        delete from __schema__.events e where e.category = of_category and e.aggregate_id = of_aggregate_id
        returning e.position, e.event_id
    )
    insert into __schema__.erased (position, event_id) select d.position, d.event_id from deleted d;
    get diagnostics erased = row_count;
    perform set_config('cqrs.erases', '', true);
    delete from __schema__.snapshots s where s.category = of_category and s.aggregate_id = of_aggregate_id;
    perform __schema__.record_operation('erase_stream', jsonb_build_object(
        'category', of_category, 'aggregate_id', of_aggregate_id, 'events', erased), for_reason);
    return erased;
end
$$;
