-- Asks the runners of a subscription to wait or to go on, fences them, and records the operation. It waits for the batches in hand: none
-- commits afterwards.
with own as (
    select subscription, partition from __schema__.checkpoints where subscription = $1 order by partition for update
), asked as (
    update __schema__.checkpoints as c set requested = $2, epoch = epoch + 1
    from own where c.subscription = own.subscription and c.partition = own.partition
    returning c.partition
)
select __schema__.record_operation(
    $3, jsonb_build_object('subscription', $1::text, 'partitions', jsonb_agg(partition order by partition)), $4)
from asked having count(*) > 0
