-- Takes a partition over: raises its epoch, so that its former owner can write no more, and returns its checkpoint.
-- A former owner in the middle of a batch holds the row. A reset holds the lock of all claims of the subscription. The claim waits
-- two seconds for them, then fails; the caller tries again.
create function __schema__.claim(
    of_subscription text, of_partition text, out epoch bigint, out "offset" bigint, out event_id uuid, out requested text
) language plpgsql volatile set lock_timeout = '2s' as $$
#variable_conflict use_column
begin
    perform __schema__.check_transaction();
    perform pg_advisory_xact_lock_shared(lock.high, lock.low) from __schema__.name_lock('claims', of_subscription) as lock;
    insert into __schema__.checkpoints as c (subscription, partition, epoch)
    values (of_subscription, of_partition, 1)
    on conflict (subscription, partition) do update set epoch = c.epoch + 1
    returning c.epoch, c."offset", c.event_id, c.requested
    into claim.epoch, claim."offset", claim.event_id, claim.requested;
end
$$;
