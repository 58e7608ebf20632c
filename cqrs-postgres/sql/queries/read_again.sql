-- Records what a subscription reads of a partition, sends the partition back to the beginning, and records the operation. The selection
-- says what was handled before.
with selected as (
    update __schema__.checkpoints
    set reads = $4::jsonb, epoch = epoch + 1, "offset" = null, event_id = null, ahead = null, updated_at = clock_timestamp()
    where subscription = $1 and partition = $2 and epoch = $3
    returning subscription, partition, reads
)
select exists (select from selected), (
    select __schema__.record_operation(
        'handle_passed_over', jsonb_build_object('subscription', subscription, 'partition', partition, 'reads', reads), $5)
    from selected)
