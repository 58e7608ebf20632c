-- The functions that append. Nothing else writes events.

drop function __schema__.append(
    text[], text[], smallint[], bigint[], integer[], uuid[], text[], integer[], text[], text[], uuid[], text[]);
drop function __schema__.append_to_one(
    text, text, smallint, bigint, uuid[], text[], integer[], text[], text[], uuid[], text[]);

-- An append calls its helpers in an assignment or a condition and not by `perform`, unless it waits or that is rare: PL/pgSQL
-- evaluates an expression in place, but sends `perform` through the whole executor, which costs as much as inserting two events.

-- Whether a stream at `version` whose last event is `last_event` is what was expected: a version, with the event that must
-- be there unless null; -1 for any; -2 for an existing stream.
create function __schema__.is_expected(version bigint, last_event uuid, expected bigint, expected_event uuid)
returns boolean language sql immutable as $$
    select case expected
        when -1 then true
        when -2 then version > 0
        else version = expected and (expected_event is null or expected_event is not distinct from last_event)
    end
$$;

-- The last event of a stream, if it stands at `at_least` or behind. Not looked for below: the index would hand over whole pages
-- of earlier versions.
create function __schema__.last_of(of_category text, of_aggregate_id text, at_least bigint)
returns table (version bigint, event_id uuid) language sql stable as $$
    select e.version, e.event_id from __schema__.events e
    where e.category = of_category and e.aggregate_id = of_aggregate_id and e.version >= at_least
    order by e.version desc limit 1
$$;

-- The version at which a stream stands, as -1 minus it if that is not what was expected. Each question is asked with a snapshot
-- of its own, taken after the guard.
create function __schema__.stands_at(of_category text, of_aggregate_id text, expected bigint, expected_event uuid)
returns bigint language plpgsql volatile as $$
declare
    stood bigint;
    last_event pg_catalog.uuid;
begin
    select at.version, at.event_id into stood, last_event
    from __schema__.last_of(of_category, of_aggregate_id, expected) as at;
    -- Only who is in conflict needs to know where the stream is instead.
    if stood is null and expected > 0 then
        select at.version into stood from __schema__.last_of(of_category, of_aggregate_id, 0) as at;
    end if;
    stood := coalesce(stood, 0);
    return case when __schema__.is_expected(stood, last_event, expected, expected_event) then stood else -1 - stood end;
end
$$;

-- Four functions append. They take the same four steps in the same order:
--   append_event   one event to one stream, no key; waits for nobody
--   append_to_one  several to one stream, or a look at it, no key; waits for nobody
--   append_each    several appends to one stream each, no keys; waits for nobody
--   append         everything else: several streams, keys, whoever waits, whoever is in a transaction of his own
--
-- The first three are short. They expect a session that plans once and by index, as the store's own connections do; settings of
-- the function would cost as much as writing an event to the table, even where they change nothing. So they see to the search path
-- themselves, for the rest of the transaction. Until they have, every name is qualified, since others' operators may stand in the
-- path. And so are types of variables always, here and in what is called from here, unless they are words of the grammar (`bigint`,
-- `boolean`): a session looks them up when it first calls a function, with whatever path it then has.
--
-- The short ones answer for each stream the version at which it stood, as -1 minus it if that is not what was expected, and null
-- if somebody else holds its guard; and after that positions, if something was appended.
--
-- Who has seen the last event that he expects of a stream, in the log that he names, spares them the look at it, if he appends:
-- that event is still there, and the primary key refuses what is put on any but the last one. If it does, or if this is another
-- log, the function answers null; nothing was appended, and he asks again as one who has seen nothing.

-- The usual append, and the shortest.
create function __schema__.append_event(
    of_category text, of_aggregate_id text, in_slice smallint, expected bigint, expected_event uuid,
    seen boolean, log_started timestamptz, log_file text,
    event_id uuid, event_type text, schema_version integer, payload text,
    correlation_id text, causation_id uuid, traceparent text
) returns bigint[] language plpgsql volatile security definer as $$
declare
    before bigint;
    fence bigint;
    checked boolean;
begin
    if pg_catalog.current_setting('search_path') operator(pg_catalog.<>) 'pg_catalog, pg_temp' then
        perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    end if;
    if current_setting('transaction_isolation') <> 'read committed'
       or current_setting('synchronous_commit') not in ('on', 'remote_apply') then
        checked := __schema__.check_transaction(); -- or it raises
    end if;

    -- 1. Guard the stream.
    if not pg_try_advisory_xact_lock(__schema__.guard_key(of_category, of_aggregate_id)) then
        return array[null::bigint];
    end if;

    -- 2. With a snapshot taken after that: where is it?
    if seen and expected >= 0 then
        before := expected;
    else
        before := __schema__.stands_at(of_category, of_aggregate_id, expected, expected_event);
        if before < 0 then
            return array[before];
        end if;
    end if;

    -- 3. The fence, before the position is drawn. It is not remembered: who is in no transaction of his own appends once.
    fence := pg_sequence_last_value('__schema__.position'::regclass);
    if fence is null or not pg_try_advisory_xact_lock_shared((__schema__.fence_tag() << 48) | fence) then
        fence := __schema__.take_fence(); -- or it raises
    end if;

    -- 4. The position.
    begin
        insert into __schema__.events (
            position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload,
            correlation_id, causation_id, traceparent
        )
        values (nextval('__schema__.position'), of_category, of_aggregate_id, before + 1, in_slice,
                event_id, event_type, coalesce(schema_version, 1), payload::json,
                correlation_id, causation_id, traceparent);
        -- The table cannot be replaced any more, but may have been before this had it.
        if seen and not __schema__.is_log(log_started, log_file) then
            raise unique_violation;
        end if;
    exception when unique_violation then
        if seen then
            return null;
        end if;
        raise;
    end;
    return array[before, currval('__schema__.position')];
end
$$;

-- The columns of events are read by subscript, here and below: PL/pgSQL keeps arrays taken apart, while unnest would copy each
-- into a table of its own, which costs more than the insert of a small batch.

-- The same with any number of events, none too. The position is that of the last one.
create function __schema__.append_to_one(
    of_category text, of_aggregate_id text, in_slice smallint, expected bigint, expected_event uuid,
    seen boolean, log_started timestamptz, log_file text,
    event_ids uuid[], event_types text[], schema_versions integer[], payloads text[],
    correlation_ids text[], causation_ids uuid[], traceparents text[]
) returns bigint[] language plpgsql volatile security definer as $$
#variable_conflict use_column
declare
    before bigint;
    fence bigint;
    checked boolean;
begin
    if pg_catalog.current_setting('search_path') operator(pg_catalog.<>) 'pg_catalog, pg_temp' then
        perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    end if;
    if current_setting('transaction_isolation') <> 'read committed'
       or current_setting('synchronous_commit') not in ('on', 'remote_apply') then
        checked := __schema__.check_transaction(); -- or it raises
    end if;

    -- 1. Guard the stream: alone to write, beside others to look.
    if not (case when cardinality(event_ids) > 0
                 then pg_try_advisory_xact_lock(__schema__.guard_key(of_category, of_aggregate_id))
                 else pg_try_advisory_xact_lock_shared(__schema__.guard_key(of_category, of_aggregate_id)) end) then
        return array[null::bigint];
    end if;

    -- 2. With a snapshot taken after that: where is it?
    if seen and expected >= 0 and cardinality(event_ids) > 0 then
        before := expected;
    else
        before := __schema__.stands_at(of_category, of_aggregate_id, expected, expected_event);
        if before < 0 or cardinality(event_ids) = 0 then
            return array[before];
        end if;
    end if;

    -- 3. The fence, before the first position is drawn. It is not remembered: who is in no transaction of his own appends once.
    fence := pg_sequence_last_value('__schema__.position'::regclass);
    if fence is null or not pg_try_advisory_xact_lock_shared((__schema__.fence_tag() << 48) | fence) then
        fence := __schema__.take_fence(); -- or it raises
    end if;

    -- 4. Positions in the order given.
    begin
        insert into __schema__.events (
            position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload,
            correlation_id, causation_id, traceparent
        )
        select nextval('__schema__.position'), of_category, of_aggregate_id, before + n, in_slice,
               event_ids[n], event_types[n], coalesce(schema_versions[n], 1), payloads[n]::json,
               correlation_ids[n], causation_ids[n], traceparents[n]
        from generate_series(1, cardinality(event_ids)) as n;
        -- The table cannot be replaced any more, but may have been before this had it.
        if seen and not __schema__.is_log(log_started, log_file) then
            raise unique_violation;
        end if;
    exception when unique_violation then
        if seen then
            return null;
        end if;
        raise;
    end;
    return array[before, currval('__schema__.position')];
end
$$;

-- The appends of a batch, each all or none. Given are the streams, each only once, unless it is looked at only; and the
-- events in order, each with the number of its stream and its own number in there. The positions are those of all events, or
-- only the last one if the others are those right below.
create function __schema__.append_each(
    categories text[], aggregate_ids text[], slices smallint[], expected bigint[], expected_events uuid[], counts integer[],
    seen boolean[], log_started timestamptz, log_file text,
    of_streams integer[], numbers integer[],
    event_ids uuid[], event_types text[], schema_versions integer[], payloads text[],
    correlation_ids text[], causation_ids uuid[], traceparents text[]
) returns bigint[] language plpgsql volatile security definer as $$
#variable_conflict use_column
declare
    got boolean[];
    before bigint[];
    all_expected boolean;
    fence bigint;
    positions bigint[];
    checked boolean;
begin
    if pg_catalog.current_setting('search_path') operator(pg_catalog.<>) 'pg_catalog, pg_temp' then
        perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    end if;
    if current_setting('transaction_isolation') <> 'read committed'
       or current_setting('synchronous_commit') not in ('on', 'remote_apply') then
        checked := __schema__.check_transaction(); -- or it raises
    end if;

    -- 1. Guard the streams: alone to write, beside others to look.
    got := array(
        select case when counts[n] > 0 then pg_try_advisory_xact_lock(__schema__.guard_key(categories[n], aggregate_ids[n]))
                    else pg_try_advisory_xact_lock_shared(__schema__.guard_key(categories[n], aggregate_ids[n])) end
        from generate_subscripts(categories, 1) as n
    );

    -- 2. With a snapshot taken after that: where are they? Mostly each is just at the version that is expected. If not, or if
    -- an append names no version, look again at each: nobody moves what is guarded.
    all_expected := coalesce(cardinality(seen) = cardinality(categories) and true = all (seen) and true = all (got)
                             and 0 < all (counts) and 0 <= all (expected), false);
    if not all_expected then
        all_expected := (
            select bool_and(got[n] and expected[n] >= 0 and (seen[n] is true and counts[n] > 0 or coalesce(
                (select __schema__.is_expected(at.version, at.event_id, expected[n], expected_events[n])
                 from __schema__.last_of(categories[n], aggregate_ids[n], expected[n]) as at),
                __schema__.is_expected(0, null, expected[n], expected_events[n]))))
            from generate_subscripts(categories, 1) as n
        );
    end if;
    if all_expected then
        before := expected;
    else
        before := array(
            select case when not got[n] then null
                        when __schema__.is_expected(coalesce(at.version, 0), at.event_id, expected[n], expected_events[n])
                        then coalesce(at.version, 0)
                        else -1 - coalesce(at.version, (
                            select last.version from __schema__.last_of(categories[n], aggregate_ids[n], 0) as last
                        ), 0) end
            from generate_subscripts(categories, 1) as n
            left join lateral __schema__.last_of(categories[n], aggregate_ids[n], expected[n]) as at on true
        );
        if not coalesce((select bool_or(before[s] >= 0) from unnest(of_streams) as s), false) then
            return before;
        end if;
    end if;
    if cardinality(of_streams) = 0 then
        return before;
    end if;

    -- 3. The fence, before the first position is drawn. It is not remembered: who is in no transaction of his own appends once.
    fence := pg_sequence_last_value('__schema__.position'::regclass);
    if fence is null or not pg_try_advisory_xact_lock_shared((__schema__.fence_tag() << 48) | fence) then
        fence := __schema__.take_fence(); -- or it raises
    end if;

    -- 4. Positions in the order given, versions on top of each stream's.
    if not all_expected then
        positions := array(select nextval('__schema__.position') from generate_series(1, cardinality(of_streams)));
    end if;
    begin
        insert into __schema__.events (
            position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload,
            correlation_id, causation_id, traceparent
        )
        select coalesce(positions[n], nextval('__schema__.position')), categories[of_streams[n]], aggregate_ids[of_streams[n]],
               before[of_streams[n]] + numbers[n], slices[of_streams[n]], event_ids[n], event_types[n],
               coalesce(schema_versions[n], 1), payloads[n]::json,
               correlation_ids[n], causation_ids[n], traceparents[n]
        from generate_subscripts(of_streams, 1) as n
        where before[of_streams[n]] >= 0;
        if true = any (seen) and not __schema__.is_log(log_started, log_file) then
            raise unique_violation;
        end if;
    exception when unique_violation then
        if true = any (seen) then
            return null;
        end if;
        raise;
    end;
    if not all_expected then
        return before || positions;
    end if;
    if currval('__schema__.position') = fence + cardinality(of_streams) then
        return before || currval('__schema__.position');
    end if;
    -- Others drew in between. Nobody else appends to what is guarded.
    return before || array(
        select e.position
        from unnest(categories, aggregate_ids, before) as given (c, a, behind)
        join __schema__.events e on e.category = c and e.aggregate_id = a and e.version > behind
        order by e.position
    );
end
$$;

-- Verdicts are letters, since the elements of a "char"[] are found at once and those of a text[] one after the other:
-- 'a' appended, 'c' conflict, 'b' the stream is busy, 'k' the key is, 'r' a repeat of what was appended under the same key, 'u'
-- the key was used for something else, 's' spared because of another stream of the same append.

-- Appends in one transaction, each to one stream or several, each all or none, and each with a verdict of its own. Given are
-- the streams, each with the number of its append, and each only once, unless it is looked at only; the keys, with the number
-- of their append; and the events in order, each with the number of its stream and its own number in there. Answers the
-- verdict and the version of each stream as it was, and the position of each event.
create function __schema__.append(
    may_wait boolean, awaited integer, retention interval,
    of_appends integer[], categories text[], aggregate_ids text[], slices smallint[], expected bigint[], expected_events uuid[],
    counts integer[], key_appends integer[], keys text[], fingerprints bigint[],
    of_streams integer[], numbers integer[],
    event_ids uuid[], event_types text[], schema_versions integer[], payloads text[],
    correlation_ids text[], causation_ids uuid[], traceparents text[],
    out verdicts "char"[], out before bigint[], out positions bigint[]
) language plpgsql volatile security definer
set plan_cache_mode = force_generic_plan set enable_seqscan = off set lock_timeout = '10s' set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    checked boolean := __schema__.check_transaction(); -- or it raises
    got boolean[];
    fence bigint;
begin
    -- 1. Guard the streams and the keys: alone to write, beside others to look. Who waits does so in one order for everybody,
    -- or for one only, a stream or (0) the key, before he holds any.
    if may_wait then
        perform case when alone then pg_advisory_xact_lock(guard) else pg_advisory_xact_lock_shared(guard) end
        from (
            select guard, bool_or(alone) as alone
            from (
                select __schema__.guard_key(c, a), events > 0 from unnest(categories, aggregate_ids, counts) as given (c, a, events)
                union all
                select __schema__.key_guard(k), true from unnest(keys) as k
            ) as wanted (guard, alone)
            group by guard order by guard offset 0
        ) as guards;
    else
        if awaited = 0 then
            perform pg_advisory_xact_lock(__schema__.key_guard(keys[1]));
        elsif counts[awaited] > 0 then
            perform pg_advisory_xact_lock(__schema__.guard_key(categories[awaited], aggregate_ids[awaited]));
        elsif awaited > 0 then
            perform pg_advisory_xact_lock_shared(__schema__.guard_key(categories[awaited], aggregate_ids[awaited]));
        end if;
        got := array(
            select case when counts[n] > 0 then pg_try_advisory_xact_lock(__schema__.guard_key(categories[n], aggregate_ids[n]))
                        else pg_try_advisory_xact_lock_shared(__schema__.guard_key(categories[n], aggregate_ids[n])) end
            from generate_subscripts(categories, 1) as n
        );
    end if;

    -- 2. With a snapshot taken after that: where are they?
    select array_agg(coalesce(at.version, (
               select last.version from __schema__.last_of(categories[n], aggregate_ids[n], 0) as last where expected[n] > 0
           ), 0)),
           array_agg(case when got[n] is false then 'b'::"char"
                          when __schema__.is_expected(coalesce(at.version, 0), at.event_id, expected[n], expected_events[n])
                          then 'a'
                          else 'c' end)
    into before, verdicts
    from generate_subscripts(categories, 1) as n
    left join lateral __schema__.last_of(categories[n], aggregate_ids[n], expected[n]) as at on true;

    if cardinality(keys) > 0 or of_appends[cardinality(of_appends)] < cardinality(of_appends) then
        verdicts := __schema__.judge(may_wait, retention, of_appends, verdicts, key_appends, keys, fingerprints);
    end if;
    if not 'a' = any (verdicts) then
        return;
    end if;

    if cardinality(of_streams) > 0 then
        -- 3. The fence: after every wait, before the first position is drawn.
        fence := __schema__.take_fence();

        -- 4. Positions in the order given, versions on top of each stream's.
        positions := array(select nextval('__schema__.position') from generate_series(1, cardinality(of_streams)));
        insert into __schema__.events (
            position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload,
            correlation_id, causation_id, traceparent
        )
        select positions[n], categories[of_streams[n]], aggregate_ids[of_streams[n]],
               append.before[of_streams[n]] + numbers[n], slices[of_streams[n]], event_ids[n], event_types[n],
               coalesce(schema_versions[n], 1), payloads[n]::json,
               correlation_ids[n], causation_ids[n], traceparents[n]
        from generate_subscripts(of_streams, 1) as n
        where verdicts[of_streams[n]] = 'a';
    end if;

    if cardinality(keys) > 0 then
        insert into __schema__.idempotency as i (key, fingerprint, categories, aggregate_ids, before, versions, positions)
        select keys[k], fingerprints[k], array_agg(c order by s), array_agg(a order by s), array_agg(append.before[s] order by s),
               array_agg(append.before[s] + events order by s),
               array_agg((select max(positions[n]) from unnest(of_streams) with ordinality as of_stream (stream, n)
                          where stream = s) order by s)
        from generate_subscripts(keys, 1) as k
        join unnest(of_appends, categories, aggregate_ids, counts) with ordinality as given (of_append, c, a, events, s)
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

-- From the verdict on each stream to that on its append: a key that is known comes first, then what is busy, then conflicts.
create function __schema__.judge(
    may_wait boolean, retention interval, of_appends integer[], verdicts "char"[],
    key_appends integer[], keys text[], fingerprints bigint[]
) returns "char"[] language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    got boolean[];
begin
    if not may_wait then
        got := array(select pg_try_advisory_xact_lock(__schema__.key_guard(k)) from unnest(keys) as k);
    end if;
    -- A statement of its own: the keys are read after their guards are held.
    return array(
        select case
            when bool_or(k.got is false) over of_append then 'k'::"char"
            when bool_or(i.fingerprint <> k.fingerprint) over of_append then 'u'
            when bool_or(i.key is not null) over of_append then 'r'
            -- Who is busy or in conflict says so, and nobody else of the append is written either.
            when verdict = 'b' then 'b'
            when bool_or(verdict = 'b') over of_append then 's'
            when verdict = 'c' then 'c'
            when bool_or(verdict = 'c') over of_append then 's'
            else 'a'
        end
        from unnest(of_appends, verdicts) with ordinality as stream (append, verdict, n)
        left join unnest(key_appends, keys, fingerprints, got) as k (append, key, fingerprint, got) using (append)
        left join __schema__.idempotency i on i.key = k.key and i.recorded_at > clock_timestamp() - retention
        window of_append as (partition by append)
        order by n
    );
end
$$;

-- A function with the rights of its owner is not for everybody who may look into the schema.
revoke execute on all functions in schema __schema__ from public;
