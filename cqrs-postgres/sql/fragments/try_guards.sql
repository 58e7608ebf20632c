-- Takes the guard of each stream without waiting: exclusively to write, shared to check. Whether it was free, into `locked`.
locked := array(
    select case when event_counts[s] > 0
                then pg_try_advisory_xact_lock(__schema__.stream_guard(categories[s], aggregate_ids[s]))
                else pg_try_advisory_xact_lock_shared(__schema__.stream_guard(categories[s], aggregate_ids[s])) end
    from generate_subscripts(categories, 1) as s
);
