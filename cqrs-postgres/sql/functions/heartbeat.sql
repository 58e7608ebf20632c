-- A member says that it is alive, takes what is free up to its share, and learns which partitions it has. Only the clock of the
-- server counts. Nothing here waits for another member: rows that somebody has locked are left for the next heartbeat.
--
-- A partition is free if no living member has it. A member leaves to others what they lack: it would take again otherwise what it gives
-- back, before they do. Beyond that and beyond its share it takes one that was free for long: who could take it avoids it. A stopped partition is tried only by a member that joined later. A member that has more than its share gives back what
-- others lack, once nobody has joined for the settle time.
create function __schema__.heartbeat(
    of_kind text, of_name text, me uuid, my_process text, my_lease interval, settle interval, avoid text[],
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
    room integer;
begin
    perform 1 from __schema__.leases where kind = of_kind and name = of_name;
    if not found then
        raise exception 'there is no % %', of_kind, of_name using errcode = 'CQ009';
    end if;
    insert into __schema__.members as m (kind, name, member, process, joined_at, renewed_at, lease)
    values (of_kind, of_name, me, my_process, now, now, my_lease)
    on conflict (kind, name, member) do update set renewed_at = excluded.renewed_at, lease = excluded.lease
    returning m.number into my_number;
    delete from __schema__.members where (kind, name, member) in (
        select d.kind, d.name, d.member from __schema__.members as d
        where d.kind = of_kind and d.name = of_name and not __schema__.is_alive(d.renewed_at, d.lease, now)
        for update skip locked
    );

    select count(*), bool_and(__schema__.has_passed(settle, m.joined_at, now)) into heartbeat.members, settled
    from __schema__.members as m
    where m.kind = of_kind and m.name = of_name and __schema__.is_alive(m.renewed_at, m.lease, now);
    select count(*) filter (where l.member = me), ceil(count(*)::numeric / heartbeat.members), count(*) / heartbeat.members
    into held, share, least_share
    from __schema__.leases as l where l.kind = of_kind and l.name = of_name;

    -- What looks free may have been taken since the statement began, by a member that it does not see. The next statement sees it, and
    -- nobody takes what is locked.
    perform 1 from __schema__.leases as f
    where f.kind = of_kind and f.name = of_name and not f.partition = any (avoid) and f.member is distinct from me
      and not exists (
          select from __schema__.members as m where m.kind = f.kind and m.name = f.name and m.member = f.member
            and __schema__.is_alive(m.renewed_at, m.lease, now))
    for update skip locked;
    select least(share - held, greatest(least_share - held, free.count - others.lacking)) into room
    from (
        select count(*) from __schema__.leases as f
        where f.kind = of_kind and f.name = of_name and not f.partition = any (avoid)
          and (f.state = 'ready' or f.last_member < my_number)
          and not exists (
              select from __schema__.members as m
              where m.kind = f.kind and m.name = f.name and m.member = f.member
                and __schema__.is_alive(m.renewed_at, m.lease, now))
    ) as free, (
        select coalesce(sum(greatest(0, least_share - (
                   select count(*) from __schema__.leases as l
                   where l.kind = of_kind and l.name = of_name and l.member = m.member))), 0) as lacking
        from __schema__.members as m
        where m.kind = of_kind and m.name = of_name and m.member <> me and __schema__.is_alive(m.renewed_at, m.lease, now)
    ) as others;
    update __schema__.leases set member = me, since = now, state = 'ready', reason = null, last_member = null
    where (kind, name, partition) in (
        select f.kind, f.name, f.partition from __schema__.leases as f
        where f.kind = of_kind and f.name = of_name and not f.partition = any (avoid)
          and (f.state = 'ready' or f.last_member < my_number)
          and not exists (
              select from __schema__.members as m
              where m.kind = f.kind and m.name = f.name and m.member = f.member
                and __schema__.is_alive(m.renewed_at, m.lease, now))
          and (room > 0 or __schema__.has_passed(2 * settle + my_lease, f.since, now))
        order by f.since, f.from_slice
        limit greatest(room, 1) for update skip locked
    );

    select case when settled then greatest(0, sum(greatest(0, least_share - other.held))
               - coalesce(sum(greatest(0, other.held - least_share)) filter (where other.number < my_number), 0)
               - (select count(*) from __schema__.leases as f
                  where f.kind = of_kind and f.name = of_name and f.state = 'ready' and not exists (
                      select from __schema__.members as m
                      where m.kind = f.kind and m.name = f.name and m.member = f.member
                        and __schema__.is_alive(m.renewed_at, m.lease, now)))) else 0 end
    into lacking
    from (
        select m.number, (select count(*) from __schema__.leases as l
                          where l.kind = of_kind and l.name = of_name and l.member = m.member) as held
        from __schema__.members as m
        where m.kind = of_kind and m.name = of_name and __schema__.is_alive(m.renewed_at, m.lease, now)
    ) as other;
    select coalesce(array_agg(mine.from_slice), '{}'), coalesce(array_agg(mine.to_slice), '{}'),
           coalesce(array_agg(mine.place <= least(lacking, mine.count - least_share)), '{}')
    into heartbeat.from_slices, heartbeat.to_slices, heartbeat.give_back
    from (
        select l.from_slice::integer, l.to_slice::integer, count(*) over () as count,
               row_number() over (order by l.from_slice desc) as place
        from __schema__.leases as l where l.kind = of_kind and l.name = of_name and l.member = me
    ) as mine;
end
$$;
