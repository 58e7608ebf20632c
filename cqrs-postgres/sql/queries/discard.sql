-- Records what a subscription passes over, and the operation.
with discarded as (
    insert into __schema__.discarded (subscription, category, aggregate_id, version, position, event_id, reason,
                                      topic, partition, "offset", key, value, header_names, header_values, truncated)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
    returning *
)
insert into __schema__.operations (verb, arguments, reason)
select 'discard',
       jsonb_strip_nulls(jsonb_build_object('subscription', subscription, 'topic', topic, 'partition', partition,
                                            'offset', "offset", 'category', category, 'aggregate_id', aggregate_id,
                                            'version', version, 'position', position, 'event_id', event_id)), reason
from discarded
