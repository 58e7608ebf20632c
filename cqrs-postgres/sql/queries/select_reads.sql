-- Records what a subscription reads of a partition, under the epoch of the claim; and with a reason, as a person's decision.
with selected as (
    update __schema__.checkpoints set reads = $4::jsonb where subscription = $1 and partition = $2 and epoch = $3
    returning subscription, partition, reads
)
select exists (select from selected), (
    select __schema__.record_operation(
        'accept_selection', jsonb_build_object('subscription', subscription, 'partition', partition, 'reads', reads), $5)
    from selected where $5 is not null)
