-- Records an event that a subscription passes over, and the operation.
with discarded as (
    insert into __schema__.discarded (subscription, category, aggregate_id, version, position, event_id, reason)
    values ($1, $2, $3, $4, $5, $6, $7)
    returning *
)
insert into __schema__.operations (verb, arguments, reason)
select 'discard', jsonb_build_object('subscription', subscription, 'category', category, 'aggregate_id', aggregate_id,
                                     'version', version, 'position', position, 'event_id', event_id), reason
from discarded
