-- Takes a partition of the log over, as `claim` does. No row if there is no such partition, or if it is not the member's; without a
-- member anybody may: an operator.
--
-- The lease comes first, and is kept until the claim is made: a claim that waits for a batch while the lease moves to another member
-- would fence that member.
create function __schema__.claim_slices(of_subscription text, of_partition text, me uuid)
returns table (epoch bigint, "offset" bigint, event_id uuid, ahead jsonb, requested text)
language plpgsql volatile set lock_timeout = '2s' as $$
#variable_conflict use_column
begin
    perform __schema__.check_transaction();
    perform pg_advisory_xact_lock_shared(lock.high, lock.low) from __schema__.name_lock('claims', of_subscription) as lock;
    if me is not null then
        perform 1 from __schema__.leases
        where kind = 'subscription' and name = of_subscription and partition = of_partition and member = me for share;
        if not found then
            return;
        end if;
    end if;
    return query
    update __schema__.checkpoints as c set epoch = c.epoch + 1
    where c.subscription = of_subscription and c.partition = of_partition and c.from_slice is not null
    returning c.epoch, c."offset", c.event_id, c.ahead, c.requested;
end
$$;
