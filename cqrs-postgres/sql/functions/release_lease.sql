-- Gives a partition back, if the member has it. With a reason it is stopped: a failure ended its runner, and only a member that joins
-- later tries it.
create function __schema__.release_lease(of_subscription text, of_partition text, me uuid, stopped text) returns void
language sql volatile as $$
    update __schema__.leases as l
    set member = null, since = clock_timestamp(), reason = stopped,
        state = case when stopped is null then 'ready' else 'stopped' end,
        last_member = case when stopped is not null then
            (select coalesce(max(m.number), 0) from __schema__.members as m where m.kind = 'subscription' and m.name = of_subscription) end
    where l.kind = 'subscription' and l.name = of_subscription and l.partition = of_partition and l.member = me
$$;
