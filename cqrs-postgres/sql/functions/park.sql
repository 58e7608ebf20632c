-- Parks a key, unless so many keys of the subscription are parked already: then false. The owners of several partitions take turns, so that
-- the limit is exact. Runs in the transaction that moves the checkpoint to the event.
create function __schema__.park(
    of_subscription text, of_key text, by_stream boolean, of_slice integer, of_category text, of_aggregate_id text,
    of_version bigint, of_position bigint, of_event_id uuid, of_event_type text,
    of_failure text, of_reason text, of_fingerprint bigint, of_attempts integer, at_most bigint, of_partition text, of_offset bigint
) returns boolean language plpgsql volatile as $$
begin
    perform __schema__.check_transaction();
    perform pg_advisory_xact_lock(lock.high, lock.low) from __schema__.name_lock('parked', of_subscription) as lock;
    if (select count(*) from __schema__.parked where subscription = of_subscription) >= at_most then
        return false;
    end if;
    insert into __schema__.parked (subscription, key, is_stream, slice, category, aggregate_id, version, position, event_id, event_type,
                                   failure, reason, fingerprint, attempts, partition, "offset")
    values (of_subscription, of_key, by_stream, of_slice, of_category, of_aggregate_id, of_version, of_position, of_event_id,
            of_event_type, of_failure, of_reason, of_fingerprint, of_attempts, of_partition, of_offset);
    return true;
end
$$;
