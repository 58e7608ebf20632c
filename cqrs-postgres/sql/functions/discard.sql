-- Records what a subscription passes over, and the operation. Only the owner can write the tables.
create function __schema__.discard(
    of_subscription text, of_category text, of_aggregate_id text, of_version bigint, of_position bigint, of_event_id uuid,
    for_reason text, of_topic text, of_partition integer, of_offset bigint, of_key bytea, of_value bytea,
    of_header_names text[], of_header_values bytea[], is_truncated boolean
) returns void language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    insert into __schema__.discarded (
        subscription, category, aggregate_id, version, position, event_id, reason,
        topic, partition, "offset", key, value, header_names, header_values, truncated
    ) values (
        of_subscription, of_category, of_aggregate_id, of_version, of_position, of_event_id, for_reason,
        of_topic, of_partition, of_offset, of_key, of_value, of_header_names, of_header_values, is_truncated
    );
    select __schema__.record_operation('discard', jsonb_strip_nulls(jsonb_build_object(
        'subscription', of_subscription, 'topic', of_topic, 'partition', of_partition, 'offset', of_offset,
        'category', of_category, 'aggregate_id', of_aggregate_id, 'version', of_version, 'position', of_position,
        'event_id', of_event_id)), for_reason)
$$;
