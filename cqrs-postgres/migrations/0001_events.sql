-- The log: one sequence, one table, one function that appends and one that says how far it can be read.
-- `__schema__` stands for the schema that the store is installed in, quoted; `__name__` for its bare name. ARCHITECTURE.md has the invariants.

-- Positions are drawn one by one. MINVALUE 0 and the 0 drawn here, never used, make the sequence "called" for ever: its
-- last value then lies strictly below every position that is still to come, which is what the fence needs.
create sequence __schema__.position as bigint minvalue 0 start 0 increment 1 cache 1 no cycle;
select nextval('__schema__.position');

create table __schema__.events (
    position       bigint      not null,
    category       text        not null collate "C",
    aggregate_id   text        not null collate "C",
    version        bigint      not null check (version > 0),
    slice          smallint    not null check (slice between 0 and 1023),
    event_id       uuid        not null,
    event_type     text        not null collate "C",
    schema_version integer     not null check (schema_version > 0),
    payload        json        not null,
    correlation_id text,
    causation_id   uuid,
    traceparent    text,
    recorded_at    timestamptz not null default clock_timestamp(),
    -- Both are assertions. What keeps versions and positions apart are the guards and the sequence.
    constraint events_stream_version primary key (category, aggregate_id, version),
    constraint events_position unique (position)
);

comment on table __schema__.events is 'Every event, never changed. Written by append() only.';

-- Advisory lock keys are 64 bits wide: 16 of a tag, 48 of a position or a hash. The tag comes from the oid of the
-- sequence, so that two stores of a database do not meet, and is never 0, so that no small key of an application is ours.
create function __schema__.fence_tag() returns bigint language sql stable as $$
    select '__schema__.position'::regclass::oid::bigint % 32766 + 1
$$;

create function __schema__.guard_key(category text, aggregate_id text) returns bigint language sql stable as $$
    select ((__schema__.fence_tag() + 32767) << 48)
         | (hashtextextended(category || '/' || aggregate_id, 0) & 281474976710655)
$$;

-- Versions are read after the guard is held: true only where every statement has a snapshot of its own.
-- A commit that is not on disk could be seen, vanish in a crash, and its position be given to another event.
create function __schema__.check_transaction() returns void language plpgsql volatile as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'the event store needs READ COMMITTED, this transaction is %',
            upper(current_setting('transaction_isolation')) using errcode = 'CQ001';
    end if;
    if current_setting('synchronous_commit') not in ('on', 'remote_apply') then
        perform set_config('synchronous_commit', 'on', true);
    end if;
end
$$;

-- The append fence: until this transaction ends, readers see a lock whose key lies below every position it draws.
-- The key is remembered in a setting of the transaction, which a savepoint rolls back exactly as it does the lock.
create function __schema__.take_fence() returns void language plpgsql volatile as $$
declare
    key bigint := least(
        nullif(current_setting('cqrs.fence___name__', true), '')::bigint,
        pg_sequence_last_value('__schema__.position'::regclass)
    );
begin
    if key is null then
        raise exception 'the sequence of positions has no last value: it was restarted or set back'
            using errcode = 'CQ003';
    end if;
    perform set_config('cqrs.fence___name__', key::text, true);
    perform pg_advisory_xact_lock_shared((__schema__.fence_tag() << 48) | key);
end
$$;

-- The usual case of append(): one stream. The same steps in the same order, without what only several streams need.
create function __schema__.append_to_one(
    of_category text, of_aggregate_id text, in_slice smallint, expected bigint,
    event_ids uuid[], event_types text[], schema_versions integer[], payloads text[],
    correlation_ids text[], causation_ids uuid[], traceparents text[]
) returns table (stream integer, conflict boolean, version bigint, "position" bigint)
language plpgsql volatile as $$
#variable_conflict use_column
declare
    at bigint;
    written bigint;
begin
    -- 1. Guard the stream.
    perform pg_advisory_xact_lock(__schema__.guard_key(of_category, of_aggregate_id));

    -- 2. With a snapshot taken after that: where is it?
    select e.version into at from __schema__.events e
    where e.category = of_category and e.aggregate_id = of_aggregate_id
    order by e.version desc limit 1;
    at := coalesce(at, 0);
    if not (expected = -1 or (expected = -2 and at > 0) or expected = at) then
        return query select 1, true, at, null::bigint;
        return;
    end if;
    if cardinality(event_ids) = 0 then
        return query select 1, false, at, null::bigint;
        return;
    end if;

    -- 3. The fence: after every wait, before the first position is drawn.
    perform __schema__.take_fence();

    -- 4. Positions in the order given.
    insert into __schema__.events (
        position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload,
        correlation_id, causation_id, traceparent
    )
    select nextval('__schema__.position'), of_category, of_aggregate_id, at + n, in_slice,
           id, type, schema_version, payload::json, correlation_id, causation_id, traceparent
    from (
        select * from unnest(event_ids, event_types, schema_versions, payloads,
                             correlation_ids, causation_ids, traceparents)
             with ordinality as given (id, type, schema_version, payload,
                                       correlation_id, causation_id, traceparent, n)
        order by n offset 0
    ) as ordered;
    get diagnostics written = row_count;
    return query select 1, false, at + written, currval('__schema__.position');
end
$$;

-- Appends to streams, all or none: what every insert goes through. Streams are given one by one (what is expected: a version, -1 for any,
-- -2 for an existing stream), events with the number of their stream, in order.
-- Answers a row for each stream: its version and, if it was written to, its last position. On a conflict only the streams
-- in conflict are answered, with the version they are at, and nothing is written. A wait for a guard is bounded.
create function __schema__.append(
    categories text[], aggregate_ids text[], slices smallint[], expected bigint[],
    streams integer[], event_ids uuid[], event_types text[], schema_versions integer[], payloads text[],
    correlation_ids text[], causation_ids uuid[], traceparents text[]
) returns table (stream integer, conflict boolean, version bigint, "position" bigint)
language plpgsql volatile
set plan_cache_mode = force_generic_plan set enable_seqscan = off set lock_timeout = '10s' as $$
#variable_conflict use_column
declare
    versions bigint[];
begin
    perform __schema__.check_transaction();
    if cardinality(categories) = 1 then
        return query select * from __schema__.append_to_one(
            categories[1], aggregate_ids[1], slices[1], expected[1],
            event_ids, event_types, schema_versions, payloads, correlation_ids, causation_ids, traceparents
        );
        return;
    end if;

    -- 1. Guard the streams, in one order for everybody.
    perform pg_advisory_xact_lock(key)
    from (
        select __schema__.guard_key(c, a) as key
        from unnest(categories, aggregate_ids) as given (c, a)
        order by 1 offset 0
    ) as guards;

    -- 2. With a snapshot taken after that: where are they?
    select array_agg(coalesce((
        select e.version from __schema__.events e
        where e.category = c and e.aggregate_id = a
        order by e.version desc limit 1
    ), 0) order by n)
    into versions
    from unnest(categories, aggregate_ids) with ordinality as given (c, a, n);

    return query
    select n::integer, true, versions[n], null::bigint
    from unnest(expected) with ordinality as guards (want, n)
    where not (want = -1 or (want = -2 and versions[n] > 0) or want = versions[n]);
    if found then
        return;
    end if;
    if cardinality(streams) = 0 then
        return query select n::integer, false, versions[n], null::bigint from generate_subscripts(versions, 1) as n;
        return;
    end if;

    -- 3. The fence: after every wait, before the first position is drawn.
    perform __schema__.take_fence();

    -- 4. Positions in the order given, versions on top of each stream's.
    return query
    with inserted as (
        insert into __schema__.events as e (
            position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload,
            correlation_id, causation_id, traceparent
        )
        select nextval('__schema__.position'), ordered.*
        from (
            select categories[s], aggregate_ids[s], versions[s] + row_number() over (partition by s order by n), slices[s],
                   id, type, schema_version, payload::json, correlation_id, causation_id, traceparent
            from unnest(streams, event_ids, event_types, schema_versions, payloads,
                        correlation_ids, causation_ids, traceparents)
                 with ordinality as given (s, id, type, schema_version, payload,
                                           correlation_id, causation_id, traceparent, n)
            order by n offset 0
        ) as ordered
        returning e.category, e.aggregate_id, e.version, e.position
    )
    select n::integer, false, coalesce(max(i.version), versions[n]), max(i.position)
    from unnest(categories, aggregate_ids) with ordinality as given (c, a, n)
    left join inserted i on i.category = c and i.aggregate_id = a
    group by n;
end
$$;

-- Guards the streams for the rest of the transaction, then reads them.
create function __schema__.read_streams(categories text[], aggregate_ids text[])
returns setof __schema__.events
language plpgsql volatile
set plan_cache_mode = force_generic_plan set enable_seqscan = off set lock_timeout = '10s' as $$
begin
    perform __schema__.check_transaction();
    perform pg_advisory_xact_lock(key)
    from (
        select __schema__.guard_key(c, a) as key
        from unnest(categories, aggregate_ids) as given (c, a)
        order by 1 offset 0
    ) as guards;
    return query
    select e.*
    from unnest(categories, aggregate_ids) as given (c, a)
    join __schema__.events e on e.category = c and e.aggregate_id = a
    order by e.category, e.aggregate_id, e.version;
end
$$;

-- Every event at or before the mark is visible to a statement that begins after this one has ended.
-- The order is the proof: first the sequence, then the fences that are held.
create function __schema__.high_water_mark() returns bigint language plpgsql volatile as $$
declare
    drawn bigint;
    fence bigint;
begin
    if pg_is_in_recovery() then
        raise exception 'the log can be followed on the primary only: a standby does not show the fences'
            using errcode = 'CQ002';
    end if;
    drawn := pg_sequence_last_value('__schema__.position'::regclass);
    if drawn is null then
        raise exception 'the sequence of positions has no last value: it was restarted or set back'
            using errcode = 'CQ003';
    end if;
    select min(((classid::bigint & 65535) << 32) | objid::bigint) into fence
    from pg_locks
    where locktype = 'advisory' and objsubid = 1
      and classid::bigint >> 16 = __schema__.fence_tag()
      and database = (select oid from pg_database where datname = current_database());
    return least(drawn, fence);
end
$$;
