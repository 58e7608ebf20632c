-- Sets a subscription's partitions of topics back to their beginning, fences the owners, and records the operation.
with rewound as (
    update __schema__.checkpoints set epoch = epoch + 1, "offset" = null, event_id = null, updated_at = clock_timestamp()
    where subscription = $1 and starts_with(partition, 'topic ')
    returning partition
)
select __schema__.record_operation(
    'rewind', jsonb_build_object('subscription', $1::text, 'partitions', coalesce(jsonb_agg(partition), '[]')), $2)
from rewound
