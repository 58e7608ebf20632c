-- Sets the number of partitions of a subscription over the log, whoever works on them, and records the operation. Returns how many
-- there are now. Every slice goes on where it was: a partition whose parts were read to different places begins at the lowest, and
-- notes which of its slices are ahead of it.
--
-- It waits for claims and batches in hand, two seconds at most. The epochs of the new partitions lie above all of the old ones,
-- because a partition may get a name that it had before, and its former owner may still live.
create function __schema__.repartition(of_subscription text, partitions integer, why text) returns integer
language plpgsql volatile set lock_timeout = '2s' as $$
declare
    before integer;
    made integer;
    next_epoch bigint;
    selected jsonb;
    asked text;
    selections integer;
    slices integer[];
    offsets bigint[];
    events uuid[];
begin
    perform __schema__.check_transaction();
    -- As a reset does, which would miss the new rows.
    perform pg_advisory_xact_lock(lock.high, lock.low) from __schema__.name_lock('claims', of_subscription) as lock;
    update __schema__.subscriptions set layout = layout + 1, changed_at = clock_timestamp() where subscription = of_subscription;
    if not found then
        raise exception 'there is no subscription % over the log', of_subscription using errcode = 'CQ009';
    end if;
    perform 1 from __schema__.leases where kind = 'subscription' and name = of_subscription order by partition for update;
    perform 1 from __schema__.checkpoints
    where subscription = of_subscription and from_slice is not null order by partition for update;

    -- Each statement has a snapshot of its own, taken behind the locks.
    select array_agg(p.slice order by p.slice), array_agg(p."offset" order by p.slice), array_agg(p.event_id order by p.slice)
    into slices, offsets, events from __schema__.progress_by_slice(of_subscription) as p;
    if slices is distinct from (select array_agg(n) from generate_series(0, 1023) as n) then
        raise exception 'the partitions of % do not have every slice once', of_subscription using errcode = 'CQ010';
    end if;
    select count(*), max(epoch) + 1, count(distinct reads), (array_agg(reads) filter (where reads is not null))[1],
           max(requested)
    into before, next_epoch, selections, selected, asked
    from __schema__.checkpoints where subscription = of_subscription and from_slice is not null;
    if selections > 1 then
        raise exception 'the partitions of % have not all recorded the same selection', of_subscription using errcode = 'CQ011';
    end if;

    -- Where keys decide the partition, a key has one slice.
    if selected ->> 'partitioned_by' is distinct from 'ordering_key'
        and exists (select from __schema__.parked where subscription = of_subscription and not is_stream) then
        raise exception '% has parked a key that is no stream', of_subscription using errcode = 'CQ012';
    end if;

    delete from __schema__.checkpoints where subscription = of_subscription and from_slice is not null;
    delete from __schema__.leases where kind = 'subscription' and name = of_subscription;
    insert into __schema__.checkpoints (
        subscription, partition, epoch, "offset", event_id, from_slice, to_slice, ahead, reads, requested)
    with lowest as (
        select p.*, l.slice from __schema__.log_partitions(partitions) as p
        cross join lateral (
            select n as slice from generate_series(p.from_slice, p.to_slice - 1) as n order by offsets[n + 1] nulls first limit 1
        ) as l
    ), further as (
        select l.partition, n, offsets[n + 1] as "offset", events[n + 1] as event_id,
               n - row_number() over (partition by l.partition, offsets[n + 1] order by n) as run
        from lowest as l cross join lateral generate_series(l.from_slice, l.to_slice - 1) as n
        where offsets[n + 1] > coalesce(offsets[l.slice + 1], 0)
    ), runs as (
        select partition, min(n) as "from", max(n) + 1 as "to", "offset", event_id
        from further group by partition, run, "offset", event_id
    ), ahead as (
        select partition, jsonb_agg(jsonb_build_object(
                   'from', "from", 'to', "to", 'offset', "offset", 'event_id', event_id) order by "from") as parts
        from runs group by partition
    )
    select of_subscription, partition, next_epoch, offsets[slice + 1], events[slice + 1], from_slice, to_slice, parts, selected, asked
    from lowest left join ahead using (partition);
    get diagnostics made = row_count;
    insert into __schema__.leases (kind, name, partition, from_slice, to_slice)
    select 'subscription', of_subscription, p.partition, p.from_slice, p.to_slice from __schema__.log_partitions(partitions) as p;
    perform __schema__.record_operation(
        'repartition', jsonb_build_object('subscription', of_subscription, 'partitions', made, 'before', before), why);
    return made;
end
$$;
