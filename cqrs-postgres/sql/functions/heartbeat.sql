-- A member says that it is alive, takes what is free up to its share, and learns which partitions it has. Only the clock of the
-- server counts. Nothing here waits for another member: rows that somebody has locked are left for the next heartbeat.
--
-- A partition is free if no living member has it. Beyond its share a member takes one that was free for long: who could take it
-- avoids it. A stopped partition is tried only by a member that joined later. A member that has more than its share gives back what
-- others lack, once nobody has joined for the settle time.
create function __schema__.heartbeat(
    of_subscription text, me uuid, my_name text, my_lease interval, settle interval, avoid text[],
    out members integer, out from_slices integer[], out to_slices integer[], out give_back boolean[]
) language plpgsql volatile as $$
#variable_conflict use_column
declare
    now timestamptz := clock_timestamp();
    my_number bigint;
    settled boolean;
    held integer;
    share integer;
    least_share integer;
    lacking integer;
begin
    perform 1 from __schema__.subscriptions where subscription = of_subscription;
    if not found then
        raise exception 'there is no subscription % over the log', of_subscription using errcode = 'CQ009';
    end if;
    insert into __schema__.members as m (subscription, member, name, joined_at, renewed_at, lease)
    values (of_subscription, me, my_name, now, now, my_lease)
    on conflict (subscription, member) do update set renewed_at = excluded.renewed_at, lease = excluded.lease
    returning m.number into my_number;
    delete from __schema__.members where (subscription, member) in (
        select d.subscription, d.member from __schema__.members as d
        where d.subscription = of_subscription and not __schema__.is_alive(d.renewed_at, d.lease, now)
        for update skip locked
    );

    select count(*), bool_and(__schema__.has_passed(settle, m.joined_at, now)) into heartbeat.members, settled
    from __schema__.members as m
    where m.subscription = of_subscription and __schema__.is_alive(m.renewed_at, m.lease, now);
    select count(*) filter (where l.member = me), ceil(count(*)::numeric / heartbeat.members), count(*) / heartbeat.members
    into held, share, least_share
    from __schema__.leases as l where l.subscription = of_subscription;

    update __schema__.leases set member = me, since = now, state = 'ready', reason = null, last_member = null
    where (subscription, partition) in (
        select f.subscription, f.partition from __schema__.leases as f
        where f.subscription = of_subscription and not f.partition = any (avoid)
          and (f.state = 'ready' or f.last_member < my_number)
          and not exists (
              select from __schema__.members as m
              where m.subscription = f.subscription and m.member = f.member and __schema__.is_alive(m.renewed_at, m.lease, now))
          and (held < share or __schema__.has_passed(2 * settle + my_lease, f.since, now))
        order by f.since, f.from_slice
        limit greatest(share - held, 1) for update skip locked
    );

    select case when settled then greatest(0, sum(greatest(0, least_share - other.held))
               - coalesce(sum(greatest(0, other.held - least_share)) filter (where other.number < my_number), 0)) else 0 end
    into lacking
    from (
        select m.number, (select count(*) from __schema__.leases as l
                          where l.subscription = of_subscription and l.member = m.member) as held
        from __schema__.members as m
        where m.subscription = of_subscription and __schema__.is_alive(m.renewed_at, m.lease, now)
    ) as other;
    select coalesce(array_agg(mine.from_slice), '{}'), coalesce(array_agg(mine.to_slice), '{}'),
           coalesce(array_agg(mine.place <= least(lacking, mine.count - least_share)), '{}')
    into heartbeat.from_slices, heartbeat.to_slices, heartbeat.give_back
    from (
        select l.from_slice::integer, l.to_slice::integer, count(*) over () as count,
               row_number() over (order by l.from_slice desc) as place
        from __schema__.leases as l where l.subscription = of_subscription and l.member = me
    ) as mine;
end
$$;
