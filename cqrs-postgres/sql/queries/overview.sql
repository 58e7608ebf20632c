-- The read side at one moment: each partition with its owner, its place and how far it is behind, the groups of parked keys, the relays,
-- and the transactions that hold readers back.
-- The events behind a partition are looked for among the next 10,001 of the log, so that one that is far behind costs no more.
-- Where ordering keys decide the partition they are those of all partitions: the server does not know the keys.
with owned as (
    select l.kind, l.name, l.partition, l.state, l.reason, case when is_alive then m.process end as owner,
           -- An owner that has died has left it when its lease ended.
           extract(epoch from clock_timestamp()
               - case when not is_alive then m.renewed_at + m.lease else l.since end)::float8 as owned_for
    from __schema__.leases as l
    left join __schema__.members as m on m.kind = l.kind and m.name = l.name and m.member = l.member
    cross join lateral __schema__.is_alive(m.renewed_at, m.lease, clock_timestamp()) as is_alive
), partitions as (
    select c.subscription, c.partition, c.from_slice, c.to_slice, c."offset", c.event_id,
           c.requested is not null as paused, case when l.state = 'stopped' then coalesce(l.reason, '') end as stopped,
           extract(epoch from clock_timestamp() - c.updated_at)::float8 as moved,
           l.owner,
           l.owned_for,
           lag.events, lag.at_least, extract(epoch from clock_timestamp() - lag.first)::float8 as age
    from __schema__.checkpoints as c
    left join owned as l on l.kind = 'subscription' and l.name = c.subscription and l.partition = c.partition
    left join lateral (
        select count(*) filter (where e.number <= 10001 and e.is_behind) as events, coalesce(max(e.number), 0) > 10001 as at_least,
               min(e.recorded_at) filter (where e.number <= 10001 and e.is_behind) as first
        from (
            select row_number() over (order by next.position) as number, next.recorded_at,
                   (c.reads ->> 'partitioned_by' is not distinct from 'ordering_key'
                    or next.slice >= c.from_slice and next.slice < c.to_slice and not exists (
                       select from jsonb_array_elements(c.ahead) as part
                       where (part ->> 'from')::integer <= next.slice and next.slice < (part ->> 'to')::integer
                         and next.position <= (part ->> 'offset')::bigint))
                   and (c.reads -> 'categories' is null or c.reads -> 'categories' = '{}'
                        or c.reads -> 'categories' -> next.category = '[]'
                        or c.reads -> 'categories' -> next.category ? next.event_type) as is_behind
            from (
                select position, slice, category, event_type, recorded_at from __schema__.events
                where position > coalesce(c."offset", 0) order by position limit 10002
            ) as next
        ) as e
    ) as lag on c.from_slice is not null
), parked as (
    select subscription, fingerprint, count(*) as keys, count(requested) as requested, min(position) as first,
           (array_agg(event_type order by position))[1] as event_type, (array_agg(reason order by position))[1] as reason,
           extract(epoch from clock_timestamp() - min(parked_at))::float8 as parked_for
    from __schema__.parked group by subscription, fingerprint
)
select jsonb_build_object(
    'relays', (select coalesce(jsonb_agg(to_jsonb(r) order by r.name), '[]') from owned as r where r.kind = 'relay'),
    'held', (
        select coalesce(jsonb_agg(jsonb_build_object(
            'position', h.position, 'pid', h.pid, 'prepared', h.prepared, 'state', h.state, 'application_name', h.application_name,
            'age', extract(epoch from clock_timestamp() - h.since)::float8) order by h.position), '[]')
        from __schema__.fence_holders() as h),
    'partitions', (select coalesce(jsonb_agg(to_jsonb(p) order by p.subscription, p.from_slice, p.partition), '[]') from partitions as p),
    'parked', (select coalesce(jsonb_agg(to_jsonb(p) order by p.subscription, p.first), '[]') from parked as p))::text
