-- A member ends: all of its partitions are free at once.
create function __schema__.leave(of_subscription text, me uuid) returns void language plpgsql volatile as $$
begin
    perform 1 from __schema__.leases where subscription = of_subscription and member = me order by partition for update;
    update __schema__.leases set member = null, since = clock_timestamp() where subscription = of_subscription and member = me;
    delete from __schema__.members where subscription = of_subscription and member = me;
end
$$;
