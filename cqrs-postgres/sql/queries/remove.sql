-- Removes a subscription that no process runs, and records the operation. What a process has committed meanwhile is removed, too; what it
-- would commit later is rejected, because its partition is gone.
with idle as (
    select $1::text as subscription where not exists (
        select from __schema__.members
        where kind = 'subscription' and name = $1 and __schema__.is_alive(renewed_at, lease, clock_timestamp()))
), own as (
    delete from __schema__.checkpoints as c using idle where c.subscription = idle.subscription returning c.partition
), over_log as (
    delete from __schema__.subscriptions as s using idle where s.subscription = idle.subscription
), held as (
    delete from __schema__.leases as l using idle where l.kind = 'subscription' and l.name = idle.subscription
), joined as (
    delete from __schema__.members as m using idle where m.kind = 'subscription' and m.name = idle.subscription
), received as (
    delete from __schema__.inbox as i using idle where i.subscription = idle.subscription
), records as (
    delete from __schema__.waiting as w using idle where w.subscription = idle.subscription
), keys as (
    delete from __schema__.parked as p using idle where p.subscription = idle.subscription
)
select __schema__.record_operation(
    'remove', jsonb_build_object('subscription', $1::text, 'partitions', jsonb_agg(partition order by partition)), $2)
from own having count(*) > 0
