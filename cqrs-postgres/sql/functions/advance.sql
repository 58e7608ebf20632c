-- Moves a checkpoint under the epoch of the claim, if it is where the caller expects it. False if it is elsewhere, or if another
-- process has claimed the partition since. Slices that were ahead and are not any more are forgotten.
create function __schema__.advance(
    of_subscription text, of_partition text, of_epoch bigint,
    from_offset bigint, from_event_id uuid, to_offset bigint, to_event_id uuid
) returns boolean language plpgsql volatile as $$
begin
    perform __schema__.check_transaction();
    update __schema__.checkpoints
    set "offset" = to_offset, event_id = to_event_id, updated_at = clock_timestamp(),
        ahead = case when ahead is not null then
            nullif(jsonb_path_query_array(ahead, '$[*] ? (@.offset > $to)', jsonb_build_object('to', to_offset)), '[]') end
    where subscription = of_subscription and partition = of_partition and epoch = of_epoch
      and "offset" is not distinct from from_offset and event_id is not distinct from from_event_id;
    return found;
end
$$;
