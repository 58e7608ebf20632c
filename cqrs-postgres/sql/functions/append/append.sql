-- The general append function: for several streams, idempotency keys, callers that wait, and callers with a transaction of their
-- own. Makes several appends in one transaction. Each goes to one stream or several, all or none, and has its own verdict.
--
-- Arguments: the streams, each with the number of its append and of its events (a stream occurs twice only if it is only
-- checked); the keys, each with the number of its append; and all events in the order of the streams. With may_wait it waits for
-- every guard. Without, it waits for one guard at most, before it holds any: that of stream number wait_for, or of the first key
-- if wait_for is 0. Returns the verdict on each stream (see combine_verdicts.sql), its version before the append, and the position
-- of each event. Verdicts have the type "char": PostgreSQL finds an element of a "char"[] at once, but walks through a text[].
create function __schema__.append(
    may_wait boolean, wait_for integer, retention interval,
    stream_appends integer[], categories text[], aggregate_ids text[], slices smallint[], expected bigint[],
    expected_events uuid[], event_counts integer[], events_before integer[],
    key_appends integer[], keys text[], fingerprints bigint[],
    __event_arguments__,
    out verdicts "char"[], out before bigint[], out positions bigint[]
) language plpgsql volatile security definer
set plan_cache_mode = force_generic_plan set enable_seqscan = off set lock_timeout = '10s' set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    checked boolean := __schema__.check_transaction(); -- or it raises
    locked boolean[];
    fence bigint;
begin
    if (select coalesce(sum(events), 0) from unnest(event_counts) as events) <> cardinality(event_ids) then
        perform __schema__.reject_argument(format(
            '%s events for streams that get %s', cardinality(event_ids), array_to_string(event_counts, ', ', 'null')
        ));
    end if;

    -- 1. Guard the streams and the keys: exclusively to write, shared to check. A caller that waits for all of them takes them in
    -- the common order.
    if may_wait then
        perform case when exclusive then pg_advisory_xact_lock(guard) else pg_advisory_xact_lock_shared(guard) end
        from (
            select guard, bool_or(exclusive) as exclusive
            from (
                select __schema__.stream_guard(c, a), events > 0
                from unnest(categories, aggregate_ids, event_counts) as given (c, a, events)
                union all
                select __schema__.key_guard(k), true from unnest(keys) as k
            ) as wanted (guard, exclusive)
            group by guard order by guard offset 0
        ) as guards;
    else
        if wait_for = 0 then
            perform pg_advisory_xact_lock(__schema__.key_guard(keys[1]));
        elsif event_counts[wait_for] > 0 then
            perform pg_advisory_xact_lock(__schema__.stream_guard(categories[wait_for], aggregate_ids[wait_for]));
        elsif wait_for > 0 then
            perform pg_advisory_xact_lock_shared(__schema__.stream_guard(categories[wait_for], aggregate_ids[wait_for]));
        end if;
        __try_guards__
    end if;

    -- 2. Read their versions, in a snapshot taken after the guards.
    select array_agg(coalesce(found.version, (
               select last.version from __schema__.last_event(categories[n], aggregate_ids[n], 0) as last where expected[n] > 0
           ), 0)),
           array_agg(case when locked[n] is false then 'b'::"char"
                          when __schema__.is_expected(coalesce(found.version, 0), found.event_id, expected[n], expected_events[n])
                               is not true
                          then 'c'
                          when __schema__.keeps_slice(slices[n], found.slice, categories[n], aggregate_ids[n])
                          then 'a' end)
    into before, verdicts
    from generate_subscripts(categories, 1) as n
    left join lateral __schema__.last_event(categories[n], aggregate_ids[n], expected[n]) as found on true;

    if cardinality(keys) > 0 or stream_appends[cardinality(stream_appends)] < cardinality(stream_appends) then
        verdicts := __schema__.combine_verdicts(
            may_wait, retention, stream_appends, verdicts, key_appends, keys, fingerprints
        );
    end if;
    if not 'a' = any (verdicts) then
        return;
    end if;

    if cardinality(event_ids) > 0 then
        -- 3. The fence: after every wait, before the first position is drawn.
        fence := __schema__.take_fence();

        -- 4. Positions in the given order; the versions continue each stream.
        positions := array(select nextval('__schema__.position') from generate_series(1, cardinality(event_ids)));
        insert into __schema__.events (
            __event_columns__
        )
        select positions[n], categories[s], aggregate_ids[s], append.before[s] + i, slices[s],
               __event_values__
        __event_rows__
        where verdicts[s] = 'a';
    end if;

    if cardinality(keys) > 0 then
        insert into __schema__.idempotency as i (key, fingerprint, categories, aggregate_ids, before, versions, positions)
        select keys[k], fingerprints[k], array_agg(c order by s), array_agg(a order by s), array_agg(append.before[s] order by s),
               array_agg(append.before[s] + events order by s),
               array_agg(case when events > 0 then positions[events_before[s] + events] end order by s)
        from generate_subscripts(keys, 1) as k
        join unnest(stream_appends, categories, aggregate_ids, event_counts) with ordinality as given (of_append, c, a, events, s)
          on of_append = key_appends[k]
        group by k
        having bool_and(verdicts[s] = 'a')
        on conflict (key) do update
        set fingerprint = excluded.fingerprint, categories = excluded.categories, aggregate_ids = excluded.aggregate_ids,
            before = excluded.before, versions = excluded.versions, positions = excluded.positions,
            recorded_at = excluded.recorded_at;
    end if;
end
$$;
