-- Asks the owner of a parked key, if this event is still in front and nothing else is requested; and records the operation.
with requested as (
    update __schema__.parked set requested = $5, requested_reason = $6, requested_at = clock_timestamp()
    where subscription = $1 and key = $2 and is_stream = $3 and partition = $7 and event_id = $4 and requested is null
    returning *
)
select __schema__.record_operation(
    'request_' || requested,
    jsonb_strip_nulls(jsonb_build_object(
        'subscription', subscription, 'key', key, 'partition', nullif(partition, ''), 'category', category, 'aggregate_id', aggregate_id,
        'version', version, 'position', position, 'event_id', event_id)), requested_reason)
from requested
