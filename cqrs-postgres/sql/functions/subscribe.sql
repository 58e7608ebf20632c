-- Makes a subscription over the log known, with so many partitions. One that is known stays as it is, and must have every slice once: two
-- layouts at once would handle events twice.
create function __schema__.subscribe(of_subscription text, partitions integer) returns void language plpgsql volatile as $$
begin
    perform __schema__.check_transaction();
    insert into __schema__.subscriptions (subscription, layout) values (of_subscription, 1) on conflict do nothing;
    if found then
        insert into __schema__.checkpoints (subscription, partition, epoch, from_slice, to_slice)
        select of_subscription, p.partition, 0, p.from_slice, p.to_slice from __schema__.log_partitions(partitions) as p;
        insert into __schema__.leases (kind, name, partition, from_slice, to_slice)
        select 'subscription', of_subscription, p.partition, p.from_slice, p.to_slice from __schema__.log_partitions(partitions) as p;
    elsif (select array_agg(p.slice order by p.slice) from __schema__.progress_by_slice(of_subscription) as p)
        is distinct from (select array_agg(n) from generate_series(0, 1023) as n) then
        raise exception 'the partitions of % do not have every slice once: its rows in the table checkpoints were changed by hand', of_subscription
            using errcode = 'CQ010', hint = 'Restore them.';
    end if;
end
$$;
