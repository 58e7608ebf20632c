-- Moves a checkpoint under the epoch of the claim. False if another process has claimed the partition since.
create function __schema__.advance(
    of_subscription text, of_partition text, under bigint, to_offset bigint, to_event_id uuid
) returns boolean language plpgsql volatile as $$
begin
    perform __schema__.check_transaction();
    update __schema__.checkpoints
    set "offset" = to_offset, event_id = to_event_id, updated_at = clock_timestamp()
    where subscription = of_subscription and partition = of_partition and epoch = under;
    return found;
end
$$;
