-- How far a subscription over the log has read each slice. No row for a slice: no partition has it; two rows: two partitions have it.
create function __schema__.progress_by_slice(of_subscription text)
returns table (slice integer, "offset" bigint, event_id uuid) language sql stable as $$
    select slices.slice,
           case when further.part is null then c."offset" else (further.part ->> 'offset')::bigint end,
           case when further.part is null then c.event_id else (further.part ->> 'event_id')::uuid end
    from __schema__.checkpoints as c
    cross join lateral generate_series(c.from_slice::integer, c.to_slice - 1) as slices (slice)
    left join lateral (
        select part from jsonb_array_elements(c.ahead) as part
        where (part ->> 'from')::integer <= slices.slice and slices.slice < (part ->> 'to')::integer
    ) as further on true
    where c.subscription = of_subscription and c.from_slice is not null
$$;
