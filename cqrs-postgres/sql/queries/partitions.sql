-- The partitions of a subscription over the log, and who works on them.
select c.from_slice::integer, c.to_slice::integer, c."offset", c.event_id, m.process,
       case when l.state = 'stopped' then coalesce(l.reason, '') end
from __schema__.checkpoints as c
left join __schema__.leases as l on l.kind = 'subscription' and l.name = c.subscription and l.partition = c.partition
left join __schema__.members as m
    on m.kind = l.kind and m.name = l.name and m.member = l.member and __schema__.is_alive(m.renewed_at, m.lease, clock_timestamp())
where c.subscription = $1 and c.from_slice is not null
order by c.from_slice
