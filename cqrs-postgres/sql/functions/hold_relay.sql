-- A member of a relay says that it is alive, takes the relay unless a living member has it, and learns which process has it. The
-- owner's rights let a role that may only read run a relay; with its own it changes no lease of a subscription.
create function __schema__.hold_relay(of_relay text, me uuid, my_process text, my_lease interval, out held boolean, out owner text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into __schema__.leases (kind, name, partition, from_slice, to_slice) values ('relay', of_relay, 'log slices 0..1024', 0, 1024)
    on conflict do nothing;
    perform __schema__.heartbeat('relay', of_relay, me, my_process, my_lease, interval '0', '{}');
    select m.member = me, m.process into held, owner
    from __schema__.leases as l join __schema__.members as m using (kind, name, member)
    where l.kind = 'relay' and l.name = of_relay;
    held := coalesce(held, false);
end
$$;
