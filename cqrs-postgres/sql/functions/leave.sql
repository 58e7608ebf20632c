-- A member ends: all of its partitions are free at once.
create function __schema__.leave(of_kind text, of_name text, me uuid) returns void language plpgsql volatile as $$
begin
    perform 1 from __schema__.leases where kind = of_kind and name = of_name and member = me order by partition for update;
    update __schema__.leases set member = null, since = clock_timestamp() where kind = of_kind and name = of_name and member = me;
    delete from __schema__.members where kind = of_kind and name = of_name and member = me;
end
$$;
