-- The schema as it is installed and granted, written by tests/it/snapshot.rs. Do not edit.

create schema cqrs authorization cqrs_owner;

-- It holds 22 pg_class, 49 pg_proc.

create sequence cqrs."position" as bigint increment 1 minvalue 0 maxvalue 9223372036854775807 start 0 cache 1 no cycle; -- at 0

create sequence cqrs.discarded_id_seq as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1 no cycle; -- at 

create sequence cqrs.document_version as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1 no cycle; -- at 

create sequence cqrs.log_ids_number_seq as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1 no cycle; -- at 

create sequence cqrs.members_number_seq as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1 no cycle; -- at 

create sequence cqrs.operations_id_seq as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1 no cycle; -- at 

create sequence cqrs.waiting_id_seq as bigint increment 1 minvalue 1 maxvalue 9223372036854775807 start 1 cache 1 no cycle; -- at 

create table cqrs.checkpoints (
    subscription text collate "C" not null,
    partition text collate "C" not null,
    epoch bigint not null,
    "offset" bigint,
    event_id uuid,
    from_slice smallint,
    to_slice smallint,
    ahead jsonb,
    reads jsonb,
    requested text,
    updated_at timestamp with time zone not null default clock_timestamp()
);

create table cqrs.discarded (
    id bigint not null identity a,
    subscription text collate "C" not null,
    topic text collate "C",
    partition integer,
    "offset" bigint,
    key bytea,
    value bytea,
    header_names text[],
    header_values bytea[],
    truncated boolean,
    category text collate "C",
    aggregate_id text collate "C",
    version bigint,
    "position" bigint,
    event_id uuid,
    reason text not null,
    discarded_at timestamp with time zone not null default clock_timestamp()
);

create table cqrs.erased (
    "position" bigint not null,
    event_id uuid not null,
    erased_at timestamp with time zone not null default clock_timestamp()
);

create table cqrs.events (
    "position" bigint not null,
    category text collate "C" not null,
    aggregate_id text collate "C" not null,
    version bigint not null,
    slice smallint not null,
    event_id uuid not null,
    event_type text collate "C" not null,
    schema_version integer not null,
    payload json not null,
    correlation_id text,
    causation_id uuid,
    traceparent text,
    headers jsonb,
    recorded_at timestamp with time zone not null default clock_timestamp()
);

create table cqrs.idempotency (
    key text collate "C" not null,
    fingerprint bigint not null,
    categories text[] not null,
    aggregate_ids text[] not null,
    before bigint[] not null,
    versions bigint[] not null,
    positions bigint[] not null,
    recorded_at timestamp with time zone not null default clock_timestamp()
);

create table cqrs.inbox (
    subscription text collate "C" not null,
    partition text collate "C" not null,
    lane text collate "C" not null,
    "position" bigint not null
);

create table cqrs.leases (
    kind text not null,
    name text collate "C" not null,
    partition text collate "C" not null,
    from_slice smallint not null,
    to_slice smallint not null,
    member uuid,
    since timestamp with time zone not null default clock_timestamp(),
    state text not null default 'ready'::text,
    reason text,
    last_member bigint
);

create table cqrs.log_ids (
    number bigint not null identity d,
    after bigint not null,
    id uuid not null default gen_random_uuid(),
    at timestamp with time zone not null default clock_timestamp()
);

create table cqrs.members (
    kind text not null,
    name text collate "C" not null,
    member uuid not null,
    number bigint not null identity a,
    process text not null,
    joined_at timestamp with time zone not null,
    renewed_at timestamp with time zone not null,
    lease interval not null
);

create table cqrs.migrations (
    version bigint not null,
    description text not null,
    installed_on timestamp with time zone not null default now(),
    success boolean not null,
    checksum bytea not null,
    execution_time bigint not null
);

create table cqrs.operations (
    id bigint not null identity a,
    at timestamp with time zone not null default clock_timestamp(),
    who text not null default SESSION_USER,
    face text not null default COALESCE(NULLIF(current_setting('application_name'::text), ''::text), 'unknown'::text),
    verb text not null,
    arguments jsonb not null default '{}'::jsonb,
    reason text,
    outcome text,
    took interval
);

create table cqrs.parked (
    subscription text collate "C" not null,
    key text collate "C" not null,
    is_stream boolean not null,
    partition text collate "C" not null default ''::text,
    "offset" bigint,
    slice smallint not null,
    category text collate "C" not null,
    aggregate_id text collate "C" not null,
    version bigint not null,
    "position" bigint not null,
    event_id uuid not null,
    event_type text not null,
    failure text not null,
    reason text not null,
    fingerprint bigint not null,
    attempts integer not null,
    parked_at timestamp with time zone not null default clock_timestamp(),
    tried_at timestamp with time zone not null default clock_timestamp(),
    requested text,
    requested_reason text,
    requested_at timestamp with time zone
);

create table cqrs.snapshots (
    category text collate "C" not null,
    aggregate_id text collate "C" not null,
    version bigint not null,
    last_event uuid not null,
    fingerprint bigint not null,
    checksum bigint not null,
    payload json not null,
    taken_at timestamp with time zone not null default clock_timestamp()
);

create table cqrs.subscriptions (
    subscription text collate "C" not null,
    layout bigint not null,
    changed_at timestamp with time zone not null default clock_timestamp()
);

create table cqrs.waiting (
    id bigint not null identity a,
    subscription text collate "C" not null,
    partition text collate "C" not null,
    "offset" bigint not null,
    key text collate "C" not null,
    is_stream boolean not null,
    topic text collate "C" not null,
    number integer not null,
    record_key bytea,
    value bytea,
    headers json not null,
    recorded_at timestamp with time zone,
    append_time boolean not null default false,
    published_at timestamp with time zone,
    waits_since timestamp with time zone not null default clock_timestamp()
);

alter table cqrs.checkpoints add constraint checkpoints_pkey PRIMARY KEY (subscription, partition);

alter table cqrs.checkpoints add constraint checkpoints_requested_check CHECK ((requested = 'pause'::text));

alter table cqrs.discarded add constraint discarded_event CHECK ((num_nonnulls(category, aggregate_id, version, "position", event_id) = ANY (ARRAY[0, 5])));

alter table cqrs.discarded add constraint discarded_pkey PRIMARY KEY (id);

alter table cqrs.discarded add constraint discarded_reason_check CHECK ((btrim(reason) <> ''::text));

alter table cqrs.discarded add constraint discarded_record CHECK ((num_nonnulls(topic, partition, "offset", header_names, header_values, truncated) = ANY (ARRAY[0, 6])));

alter table cqrs.discarded add constraint discarded_something CHECK (((topic IS NOT NULL) OR (category IS NOT NULL)));

alter table cqrs.erased add constraint erased_pkey PRIMARY KEY ("position");

alter table cqrs.events add constraint events_position UNIQUE ("position");

alter table cqrs.events add constraint events_stream_version PRIMARY KEY (category, aggregate_id, version);

alter table cqrs.idempotency add constraint idempotency_pkey PRIMARY KEY (key);

alter table cqrs.inbox add constraint inbox_pkey PRIMARY KEY (subscription, partition, lane);

alter table cqrs.leases add constraint leases_kind_check CHECK ((kind = ANY (ARRAY['subscription'::text, 'relay'::text])));

alter table cqrs.leases add constraint leases_pkey PRIMARY KEY (kind, name, partition);

alter table cqrs.leases add constraint leases_state_check CHECK ((state = ANY (ARRAY['ready'::text, 'stopped'::text])));

alter table cqrs.log_ids add constraint log_ids_pkey PRIMARY KEY (number);

alter table cqrs.members add constraint members_kind_check CHECK ((kind = ANY (ARRAY['subscription'::text, 'relay'::text])));

alter table cqrs.members add constraint members_pkey PRIMARY KEY (kind, name, member);

alter table cqrs.migrations add constraint migrations_pkey PRIMARY KEY (version);

alter table cqrs.operations add constraint operations_pkey PRIMARY KEY (id);

alter table cqrs.operations add constraint operations_reason CHECK ((btrim(reason) <> ''::text));

alter table cqrs.parked add constraint parked_of_topic CHECK (((partition = ''::text) = ("offset" IS NULL)));

alter table cqrs.parked add constraint parked_pkey PRIMARY KEY (subscription, key, is_stream, partition);

alter table cqrs.parked add constraint parked_requested_check CHECK ((requested = ANY (ARRAY['redrive'::text, 'discard'::text])));

alter table cqrs.snapshots add constraint snapshots_pkey PRIMARY KEY (category, aggregate_id);

alter table cqrs.snapshots add constraint snapshots_version_check CHECK ((version > 0));

alter table cqrs.subscriptions add constraint subscriptions_pkey PRIMARY KEY (subscription);

alter table cqrs.waiting add constraint waiting_pkey PRIMARY KEY (id);

CREATE INDEX idempotency_recorded_at ON cqrs.idempotency USING btree (recorded_at);

CREATE INDEX waiting_at_offset ON cqrs.waiting USING btree (subscription, partition, "offset");

CREATE INDEX waiting_of_key ON cqrs.waiting USING btree (subscription, partition, key, is_stream, id);

create function cqrs.advance(of_subscription text, of_partition text, of_epoch bigint, from_offset bigint, from_event_id uuid, to_offset bigint, to_event_id uuid) returns boolean
language plpgsql volatile parallel unsafe cost 100 rows 0 as $$
begin
    perform "cqrs".check_transaction();
    update "cqrs".checkpoints
    set "offset" = to_offset, event_id = to_event_id, updated_at = clock_timestamp(),
        ahead = case when ahead is not null then
            nullif(jsonb_path_query_array(ahead, '$[*] ? (@.offset > $to)', jsonb_build_object('to', to_offset)), '[]') end
    where subscription = of_subscription and partition = of_partition and epoch = of_epoch
      and "offset" is not distinct from from_offset and event_id is not distinct from from_event_id;
    return found;
end
$$;

create function cqrs.append(may_wait boolean, wait_for integer, retention interval, stream_appends integer[], categories text[], aggregate_ids text[], slices smallint[], expected bigint[], expected_events uuid[], event_counts integer[], events_before integer[], key_appends integer[], keys text[], fingerprints bigint[], event_ids uuid[], event_types text[], schema_versions integer[], payloads text[], correlation_ids text[], causation_ids uuid[], traceparents text[], headers text[], OUT verdicts "char"[], OUT before bigint[], OUT positions bigint[]) returns record
language plpgsql volatile security definer parallel unsafe cost 100 rows 0
set enable_seqscan=off
set lock_timeout=10s
set plan_cache_mode=force_generic_plan
set search_path=pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    checked boolean := "cqrs".check_transaction(); -- or it raises
    locked boolean[];
    fence bigint;
begin
    if (select coalesce(sum(events), 0) from unnest(event_counts) as events) <> cardinality(event_ids) then
        perform "cqrs".reject_argument(format(
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
                select "cqrs".stream_guard(c, a), events > 0
                from unnest(categories, aggregate_ids, event_counts) as given (c, a, events)
                union all
                select "cqrs".key_guard(k), true from unnest(keys) as k
            ) as wanted (guard, exclusive)
            group by guard order by guard offset 0
        ) as guards;
    else
        if wait_for = 0 then
            perform pg_advisory_xact_lock("cqrs".key_guard(keys[1]));
        elsif event_counts[wait_for] > 0 then
            perform pg_advisory_xact_lock("cqrs".stream_guard(categories[wait_for], aggregate_ids[wait_for]));
        elsif wait_for > 0 then
            perform pg_advisory_xact_lock_shared("cqrs".stream_guard(categories[wait_for], aggregate_ids[wait_for]));
        end if;
        locked := array(
            select case when event_counts[s] > 0
                        then pg_try_advisory_xact_lock("cqrs".stream_guard(categories[s], aggregate_ids[s]))
                        else pg_try_advisory_xact_lock_shared("cqrs".stream_guard(categories[s], aggregate_ids[s])) end
            from generate_subscripts(categories, 1) as s
        );
    end if;

    -- 2. Read their versions, in a snapshot taken after the guards.
    select array_agg(coalesce(found.version, (
               select last.version from "cqrs".last_event(categories[n], aggregate_ids[n], 0) as last where expected[n] > 0
           ), 0)),
           array_agg(case when locked[n] is false then 'b'::"char"
                          when "cqrs".is_expected(coalesce(found.version, 0), found.event_id, expected[n], expected_events[n])
                               is not true
                          then 'c'
                          when "cqrs".keeps_slice(slices[n], found.slice, categories[n], aggregate_ids[n])
                          then 'a' end)
    into before, verdicts
    from generate_subscripts(categories, 1) as n
    left join lateral "cqrs".last_event(categories[n], aggregate_ids[n], expected[n]) as found on true;

    if cardinality(keys) > 0 or stream_appends[cardinality(stream_appends)] < cardinality(stream_appends) then
        verdicts := "cqrs".combine_verdicts(
            may_wait, retention, stream_appends, verdicts, key_appends, keys, fingerprints
        );
    end if;
    if not 'a' = any (verdicts) then
        return;
    end if;

    if cardinality(event_ids) > 0 then
        -- 3. The fence: after every wait, before the first position is drawn.
        fence := "cqrs".take_fence();

        -- 4. Positions in the given order; the versions continue each stream.
        positions := array(select nextval('"cqrs".position') from generate_series(1, cardinality(event_ids)));
        insert into "cqrs".events (
            position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload,
            correlation_id, causation_id, traceparent, headers
        )
        select positions[n], categories[s], aggregate_ids[s], append.before[s] + i, slices[s],
               event_ids[n], event_types[n],
               case when schema_versions[n] < 1
                    then "cqrs".reject_argument(format('schema version %s of event %s', schema_versions[n], event_ids[n]))::integer
                    else coalesce(schema_versions[n], 1) end,
               payloads[n]::json,
               correlation_ids[n], causation_ids[n], traceparents[n], headers[n]::jsonb
        from generate_subscripts(categories, 1) as s, generate_series(1, event_counts[s]) as i,
             lateral (select events_before[s] + i) as event (n)
        where verdicts[s] = 'a';
    end if;

    if cardinality(keys) > 0 then
        insert into "cqrs".idempotency as i (key, fingerprint, categories, aggregate_ids, before, versions, positions)
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

create function cqrs.append_each(categories text[], aggregate_ids text[], slices smallint[], expected bigint[], expected_events uuid[], event_counts integer[], events_before integer[], heads bigint[], event_ids uuid[], event_types text[], schema_versions integer[], payloads text[], correlation_ids text[], causation_ids uuid[], traceparents text[], headers text[]) returns bigint[]
language plpgsql volatile security definer parallel unsafe cost 100 rows 0 as $$
#variable_conflict use_column
declare
    ready boolean;
    locked boolean[];
    before bigint[];
    fence bigint;
    positions bigint[];
    violated pg_catalog.text;
    checked boolean;
begin
    if pg_catalog.current_setting('search_path') operator(pg_catalog.<>) 'pg_catalog, pg_temp' then
        perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    end if;
    if current_setting('transaction_isolation') <> 'read committed'
       or current_setting('synchronous_commit') not in ('on', 'remote_apply') then
        checked := "cqrs".check_transaction(); -- or it raises
    end if;

    -- 1. Guard all streams, and check that the event before each append exists: at the expected version, in the same slice, with
    -- the expected id unless that is null. A search by position, if the caller names it, costs a third of one by the primary key.
    -- The position of another event proves nothing, nor does a position without an event: `is true`, because bool_and passes over nulls. One
    -- statement may do all this, because events are never removed.
    if heads is not null then
        ready := (
            select bool_and((
                event_counts[s] > 0 and expected[s] >= 0
                and pg_try_advisory_xact_lock("cqrs".stream_guard(categories[s], aggregate_ids[s]))
                and case when expected[s] = 0 then expected_events[s] is null and slices[s] between 0 and 1023
                         when heads[s] > 0 then (
                             select e.version = expected[s] and e.event_id = expected_events[s] and e.slice = slices[s]
                                    and e.aggregate_id = aggregate_ids[s] and e.category = categories[s]
                             from "cqrs".events e where e.position = heads[s])
                         else exists (
                             select from "cqrs".events e
                             where e.category = categories[s] and e.aggregate_id = aggregate_ids[s] and e.version = expected[s]
                               and e.slice = slices[s] and (expected_events[s] is null or e.event_id = expected_events[s]))
                    end) is true)
            from generate_subscripts(categories, 1) as s
        );
    end if;

    if ready then
        -- 2. The fence, before the first position is drawn.
        fence := pg_sequence_last_value('"cqrs".position'::regclass);
        if fence is null or not pg_try_advisory_xact_lock_shared(("cqrs".fence_tag() << 48) | fence) then
            fence := "cqrs".take_fence(); -- or it raises
        end if;

        -- 3. Append after the expected events, if all streams end with them. Positions in the order given.
        begin
            insert into "cqrs".events (
                position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload,
                correlation_id, causation_id, traceparent, headers
            )
            select nextval('"cqrs".position'), categories[s], aggregate_ids[s], expected[s] + i, slices[s],
                   event_ids[n], event_types[n],
                   case when schema_versions[n] < 1
                        then "cqrs".reject_argument(format('schema version %s of event %s', schema_versions[n], event_ids[n]))::integer
                        else coalesce(schema_versions[n], 1) end,
                   payloads[n]::json,
                   correlation_ids[n], causation_ids[n], traceparents[n], headers[n]::jsonb
            from generate_subscripts(categories, 1) as s, generate_series(1, event_counts[s]) as i,
                 lateral (select events_before[s] + i) as event (n);
            if currval('"cqrs".position') = fence + cardinality(event_ids) then
                return expected || currval('"cqrs".position');
            end if;
            -- Other transactions drew positions in between: read ours. Nobody else appends to guarded streams.
            return expected || array(
                select e.position
                from unnest(categories, aggregate_ids, expected) as given (c, a, version_before)
                join "cqrs".events e on e.category = c and e.aggregate_id = a and e.version > version_before
                order by e.position
            );
        exception when unique_violation then
            get stacked diagnostics violated = constraint_name;
            if violated <> 'events_stream_version' then
                raise;
            end if;
            -- A stream has moved past its expected event.
        end;
    end if;

    -- 4. Otherwise guard each stream by itself, exclusively to write and shared to check; read its version, in a snapshot taken
    -- after that; and append to the streams that are as expected.
    locked := array(
        select case when event_counts[s] > 0
                    then pg_try_advisory_xact_lock("cqrs".stream_guard(categories[s], aggregate_ids[s]))
                    else pg_try_advisory_xact_lock_shared("cqrs".stream_guard(categories[s], aggregate_ids[s])) end
        from generate_subscripts(categories, 1) as s
    );
    before := array(
        select case when not locked[s] then null
                    when "cqrs".is_expected(coalesce(found.version, 0), found.event_id, expected[s], expected_events[s])
                         is not true
                    then -1 - coalesce(found.version, (
                        select last.version from "cqrs".last_event(categories[s], aggregate_ids[s], 0) as last
                    ), 0)
                    when "cqrs".keeps_slice(slices[s], found.slice, categories[s], aggregate_ids[s])
                    then coalesce(found.version, 0) end
        from generate_subscripts(categories, 1) as s
        left join lateral "cqrs".last_event(categories[s], aggregate_ids[s], expected[s]) as found on true
    );
    if not coalesce((select bool_or(before[s] >= 0 and event_counts[s] > 0) from generate_subscripts(categories, 1) as s), false) then
        return before;
    end if;
    fence := pg_sequence_last_value('"cqrs".position'::regclass);
    if fence is null or not pg_try_advisory_xact_lock_shared(("cqrs".fence_tag() << 48) | fence) then
        fence := "cqrs".take_fence(); -- or it raises
    end if;
    positions := array(select nextval('"cqrs".position') from generate_series(1, cardinality(event_ids)));
    insert into "cqrs".events (
        position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload,
        correlation_id, causation_id, traceparent, headers
    )
    select positions[n], categories[s], aggregate_ids[s], before[s] + i, slices[s],
           event_ids[n], event_types[n],
           case when schema_versions[n] < 1
                then "cqrs".reject_argument(format('schema version %s of event %s', schema_versions[n], event_ids[n]))::integer
                else coalesce(schema_versions[n], 1) end,
           payloads[n]::json,
           correlation_ids[n], causation_ids[n], traceparents[n], headers[n]::jsonb
    from generate_subscripts(categories, 1) as s, generate_series(1, event_counts[s]) as i,
         lateral (select events_before[s] + i) as event (n)
    where before[s] >= 0;
    return before || positions;
end
$$;

create function cqrs.append_event(of_category text, of_aggregate_id text, in_slice smallint, expected bigint, expected_event uuid, event_id uuid, event_type text, schema_version integer, payload text, correlation_id text, causation_id uuid, traceparent text, headers text) returns bigint[]
language plpgsql volatile security definer parallel unsafe cost 100 rows 0 as $$
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
        checked := "cqrs".check_transaction(); -- or it raises
    end if;

    -- 1. Guard the stream.
    if not pg_try_advisory_xact_lock("cqrs".stream_guard(of_category, of_aggregate_id)) then
        return array[null::bigint];
    end if;

    -- 2. Read its version, in a snapshot taken after the guard.
    before := "cqrs".checked_version(of_category, of_aggregate_id, in_slice, expected, expected_event);
    if before < 0 then
        return array[before];
    end if;

    -- 3. The fence, before a position is drawn.
    fence := pg_sequence_last_value('"cqrs".position'::regclass);
    if fence is null or not pg_try_advisory_xact_lock_shared(("cqrs".fence_tag() << 48) | fence) then
        fence := "cqrs".take_fence(); -- or it raises
    end if;

    -- 4. The position.
    insert into "cqrs".events (
        position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload,
        correlation_id, causation_id, traceparent, headers
    )
    values (nextval('"cqrs".position'), of_category, of_aggregate_id, before + 1, in_slice,
            event_id, event_type,
            case when schema_version < 1
                 then "cqrs".reject_argument(format('schema version %s of event %s', schema_version, event_id))::integer
                 else coalesce(schema_version, 1) end,
            payload::json,
            correlation_id, causation_id, traceparent, headers::jsonb);
    return array[before, currval('"cqrs".position')];
end
$$;

create function cqrs.append_to_one(of_category text, of_aggregate_id text, in_slice smallint, expected bigint, expected_event uuid, event_ids uuid[], event_types text[], schema_versions integer[], payloads text[], correlation_ids text[], causation_ids uuid[], traceparents text[], headers text[]) returns bigint[]
language plpgsql volatile security definer parallel unsafe cost 100 rows 0 as $$
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
        checked := "cqrs".check_transaction(); -- or it raises
    end if;

    -- 1. Guard the stream: exclusively to write, shared to check.
    if not (case when cardinality(event_ids) > 0
                 then pg_try_advisory_xact_lock("cqrs".stream_guard(of_category, of_aggregate_id))
                 else pg_try_advisory_xact_lock_shared("cqrs".stream_guard(of_category, of_aggregate_id)) end) then
        return array[null::bigint];
    end if;

    -- 2. Read its version, in a snapshot taken after the guard.
    before := "cqrs".checked_version(of_category, of_aggregate_id, in_slice, expected, expected_event);
    if before < 0 or cardinality(event_ids) = 0 then
        return array[before];
    end if;

    -- 3. The fence, before a position is drawn.
    fence := pg_sequence_last_value('"cqrs".position'::regclass);
    if fence is null or not pg_try_advisory_xact_lock_shared(("cqrs".fence_tag() << 48) | fence) then
        fence := "cqrs".take_fence(); -- or it raises
    end if;

    -- 4. The positions in the order given.
    insert into "cqrs".events (
        position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload,
        correlation_id, causation_id, traceparent, headers
    )
    select nextval('"cqrs".position'), of_category, of_aggregate_id, before + n, in_slice,
           event_ids[n], event_types[n],
           case when schema_versions[n] < 1
                then "cqrs".reject_argument(format('schema version %s of event %s', schema_versions[n], event_ids[n]))::integer
                else coalesce(schema_versions[n], 1) end,
           payloads[n]::json,
           correlation_ids[n], causation_ids[n], traceparents[n], headers[n]::jsonb
    from generate_series(1, cardinality(event_ids)) as n;
    return array[before, currval('"cqrs".position')];
end
$$;

create function cqrs.appended_under(of_key text, retention interval) returns SETOF cqrs.idempotency
language plpgsql volatile security definer parallel unsafe cost 100 rows 1000
set lock_timeout=10s
set search_path=pg_catalog, pg_temp as $$
begin
    perform "cqrs".check_transaction();
    perform pg_advisory_xact_lock_shared("cqrs".key_guard(of_key));
    return query select * from "cqrs".idempotency i
                 where i.key = of_key and i.recorded_at > clock_timestamp() - retention;
end
$$;

create function cqrs.check_transaction() returns boolean
language plpgsql volatile parallel unsafe cost 100 rows 0 as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'the event store needs READ COMMITTED, this transaction is %',
            upper(current_setting('transaction_isolation')) using errcode = 'CQ001';
    end if;
    return case when current_setting('synchronous_commit') in ('on', 'remote_apply') then true
                else set_config('synchronous_commit', 'on', true) = 'on' end;
end
$$;

create function cqrs.checked_version(of_category text, of_aggregate_id text, in_slice smallint, expected bigint, expected_event uuid) returns bigint
language plpgsql volatile parallel unsafe cost 100 rows 0 as $$
declare
    version bigint;
    event_there pg_catalog.uuid;
    last_slice smallint;
begin
    select found.version, found.event_id, found.slice into version, event_there, last_slice
    from "cqrs".last_event(of_category, of_aggregate_id, expected) as found;
    -- Only a conflict needs the actual version.
    if version is null and expected > 0 then
        select found.version into version from "cqrs".last_event(of_category, of_aggregate_id, 0) as found;
    end if;
    version := coalesce(version, 0);
    return case when "cqrs".is_expected(version, event_there, expected, expected_event) is not true then -1 - version
                when "cqrs".keeps_slice(in_slice, last_slice, of_category, of_aggregate_id) then version end;
end
$$;

create function cqrs.claim(of_subscription text, of_partition text, OUT epoch bigint, OUT "offset" bigint, OUT event_id uuid, OUT requested text) returns record
language plpgsql volatile parallel unsafe cost 100 rows 0
set lock_timeout=2s as $$
#variable_conflict use_column
begin
    perform "cqrs".check_transaction();
    perform pg_advisory_xact_lock_shared(lock.high, lock.low) from "cqrs".name_lock('claims', of_subscription) as lock;
    insert into "cqrs".checkpoints as c (subscription, partition, epoch)
    values (of_subscription, of_partition, 1)
    on conflict (subscription, partition) do update set epoch = c.epoch + 1
    returning c.epoch, c."offset", c.event_id, c.requested
    into claim.epoch, claim."offset", claim.event_id, claim.requested;
end
$$;

create function cqrs.claim_slices(of_subscription text, of_partition text, me uuid) returns TABLE(epoch bigint, "offset" bigint, event_id uuid, ahead jsonb, requested text)
language plpgsql volatile parallel unsafe cost 100 rows 1000
set lock_timeout=2s as $$
#variable_conflict use_column
begin
    perform "cqrs".check_transaction();
    perform pg_advisory_xact_lock_shared(lock.high, lock.low) from "cqrs".name_lock('claims', of_subscription) as lock;
    if me is not null then
        perform 1 from "cqrs".leases
        where kind = 'subscription' and name = of_subscription and partition = of_partition and member = me for share;
        if not found then
            return;
        end if;
    end if;
    return query
    update "cqrs".checkpoints as c set epoch = c.epoch + 1
    where c.subscription = of_subscription and c.partition = of_partition and c.from_slice is not null
    returning c.epoch, c."offset", c.event_id, c.ahead, c.requested;
end
$$;

create function cqrs.clear_view(view text) returns void
language plpgsql volatile security definer parallel unsafe cost 100 rows 0
set lock_timeout=2s
set search_path=pg_catalog, pg_temp as $$
declare
    documents text := format('"cqrs".%I', 'view_' || view);
begin
    if not "cqrs".holds_documents(documents::regclass) then
        raise exception '% is not a table of documents', documents using errcode = 'CQ008', hint =
            'Somebody else has created it: name the view differently, or keep the table in another schema.';
    end if;
    execute format('truncate %s', documents);
end
$$;

create function cqrs.combine_verdicts(may_wait boolean, retention interval, stream_appends integer[], verdicts "char"[], key_appends integer[], keys text[], fingerprints bigint[]) returns "char"[]
language plpgsql volatile parallel unsafe cost 100 rows 0
set search_path=pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    locked boolean[];
begin
    if not may_wait then
        locked := array(select pg_try_advisory_xact_lock("cqrs".key_guard(k)) from unnest(keys) as k);
    end if;
    -- A statement of its own: the keys are read after their guards are held.
    return array(
        select case
            when bool_or(k.locked is false) over of_append then 'k'::"char"
            when bool_or(i.fingerprint <> k.fingerprint) over of_append then 'u'
            when bool_or(i.key is not null) over of_append then 'r'
            -- A stream that is busy or in conflict says so; the other streams of its append are skipped.
            when verdict = 'b' then 'b'
            when bool_or(verdict = 'b') over of_append then 's'
            when verdict = 'c' then 'c'
            when bool_or(verdict = 'c') over of_append then 's'
            else 'a'
        end
        from unnest(stream_appends, verdicts) with ordinality as stream (append, verdict, n)
        left join unnest(key_appends, keys, fingerprints, locked) as k (append, key, fingerprint, locked) using (append)
        left join "cqrs".idempotency i on i.key = k.key and i.recorded_at > clock_timestamp() - retention
        window of_append as (partition by append)
        order by n
    );
end
$$;

create function cqrs.discard(of_subscription text, of_category text, of_aggregate_id text, of_version bigint, of_position bigint, of_event_id uuid, for_reason text, of_topic text, of_partition integer, of_offset bigint, of_key bytea, of_value bytea, of_header_names text[], of_header_values bytea[], is_truncated boolean) returns void
language sql volatile security definer parallel unsafe cost 100 rows 0
set search_path=pg_catalog, pg_temp as $$
    insert into "cqrs".discarded (
        subscription, category, aggregate_id, version, position, event_id, reason,
        topic, partition, "offset", key, value, header_names, header_values, truncated
    ) values (
        of_subscription, of_category, of_aggregate_id, of_version, of_position, of_event_id, for_reason,
        of_topic, of_partition, of_offset, of_key, of_value, of_header_names, of_header_values, is_truncated
    );
    select "cqrs".record_operation('discard', jsonb_strip_nulls(jsonb_build_object(
        'subscription', of_subscription, 'topic', of_topic, 'partition', of_partition, 'offset', of_offset,
        'category', of_category, 'aggregate_id', of_aggregate_id, 'version', of_version, 'position', of_position,
        'event_id', of_event_id)), for_reason)
$$;

create function cqrs.erase_stream(of_category text, of_aggregate_id text, for_reason text) returns bigint
language plpgsql volatile parallel unsafe cost 100 rows 0
set lock_timeout=10s
set search_path=pg_catalog, pg_temp as $$
declare
    checked boolean := "cqrs".check_transaction(); -- or it raises
    erased bigint;
begin
    perform pg_advisory_xact_lock("cqrs".stream_guard(of_category, of_aggregate_id));
    -- The trigger lets this transaction delete.
    perform set_config('cqrs.erases', pg_current_xact_id()::text, true);
    with deleted as (
        delete from "cqrs".events e where e.category = of_category and e.aggregate_id = of_aggregate_id
        returning e.position, e.event_id
    )
    insert into "cqrs".erased (position, event_id) select d.position, d.event_id from deleted d;
    get diagnostics erased = row_count;
    perform set_config('cqrs.erases', '', true);
    delete from "cqrs".snapshots s where s.category = of_category and s.aggregate_id = of_aggregate_id;
    perform "cqrs".record_operation('erase_stream', jsonb_build_object(
        'category', of_category, 'aggregate_id', of_aggregate_id, 'events', erased), for_reason);
    return erased;
end
$$;

create function cqrs.event_id_at(at bigint) returns uuid
language sql stable parallel unsafe cost 100 rows 0 as $$
    select coalesce(
        (select e.event_id from "cqrs".events e where e.position = at),
        (select e.event_id from "cqrs".erased e where e.position = at))
$$;

create function cqrs.fence_holders() returns TABLE("position" bigint, pid integer, prepared text, since timestamp with time zone, state text, application_name text, query text)
language sql stable parallel unsafe cost 100 rows 1000 as $$
    select ((l.classid::bigint & 65535) << 32) | l.objid::bigint, l.pid, p.gid, coalesce(p.prepared, a.xact_start), a.state,
           a.application_name, a.query
    from pg_locks l
    left join pg_stat_activity a on a.pid = l.pid
    left join pg_locks own on l.pid is null and own.pid is null and own.locktype = 'transactionid'
        and own.virtualtransaction = l.virtualtransaction
    left join pg_prepared_xacts p on p.transaction = own.transactionid
    where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
      and l.classid::bigint >> 16 = "cqrs".fence_tag()
      and l.database = (select oid from pg_database where datname = current_database())
    order by 1, 4
$$;

create function cqrs.fence_tag() returns bigint
language sql stable parallel unsafe cost 100 rows 0 as $$
    select '"cqrs".position'::regclass::oid::bigint % 32766 + 1
$$;

create function cqrs.forget_keys(retention interval, at_most integer) returns bigint
language plpgsql volatile security definer parallel unsafe cost 100 rows 0
set search_path=pg_catalog, pg_temp as $$
declare
    forgotten bigint;
begin
    delete from "cqrs".idempotency where key in (
        select i.key from "cqrs".idempotency i
        where i.recorded_at <= clock_timestamp() - retention
        order by i.recorded_at limit at_most for update skip locked
    );
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;

create function cqrs.grant_access(to_role text, writes boolean) returns void
language plpgsql volatile parallel unsafe cost 100 rows 0
set search_path=pg_catalog, pg_temp as $$
declare
    found record;
    own regprocedure;
begin
    -- The grammar takes this name for every role, even in quotes.
    if lower(btrim(to_role, ' "')) = 'public' then
        raise exception 'PUBLIC is every role of the server, and gets no access to a store' using errcode = 'CQ007', hint =
            'Grant to a role without login, and make the login roles its members.';
    end if;
    -- See prepare_view.sql: without this lock, neither of the two that run at once would give the role its rights on the new view.
    perform pg_advisory_xact_lock(lock.high, lock.low) from "cqrs".name_lock('rights', 'views') as lock;
    execute format('grant usage on schema "cqrs" to %I', to_role);
    execute format('grant select on sequence "cqrs".position, "cqrs".document_version to %I', to_role);
    if writes then
        execute format('grant usage on sequence "cqrs".document_version to %I', to_role);
    end if;
    for own in
        select f from "cqrs".own_functions() f join pg_proc p on p.oid = f
        where (writes and p.proname not in ('erase_stream', 'grant_access', 'import_events')) or p.proname in (
            'event_id_at', 'log_head', 'log_identity', 'fence_holders', 'fence_tag', 'hold_relay', 'is_alive', 'leave_relay',
            'name_lock', 'progress_by_slice')
    loop
        execute format('grant execute on function %s to %I', own, to_role);
    end loop;
    for found in
        select c.oid::regclass as name, relowner::regrole as owner, pg_has_role(relowner, 'usage') as ours,
               documents or relname in ('checkpoints', 'inbox', 'leases', 'members', 'parked', 'snapshots', 'subscriptions', 'waiting')
                   as written
        from pg_class c, "cqrs".holds_documents(c.oid) as documents
        where relnamespace = '"cqrs"'::regnamespace and relkind = 'r'
          and (documents or relname in (
              'events', 'erased', 'log_ids', 'idempotency', 'snapshots', 'checkpoints', 'inbox', 'subscriptions', 'members', 'leases',
              'discarded', 'operations', 'parked', 'waiting', 'migrations'))
    loop
        if not found.ours then
            raise warning '% belongs to %, and only that role can grant access to it', found.name, found.owner;
        elsif writes and found.written then
            execute format('grant select, insert, update, delete on %s to %I', found.name, to_role);
        else
            execute format('grant select on %s to %I', found.name, to_role);
        end if;
    end loop;
end
$$;

create function cqrs.has_passed(span interval, since timestamp with time zone, now timestamp with time zone) returns boolean
language sql immutable parallel unsafe cost 100 rows 0 as $$
    select since + span < now or now + span < since
$$;

create function cqrs.heartbeat(of_kind text, of_name text, me uuid, my_process text, my_lease interval, settle interval, avoid text[], OUT members integer, OUT from_slices integer[], OUT to_slices integer[], OUT give_back boolean[]) returns record
language plpgsql volatile parallel unsafe cost 100 rows 0 as $$
#variable_conflict use_column
declare
    now timestamptz := clock_timestamp();
    my_number bigint;
    settled boolean;
    held integer;
    share integer;
    least_share integer;
    lacking integer;
    room integer;
begin
    perform 1 from "cqrs".leases where kind = of_kind and name = of_name;
    if not found then
        raise exception 'there is no % %', of_kind, of_name using errcode = 'CQ009';
    end if;
    insert into "cqrs".members as m (kind, name, member, process, joined_at, renewed_at, lease)
    values (of_kind, of_name, me, my_process, now, now, my_lease)
    on conflict (kind, name, member) do update set renewed_at = excluded.renewed_at, lease = excluded.lease
    returning m.number into my_number;
    delete from "cqrs".members where (kind, name, member) in (
        select d.kind, d.name, d.member from "cqrs".members as d
        where d.kind = of_kind and d.name = of_name and not "cqrs".is_alive(d.renewed_at, d.lease, now)
        for update skip locked
    );

    select count(*), bool_and("cqrs".has_passed(settle, m.joined_at, now)) into heartbeat.members, settled
    from "cqrs".members as m
    where m.kind = of_kind and m.name = of_name and "cqrs".is_alive(m.renewed_at, m.lease, now);
    select count(*) filter (where l.member = me), ceil(count(*)::numeric / heartbeat.members), count(*) / heartbeat.members
    into held, share, least_share
    from "cqrs".leases as l where l.kind = of_kind and l.name = of_name;

    -- What looks free may have been taken since the statement began, by a member that it does not see. The next statement sees it, and
    -- nobody takes what is locked.
    perform 1 from "cqrs".leases as f
    where f.kind = of_kind and f.name = of_name and not f.partition = any (avoid) and f.member is distinct from me
      and not exists (
          select from "cqrs".members as m where m.kind = f.kind and m.name = f.name and m.member = f.member
            and "cqrs".is_alive(m.renewed_at, m.lease, now))
    for update skip locked;
    select least(share - held, greatest(least_share - held, free.count - others.lacking)) into room
    from (
        select count(*) from "cqrs".leases as f
        where f.kind = of_kind and f.name = of_name and not f.partition = any (avoid)
          and (f.state = 'ready' or f.last_member < my_number)
          and not exists (
              select from "cqrs".members as m
              where m.kind = f.kind and m.name = f.name and m.member = f.member
                and "cqrs".is_alive(m.renewed_at, m.lease, now))
    ) as free, (
        select coalesce(sum(greatest(0, least_share - (
                   select count(*) from "cqrs".leases as l
                   where l.kind = of_kind and l.name = of_name and l.member = m.member))), 0) as lacking
        from "cqrs".members as m
        where m.kind = of_kind and m.name = of_name and m.member <> me and "cqrs".is_alive(m.renewed_at, m.lease, now)
    ) as others;
    update "cqrs".leases set member = me, since = now, state = 'ready', reason = null, last_member = null
    where (kind, name, partition) in (
        select f.kind, f.name, f.partition from "cqrs".leases as f
        where f.kind = of_kind and f.name = of_name and not f.partition = any (avoid)
          and (f.state = 'ready' or f.last_member < my_number)
          and not exists (
              select from "cqrs".members as m
              where m.kind = f.kind and m.name = f.name and m.member = f.member
                and "cqrs".is_alive(m.renewed_at, m.lease, now))
          and (room > 0 or "cqrs".has_passed(2 * settle + my_lease, f.since, now))
        order by f.since, f.from_slice
        limit greatest(room, 1) for update skip locked
    );

    select case when settled then greatest(0, sum(greatest(0, least_share - other.held))
               - coalesce(sum(greatest(0, other.held - least_share)) filter (where other.number < my_number), 0)
               - (select count(*) from "cqrs".leases as f
                  where f.kind = of_kind and f.name = of_name and f.state = 'ready' and not exists (
                      select from "cqrs".members as m
                      where m.kind = f.kind and m.name = f.name and m.member = f.member
                        and "cqrs".is_alive(m.renewed_at, m.lease, now)))) else 0 end
    into lacking
    from (
        select m.number, (select count(*) from "cqrs".leases as l
                          where l.kind = of_kind and l.name = of_name and l.member = m.member) as held
        from "cqrs".members as m
        where m.kind = of_kind and m.name = of_name and "cqrs".is_alive(m.renewed_at, m.lease, now)
    ) as other;
    select coalesce(array_agg(mine.from_slice), '{}'), coalesce(array_agg(mine.to_slice), '{}'),
           coalesce(array_agg(mine.place <= least(lacking, mine.count - least_share)), '{}')
    into heartbeat.from_slices, heartbeat.to_slices, heartbeat.give_back
    from (
        select l.from_slice::integer, l.to_slice::integer, count(*) over () as count,
               row_number() over (order by l.from_slice desc) as place
        from "cqrs".leases as l where l.kind = of_kind and l.name = of_name and l.member = me
    ) as mine;
end
$$;

create function cqrs.hold_relay(of_relay text, me uuid, my_process text, my_lease interval, OUT held boolean, OUT owner text) returns record
language plpgsql volatile security definer parallel unsafe cost 100 rows 0
set search_path=pg_catalog, pg_temp as $$
begin
    insert into "cqrs".leases (kind, name, partition, from_slice, to_slice) values ('relay', of_relay, 'log slices 0..1024', 0, 1024)
    on conflict do nothing;
    perform "cqrs".heartbeat('relay', of_relay, me, my_process, my_lease, interval '0', '{}');
    select m.member = me, m.process into held, owner
    from "cqrs".leases as l join "cqrs".members as m using (kind, name, member)
    where l.kind = 'relay' and l.name = of_relay;
    held := coalesce(held, false);
end
$$;

create function cqrs.holds_documents(relation regclass) returns boolean
language sql stable parallel unsafe cost 100 rows 0 as $$
    select c.relkind = 'r' and starts_with(c.relname, 'view_') and 4 = (
        select count(*) from pg_attribute a
        where a.attrelid = c.oid and not a.attisdropped and (a.attname, format_type(a.atttypid, null)) in (
            ('key', 'text'), ('version', 'bigint'), ('body', 'jsonb'), ('updated_at', 'timestamp with time zone')))
    from pg_class c where c.oid = relation
$$;

create function cqrs.import_events(categories text[], aggregate_ids text[], slices smallint[], versions bigint[], recorded_micros bigint[], event_ids uuid[], event_types text[], schema_versions integer[], payloads text[], correlation_ids text[], causation_ids uuid[], traceparents text[], headers text[], OUT added bigint, OUT wrong integer, OUT head bigint, OUT other uuid) returns record
language plpgsql volatile parallel unsafe cost 100 rows 0
set enable_seqscan=off
set lock_timeout=10s
set plan_cache_mode=force_generic_plan
set search_path=pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
    checked boolean := "cqrs".check_transaction(); -- or it raises
    fence bigint;
    last_slice smallint;
begin
    -- 1. Guard the streams in the common order, as append() does.
    perform pg_advisory_xact_lock(guard)
    from (
        select distinct "cqrs".stream_guard(c, a) as guard from unnest(categories, aggregate_ids) as given (c, a)
        order by guard offset 0
    ) as guards;

    -- 2. The fence: after every wait, before the first position is drawn.
    fence := "cqrs".take_fence();

    -- 3. Event by event: the statements see what those before them have inserted.
    added := 0;
    for n in 1 .. cardinality(event_ids) loop
        head := 0;
        last_slice := null;
        select e.version, e.slice into head, last_slice from "cqrs".events e
        where e.category = categories[n] and e.aggregate_id = aggregate_ids[n] order by e.version desc limit 1;
        head := coalesce(head, 0);
        if versions[n] = head + 1 then
            checked := "cqrs".keeps_slice(slices[n], last_slice, categories[n], aggregate_ids[n]); -- or it raises
            insert into "cqrs".events (
                position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload,
                correlation_id, causation_id, traceparent, headers, recorded_at
            )
            values (
                nextval('"cqrs".position'), categories[n], aggregate_ids[n], versions[n], slices[n],
                event_ids[n], event_types[n],
                case when schema_versions[n] < 1
                     then "cqrs".reject_argument(format('schema version %s of event %s', schema_versions[n], event_ids[n]))::integer
                     else coalesce(schema_versions[n], 1) end,
                payloads[n]::json,
                correlation_ids[n], causation_ids[n], traceparents[n], headers[n]::jsonb,
                timestamptz 'epoch' + recorded_micros[n] * interval '1 microsecond'
            );
            added := added + 1;
        else
            other := null;
            select e.event_id into other from "cqrs".events e
            where e.category = categories[n] and e.aggregate_id = aggregate_ids[n] and e.version = versions[n];
            if other is distinct from event_ids[n] then
                wrong := n;
                return;
            end if;
        end if;
    end loop;
end
$$;

create function cqrs.is_alive(renewed_at timestamp with time zone, lease interval, now timestamp with time zone) returns boolean
language sql immutable parallel unsafe cost 100 rows 0 as $$
    select renewed_at <= now + lease and now < renewed_at + lease
$$;

create function cqrs.is_expected(version bigint, last_event uuid, expected bigint, expected_event uuid) returns boolean
language sql immutable parallel unsafe cost 100 rows 0 as $$
    select case expected
        when -1 then true
        when -2 then version > 0
        else version = expected and (expected_event is null or expected_event is not distinct from last_event)
    end
$$;

create function cqrs.keeps_slice(given smallint, last_slice smallint, category text, aggregate_id text) returns boolean
language sql stable parallel unsafe cost 1 rows 0 as $$
    select case when given between 0 and 1023 and given = coalesce(last_slice, given) then true
                else "cqrs".reject_argument(format('slice %s of stream %s/%s', given, category, aggregate_id)) end
$$;

create function cqrs.key_guard(key text) returns bigint
language sql stable parallel unsafe cost 100 rows 0 as $$
    select "cqrs".stream_guard('idempotency key', key)
$$;

create function cqrs.last_event(of_category text, of_aggregate_id text, at_least bigint) returns TABLE(version bigint, event_id uuid, slice smallint)
language sql stable parallel unsafe cost 100 rows 1000 as $$
    select e.version, e.event_id, e.slice from "cqrs".events e
    where e.category = of_category and e.aggregate_id = of_aggregate_id and e.version >= at_least
    order by e.version desc limit 1
$$;

create function cqrs.leave(of_kind text, of_name text, me uuid) returns void
language plpgsql volatile parallel unsafe cost 100 rows 0 as $$
begin
    perform 1 from "cqrs".leases where kind = of_kind and name = of_name and member = me order by partition for update;
    update "cqrs".leases set member = null, since = clock_timestamp() where kind = of_kind and name = of_name and member = me;
    delete from "cqrs".members where kind = of_kind and name = of_name and member = me;
end
$$;

create function cqrs.leave_relay(of_relay text, me uuid) returns void
language sql volatile security definer parallel unsafe cost 100 rows 0
set search_path=pg_catalog, pg_temp as $$
    select "cqrs".leave('relay', of_relay, me)
$$;

create function cqrs.log_head(at bigint DEFAULT 0, OUT mark bigint, OUT drawn bigint, OUT follows uuid) returns record
language plpgsql volatile parallel unsafe cost 100 rows 0 as $$
declare
    fence bigint;
begin
    if pg_is_in_recovery() then
        raise exception 'the log can be followed on the primary only: a standby does not show the fences'
            using errcode = 'CQ002';
    end if;
    drawn := pg_sequence_last_value('"cqrs".position'::regclass);
    if drawn is null then
        raise exception 'the sequence of positions has no last value: it was restarted or set back'
            using errcode = 'CQ003';
    end if;
    select min(((classid::bigint & 65535) << 32) | objid::bigint) into fence
    from pg_locks
    where locktype = 'advisory' and objsubid = 1
      and classid::bigint >> 16 = "cqrs".fence_tag()
      and database = (select oid from pg_database where datname = current_database());
    mark := least(drawn, fence);
    follows := "cqrs".event_id_at(at);
end
$$;

create function cqrs.log_identity(OUT place text, OUT afters bigint[], OUT ids uuid[]) returns record
language plpgsql volatile security definer parallel unsafe cost 100 rows 0
set search_path=pg_catalog, pg_temp as $$
begin
    if not exists (select from "cqrs".log_ids) then
        lock table "cqrs".log_ids in share row exclusive mode;
        insert into "cqrs".log_ids ("after") select 0 where not exists (select from "cqrs".log_ids);
    end if;
    select format('%s/%s/%s', s.system_identifier, d.oid, '"cqrs".events'::regclass::oid) into place
    from pg_control_system() s, pg_database d where d.datname = current_database();
    select array_agg(l."after" order by l.number), array_agg(l.id order by l.number) into afters, ids
    from "cqrs".log_ids l;
end
$$;

create function cqrs.log_partitions(partitions integer) returns TABLE(partition text, from_slice integer, to_slice integer)
language sql immutable parallel unsafe cost 100 rows 1000 as $$
    select format('log slices %s..%s', f, t), f, t
    from (
        select least(1024, i * size) as f, least(1024, (i + 1) * size) as t
        from generate_series(0, partitions - 1) as i, (select (1024 + partitions - 1) / partitions as size) as of_each
    ) as ranges
    where f < t
$$;

create function cqrs.name_lock(kind text, name text, OUT high integer, OUT low integer) returns record
language sql immutable parallel unsafe cost 100 rows 0 as $$
    select (hash >> 32)::integer, ((hash << 32) >> 32)::integer
    from hashtextextended('cqrs "cqrs" ' || kind || '/' || name, 0) as hash
$$;

create function cqrs.own_functions() returns SETOF regprocedure
language sql stable parallel unsafe cost 100 rows 1000 as $$
    select p.oid::regprocedure from pg_proc p join pg_class events on events.oid = '"cqrs".events'::regclass
    where p.pronamespace = events.relnamespace and p.proowner = events.relowner
      and p.proname in (
          'advance', 'append', 'append_each', 'append_event', 'append_to_one', 'appended_under', 'check_transaction',
          'checked_version', 'claim', 'claim_slices', 'clear_view', 'combine_verdicts', 'discard', 'erase_stream',
          'event_id_at', 'fence_holders', 'fence_tag', 'forget_keys', 'grant_access', 'has_passed', 'heartbeat', 'hold_relay',
          'holds_documents', 'import_events', 'is_alive', 'is_expected', 'keeps_slice', 'key_guard', 'last_event', 'leave', 'leave_relay',
          'log_head', 'log_identity', 'log_partitions', 'name_lock', 'own_functions', 'park', 'prepare_view',
          'progress_by_slice', 'read_streams', 'record_operation', 'reject_argument', 'reject_change', 'release_lease',
          'renew_log_id', 'repartition', 'stream_guard', 'subscribe', 'take_fence'
      )
$$;

create function cqrs.park(of_subscription text, of_key text, by_stream boolean, of_slice integer, of_category text, of_aggregate_id text, of_version bigint, of_position bigint, of_event_id uuid, of_event_type text, of_failure text, of_reason text, of_fingerprint bigint, of_attempts integer, at_most bigint, of_partition text, of_offset bigint) returns boolean
language plpgsql volatile parallel unsafe cost 100 rows 0 as $$
begin
    perform "cqrs".check_transaction();
    perform pg_advisory_xact_lock(lock.high, lock.low) from "cqrs".name_lock('parked', of_subscription) as lock;
    if (select count(*) from "cqrs".parked where subscription = of_subscription) >= at_most then
        return false;
    end if;
    insert into "cqrs".parked (subscription, key, is_stream, slice, category, aggregate_id, version, position, event_id, event_type,
                                   failure, reason, fingerprint, attempts, partition, "offset")
    values (of_subscription, of_key, by_stream, of_slice, of_category, of_aggregate_id, of_version, of_position, of_event_id,
            of_event_type, of_failure, of_reason, of_fingerprint, of_attempts, of_partition, of_offset);
    return true;
end
$$;

create function cqrs.prepare_view(view text) returns void
language plpgsql volatile security definer parallel unsafe cost 100 rows 0
set search_path=pg_catalog, pg_temp as $$
declare
    documents text := format('"cqrs".%I', 'view_' || view);
    allowed record;
begin
    if to_regclass(documents) is not null then
        if not "cqrs".holds_documents(documents::regclass) then
            raise exception '% is not a table of documents', documents using errcode = 'CQ008', hint =
                'Somebody else has created it: name the view differently, or keep the table in another schema.';
        end if;
        return;
    end if;
    -- `create table if not exists` alone fails when two try at once.
    perform pg_advisory_xact_lock("cqrs".stream_guard('view', view));
    execute format(
        'create table if not exists %s (
             key        text        primary key collate "C",
             version    bigint      not null,
             body       jsonb       not null,
             updated_at timestamptz not null default clock_timestamp()
         )', documents);
    -- grant_access.sql waits until this transaction ends, and finds the table. If it came first, this waits and finds the rights.
    perform pg_advisory_xact_lock_shared(lock.high, lock.low) from "cqrs".name_lock('rights', 'views') as lock;
    for allowed in
        select grantee::regrole as role, privilege_type as right
        from pg_class, aclexplode(relacl)
        where oid = '"cqrs".checkpoints'::regclass and grantee not in (0, relowner)
          and privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    loop
        execute format('grant %s on %s to %s', allowed.right, documents, allowed.role);
    end loop;
end
$$;

create function cqrs.progress_by_slice(of_subscription text) returns TABLE(slice integer, "offset" bigint, event_id uuid)
language sql stable parallel unsafe cost 100 rows 1000 as $$
    select slices.slice,
           case when further.part is null then c."offset" else (further.part ->> 'offset')::bigint end,
           case when further.part is null then c.event_id else (further.part ->> 'event_id')::uuid end
    from "cqrs".checkpoints as c
    cross join lateral generate_series(c.from_slice::integer, c.to_slice - 1) as slices (slice)
    left join lateral (
        select part from jsonb_array_elements(c.ahead) as part
        where (part ->> 'from')::integer <= slices.slice and slices.slice < (part ->> 'to')::integer
    ) as further on true
    where c.subscription = of_subscription and c.from_slice is not null
$$;

create function cqrs.read_streams(categories text[], aggregate_ids text[]) returns SETOF cqrs.events
language plpgsql volatile parallel unsafe cost 100 rows 1000
set enable_seqscan=off
set lock_timeout=10s
set plan_cache_mode=force_generic_plan as $$
begin
    perform "cqrs".check_transaction();
    -- Everybody takes guards in one order, so that no two callers deadlock.
    perform pg_advisory_xact_lock(key)
    from (
        select "cqrs".stream_guard(c, a) as key
        from unnest(categories, aggregate_ids) as given (c, a)
        order by 1 offset 0
    ) as guards;
    return query
    select e.*
    from unnest(categories, aggregate_ids) as given (c, a)
    join "cqrs".events e on e.category = c and e.aggregate_id = a
    order by e.category, e.aggregate_id, e.version;
end
$$;

create function cqrs.record_operation(of_verb text, with_arguments jsonb, for_reason text, with_outcome text DEFAULT NULL::text) returns bigint
language sql volatile security definer parallel unsafe cost 100 rows 0
set search_path=pg_catalog, pg_temp as $$
    insert into "cqrs".operations (verb, arguments, reason, outcome)
    values (of_verb, with_arguments, for_reason, with_outcome)
    returning id
$$;

create function cqrs.reject_argument(argument text) returns boolean
language plpgsql stable parallel unsafe cost 1 rows 0 as $$
begin
    raise exception 'an append cannot store %', argument using errcode = 'CQ006', hint =
        'This version of cqrs-postgres never sends it: append through the store, and not by hand.';
end
$$;

create function cqrs.reject_change() returns trigger
language plpgsql volatile parallel unsafe cost 100 rows 0
set search_path=pg_catalog, pg_temp as $$
begin
    if tg_op = 'DELETE' and current_setting('cqrs.erases', true) = pg_current_xact_id()::text then
        return null;
    end if;
    raise exception 'events are never changed, and deleted with their whole stream only' using errcode = 'CQ004', hint =
        'To erase a stream, call erase_stream as the owner. It leaves readers and relays where they are.';
end
$$;

create function cqrs.release_lease(of_subscription text, of_partition text, me uuid, stopped text) returns void
language sql volatile parallel unsafe cost 100 rows 0 as $$
    update "cqrs".leases as l
    set member = null, since = clock_timestamp(), reason = stopped,
        state = case when stopped is null then 'ready' else 'stopped' end,
        last_member = case when stopped is not null then
            (select coalesce(max(m.number), 0) from "cqrs".members as m where m.kind = 'subscription' and m.name = of_subscription) end
    where l.kind = 'subscription' and l.name = of_subscription and l.partition = of_partition and l.member = me
$$;

create function cqrs.renew_log_id(after bigint, for_reason text) returns void
language sql volatile security definer parallel unsafe cost 100 rows 0
set search_path=pg_catalog, pg_temp as $$
    with renewed as (
        insert into "cqrs".log_ids ("after") values ($1) returning id
    )
    select "cqrs".record_operation('renew_log_id', jsonb_build_object('after', $1, 'id', id), for_reason) from renewed
$$;

create function cqrs.repartition(of_subscription text, partitions integer, why text) returns integer
language plpgsql volatile parallel unsafe cost 100 rows 0
set lock_timeout=2s as $$
declare
    before integer;
    made integer;
    next_epoch bigint;
    selected jsonb;
    asked text;
    selections integer;
    slices integer[];
    offsets bigint[];
    events uuid[];
begin
    perform "cqrs".check_transaction();
    -- As a reset does, which would miss the new rows.
    perform pg_advisory_xact_lock(lock.high, lock.low) from "cqrs".name_lock('claims', of_subscription) as lock;
    update "cqrs".subscriptions set layout = layout + 1, changed_at = clock_timestamp() where subscription = of_subscription;
    if not found then
        raise exception 'there is no subscription % over the log', of_subscription using errcode = 'CQ009';
    end if;
    perform 1 from "cqrs".leases where kind = 'subscription' and name = of_subscription order by partition for update;
    perform 1 from "cqrs".checkpoints
    where subscription = of_subscription and from_slice is not null order by partition for update;

    -- Each statement has a snapshot of its own, taken behind the locks.
    select array_agg(p.slice order by p.slice), array_agg(p."offset" order by p.slice), array_agg(p.event_id order by p.slice)
    into slices, offsets, events from "cqrs".progress_by_slice(of_subscription) as p;
    if slices is distinct from (select array_agg(n) from generate_series(0, 1023) as n) then
        raise exception 'the partitions of % do not have every slice once', of_subscription using errcode = 'CQ010';
    end if;
    select count(*), max(epoch) + 1, count(distinct reads), (array_agg(reads) filter (where reads is not null))[1],
           max(requested)
    into before, next_epoch, selections, selected, asked
    from "cqrs".checkpoints where subscription = of_subscription and from_slice is not null;
    if selections > 1 then
        raise exception 'the partitions of % have not all recorded the same selection', of_subscription using errcode = 'CQ011';
    end if;

    -- Where keys decide the partition, a key has one slice.
    if selected ->> 'partitioned_by' is distinct from 'ordering_key'
        and exists (select from "cqrs".parked where subscription = of_subscription and not is_stream) then
        raise exception '% has parked a key that is no stream', of_subscription using errcode = 'CQ012';
    end if;

    delete from "cqrs".checkpoints where subscription = of_subscription and from_slice is not null;
    delete from "cqrs".leases where kind = 'subscription' and name = of_subscription;
    insert into "cqrs".checkpoints (
        subscription, partition, epoch, "offset", event_id, from_slice, to_slice, ahead, reads, requested)
    with lowest as (
        select p.*, l.slice from "cqrs".log_partitions(partitions) as p
        cross join lateral (
            select n as slice from generate_series(p.from_slice, p.to_slice - 1) as n order by offsets[n + 1] nulls first limit 1
        ) as l
    ), further as (
        select l.partition, n, offsets[n + 1] as "offset", events[n + 1] as event_id,
               n - row_number() over (partition by l.partition, offsets[n + 1] order by n) as run
        from lowest as l cross join lateral generate_series(l.from_slice, l.to_slice - 1) as n
        where offsets[n + 1] > coalesce(offsets[l.slice + 1], 0)
    ), runs as (
        select partition, min(n) as "from", max(n) + 1 as "to", "offset", event_id
        from further group by partition, run, "offset", event_id
    ), ahead as (
        select partition, jsonb_agg(jsonb_build_object(
                   'from', "from", 'to', "to", 'offset', "offset", 'event_id', event_id) order by "from") as parts
        from runs group by partition
    )
    select of_subscription, partition, next_epoch, offsets[slice + 1], events[slice + 1], from_slice, to_slice, parts, selected, asked
    from lowest left join ahead using (partition);
    get diagnostics made = row_count;
    insert into "cqrs".leases (kind, name, partition, from_slice, to_slice)
    select 'subscription', of_subscription, p.partition, p.from_slice, p.to_slice from "cqrs".log_partitions(partitions) as p;
    perform "cqrs".record_operation(
        'repartition', jsonb_build_object('subscription', of_subscription, 'partitions', made, 'before', before), why);
    return made;
end
$$;

create function cqrs.stream_guard(category text, aggregate_id text) returns bigint
language sql stable parallel unsafe cost 100 rows 0 as $$
    select (("cqrs".fence_tag() + 32767) << 48)
         | (hashtextextended(category || '/' || aggregate_id, 0) & 281474976710655)
$$;

create function cqrs.subscribe(of_subscription text, partitions integer) returns void
language plpgsql volatile parallel unsafe cost 100 rows 0 as $$
begin
    perform "cqrs".check_transaction();
    insert into "cqrs".subscriptions (subscription, layout) values (of_subscription, 1) on conflict do nothing;
    if found then
        insert into "cqrs".checkpoints (subscription, partition, epoch, from_slice, to_slice)
        select of_subscription, p.partition, 0, p.from_slice, p.to_slice from "cqrs".log_partitions(partitions) as p;
        insert into "cqrs".leases (kind, name, partition, from_slice, to_slice)
        select 'subscription', of_subscription, p.partition, p.from_slice, p.to_slice from "cqrs".log_partitions(partitions) as p;
    elsif (select array_agg(p.slice order by p.slice) from "cqrs".progress_by_slice(of_subscription) as p)
        is distinct from (select array_agg(n) from generate_series(0, 1023) as n) then
        raise exception 'the partitions of % do not have every slice once: its rows in the table checkpoints were changed by hand', of_subscription
            using errcode = 'CQ010', hint = 'Restore them.';
    end if;
end
$$;

create function cqrs.take_fence() returns bigint
language plpgsql volatile parallel unsafe cost 100 rows 0 as $$
declare
    remembered bigint := nullif(current_setting('cqrs.fence_cqrs', true), '')::bigint;
    fence bigint := least(remembered, pg_sequence_last_value('"cqrs".position'::regclass));
begin
    if fence is null then
        raise exception 'the sequence of positions has no last value: it was restarted or set back'
            using errcode = 'CQ003';
    end if;
    if remembered < 0 then
        raise exception 'the setting cqrs.fence_cqrs is %, but positions begin at 0', remembered
            using errcode = 'CQ005';
    end if;
    if set_config('cqrs.fence_cqrs', fence::text, true) is not null then
        -- Only an attacker takes this lock exclusively: then this waits.
        if not pg_try_advisory_xact_lock_shared(("cqrs".fence_tag() << 48) | fence) then
            perform pg_advisory_xact_lock_shared(("cqrs".fence_tag() << 48) | fence);
        end if;
    end if;
    return fence;
end
$$;

CREATE TRIGGER events_never_change BEFORE DELETE OR UPDATE OR TRUNCATE ON cqrs.events FOR EACH STATEMENT EXECUTE FUNCTION cqrs.reject_change(); -- enabled A

comment on column cqrs.checkpoints."offset" is 'The position of the last event read (log), or the offset of the next record (topic).';

comment on column cqrs.checkpoints.ahead is 'The ranges of its slices that were read further, before the number of partitions changed: from, to, offset and event_id of each.';

comment on column cqrs.checkpoints.epoch is 'The fence: every claim raises it, and a write under an older one is rejected.';

comment on column cqrs.checkpoints.from_slice is 'The first slice of a partition of the log; null for a topic.';

comment on column cqrs.checkpoints.reads is 'The categories and event types that the subscription reads of the partition, and the kind of its role.';

comment on column cqrs.checkpoints.requested is 'pause: its runner waits, by request of an operator.';

comment on column cqrs.checkpoints.to_slice is 'The slice after the last one of a partition of the log; null for a topic.';

comment on column cqrs.checkpoints.updated_at is 'When the checkpoint was last moved; a claim does not move it.';

comment on column cqrs.discarded.truncated is 'Whether the record was larger than what is kept of it.';

comment on column cqrs.events.headers is 'The open headers of an event, an object of strings; null if it has none.';

comment on column cqrs.leases.last_member is 'The number of the last member that had joined when it was stopped.';

comment on column cqrs.leases.member is 'The member that works on it, while it is alive; null: nobody.';

comment on column cqrs.leases.name is 'The name of the subscription or relay.';

comment on column cqrs.leases.since is 'Since when the member has the partition, or since when nobody has.';

comment on column cqrs.leases.state is 'stopped: a failure has ended its runner, and only a member that joined later tries it.';

comment on column cqrs.members.name is 'The name of the subscription or relay.';

comment on column cqrs.members.number is 'Rises from one member that joins to the next, whatever the clock does.';

comment on column cqrs.members.process is 'The process, as it calls itself.';

comment on column cqrs.operations.face is 'The program, by the application name that the session has chosen.';

comment on column cqrs.operations.outcome is 'How a change outside the database ended; null in the row before it.';

comment on column cqrs.operations.who is 'The user of the session.';

comment on column cqrs.parked.fingerprint is 'The same for failures of one cause: a hash of type and reason without values.';

comment on column cqrs.parked.key is 'The stream, or another key that the handler orders its events by.';

comment on column cqrs.parked.partition is 'The partition of a topic, as in checkpoints; empty for the log.';

comment on column cqrs.parked.requested is 'What somebody has asked the owner to do.';

comment on column cqrs.parked.version is 'Of the event in front, as are position, event_id and event_type.';

comment on column cqrs.subscriptions.layout is 'How often the number of partitions was set.';

comment on column cqrs.waiting.append_time is 'Whether the broker has set the timestamp, and not the producer.';

comment on column cqrs.waiting.headers is 'Pairs of name and value. Each byte of a value is the character with its number.';

comment on column cqrs.waiting.key is 'The parked key. The key of the record is record_key.';

comment on column cqrs.waiting.partition is 'As in checkpoints: topic and number.';

comment on column cqrs.waiting.published_at is 'When the record was published as a dead letter; null: it was not.';

comment on column cqrs.waiting.recorded_at is 'The timestamp of the record.';

comment on table cqrs.checkpoints is 'How far each subscription has read each partition.';

comment on table cqrs.discarded is 'The events and records that subscriptions passed over on request, each with the reason.';

comment on table cqrs.erased is 'The positions and ids of erased events. Readers that stopped at one continue there.';

comment on table cqrs.events is 'Every event, never changed. Only the append functions write it.';

comment on table cqrs.idempotency is 'What was appended under which key, stream by stream: the answer to a repeat.';

comment on table cqrs.inbox is 'The highest position received from each lane: at or below it is a repeat.';

comment on table cqrs.leases is 'Which member works on which partition of the log, and which one has a relay.';

comment on table cqrs.log_ids is 'The ids of the log: a later one is that of the events after its position.';

comment on table cqrs.members is 'The processes at work on each subscription over the log and on each relay.';

comment on table cqrs.operations is 'What people changed by hand: who, with which program, what, and why.';

comment on table cqrs.parked is 'The keys whose next event a subscription could not handle; their later events wait.';

comment on table cqrs.snapshots is 'A state of each stream, to shorten its replay. May be emptied at any time.';

comment on table cqrs.subscriptions is 'The subscriptions over the log.';

comment on table cqrs.waiting is 'The records of topics that wait for a parked key.';

grant execute on function cqrs.advance(of_subscription text, of_partition text, of_epoch bigint, from_offset bigint, from_event_id uuid, to_offset bigint, to_event_id uuid) to cqrs_service;

grant execute on function cqrs.append(may_wait boolean, wait_for integer, retention interval, stream_appends integer[], categories text[], aggregate_ids text[], slices smallint[], expected bigint[], expected_events uuid[], event_counts integer[], events_before integer[], key_appends integer[], keys text[], fingerprints bigint[], event_ids uuid[], event_types text[], schema_versions integer[], payloads text[], correlation_ids text[], causation_ids uuid[], traceparents text[], headers text[], OUT verdicts "char"[], OUT before bigint[], OUT positions bigint[]) to cqrs_service;

grant execute on function cqrs.append_each(categories text[], aggregate_ids text[], slices smallint[], expected bigint[], expected_events uuid[], event_counts integer[], events_before integer[], heads bigint[], event_ids uuid[], event_types text[], schema_versions integer[], payloads text[], correlation_ids text[], causation_ids uuid[], traceparents text[], headers text[]) to cqrs_service;

grant execute on function cqrs.append_event(of_category text, of_aggregate_id text, in_slice smallint, expected bigint, expected_event uuid, event_id uuid, event_type text, schema_version integer, payload text, correlation_id text, causation_id uuid, traceparent text, headers text) to cqrs_service;

grant execute on function cqrs.append_to_one(of_category text, of_aggregate_id text, in_slice smallint, expected bigint, expected_event uuid, event_ids uuid[], event_types text[], schema_versions integer[], payloads text[], correlation_ids text[], causation_ids uuid[], traceparents text[], headers text[]) to cqrs_service;

grant execute on function cqrs.appended_under(of_key text, retention interval) to cqrs_service;

grant execute on function cqrs.check_transaction() to cqrs_service;

grant execute on function cqrs.checked_version(of_category text, of_aggregate_id text, in_slice smallint, expected bigint, expected_event uuid) to cqrs_service;

grant execute on function cqrs.claim(of_subscription text, of_partition text, OUT epoch bigint, OUT "offset" bigint, OUT event_id uuid, OUT requested text) to cqrs_service;

grant execute on function cqrs.claim_slices(of_subscription text, of_partition text, me uuid) to cqrs_service;

grant execute on function cqrs.clear_view(view text) to cqrs_service;

grant execute on function cqrs.combine_verdicts(may_wait boolean, retention interval, stream_appends integer[], verdicts "char"[], key_appends integer[], keys text[], fingerprints bigint[]) to cqrs_service;

grant execute on function cqrs.discard(of_subscription text, of_category text, of_aggregate_id text, of_version bigint, of_position bigint, of_event_id uuid, for_reason text, of_topic text, of_partition integer, of_offset bigint, of_key bytea, of_value bytea, of_header_names text[], of_header_values bytea[], is_truncated boolean) to cqrs_service;

grant execute on function cqrs.event_id_at(at bigint) to cqrs_service;

grant execute on function cqrs.event_id_at(at bigint) to cqrs_reader;

grant execute on function cqrs.fence_holders() to cqrs_service;

grant execute on function cqrs.fence_holders() to cqrs_reader;

grant execute on function cqrs.fence_tag() to cqrs_service;

grant execute on function cqrs.fence_tag() to cqrs_reader;

grant execute on function cqrs.forget_keys(retention interval, at_most integer) to cqrs_service;

grant execute on function cqrs.has_passed(span interval, since timestamp with time zone, now timestamp with time zone) to cqrs_service;

grant execute on function cqrs.heartbeat(of_kind text, of_name text, me uuid, my_process text, my_lease interval, settle interval, avoid text[], OUT members integer, OUT from_slices integer[], OUT to_slices integer[], OUT give_back boolean[]) to cqrs_service;

grant execute on function cqrs.hold_relay(of_relay text, me uuid, my_process text, my_lease interval, OUT held boolean, OUT owner text) to cqrs_service;

grant execute on function cqrs.hold_relay(of_relay text, me uuid, my_process text, my_lease interval, OUT held boolean, OUT owner text) to cqrs_reader;

grant execute on function cqrs.holds_documents(relation regclass) to cqrs_service;

grant execute on function cqrs.is_alive(renewed_at timestamp with time zone, lease interval, now timestamp with time zone) to cqrs_service;

grant execute on function cqrs.is_alive(renewed_at timestamp with time zone, lease interval, now timestamp with time zone) to cqrs_reader;

grant execute on function cqrs.is_expected(version bigint, last_event uuid, expected bigint, expected_event uuid) to cqrs_service;

grant execute on function cqrs.keeps_slice(given smallint, last_slice smallint, category text, aggregate_id text) to cqrs_service;

grant execute on function cqrs.key_guard(key text) to cqrs_service;

grant execute on function cqrs.last_event(of_category text, of_aggregate_id text, at_least bigint) to cqrs_service;

grant execute on function cqrs.leave(of_kind text, of_name text, me uuid) to cqrs_service;

grant execute on function cqrs.leave_relay(of_relay text, me uuid) to cqrs_service;

grant execute on function cqrs.leave_relay(of_relay text, me uuid) to cqrs_reader;

grant execute on function cqrs.log_head(at bigint, OUT mark bigint, OUT drawn bigint, OUT follows uuid) to cqrs_service;

grant execute on function cqrs.log_head(at bigint, OUT mark bigint, OUT drawn bigint, OUT follows uuid) to cqrs_reader;

grant execute on function cqrs.log_identity(OUT place text, OUT afters bigint[], OUT ids uuid[]) to cqrs_service;

grant execute on function cqrs.log_identity(OUT place text, OUT afters bigint[], OUT ids uuid[]) to cqrs_reader;

grant execute on function cqrs.log_partitions(partitions integer) to cqrs_service;

grant execute on function cqrs.name_lock(kind text, name text, OUT high integer, OUT low integer) to cqrs_service;

grant execute on function cqrs.name_lock(kind text, name text, OUT high integer, OUT low integer) to cqrs_reader;

grant execute on function cqrs.own_functions() to cqrs_service;

grant execute on function cqrs.park(of_subscription text, of_key text, by_stream boolean, of_slice integer, of_category text, of_aggregate_id text, of_version bigint, of_position bigint, of_event_id uuid, of_event_type text, of_failure text, of_reason text, of_fingerprint bigint, of_attempts integer, at_most bigint, of_partition text, of_offset bigint) to cqrs_service;

grant execute on function cqrs.prepare_view(view text) to cqrs_service;

grant execute on function cqrs.progress_by_slice(of_subscription text) to cqrs_service;

grant execute on function cqrs.progress_by_slice(of_subscription text) to cqrs_reader;

grant execute on function cqrs.read_streams(categories text[], aggregate_ids text[]) to cqrs_service;

grant execute on function cqrs.record_operation(of_verb text, with_arguments jsonb, for_reason text, with_outcome text) to cqrs_service;

grant execute on function cqrs.reject_argument(argument text) to cqrs_service;

grant execute on function cqrs.reject_change() to cqrs_service;

grant execute on function cqrs.release_lease(of_subscription text, of_partition text, me uuid, stopped text) to cqrs_service;

grant execute on function cqrs.renew_log_id(after bigint, for_reason text) to cqrs_service;

grant execute on function cqrs.repartition(of_subscription text, partitions integer, why text) to cqrs_service;

grant execute on function cqrs.stream_guard(category text, aggregate_id text) to cqrs_service;

grant execute on function cqrs.subscribe(of_subscription text, partitions integer) to cqrs_service;

grant execute on function cqrs.take_fence() to cqrs_service;

grant usage on schema cqrs to cqrs_service;

grant usage on schema cqrs to cqrs_reader;

grant select on sequence cqrs."position" to cqrs_service;

grant select on sequence cqrs."position" to cqrs_reader;

grant select, usage on sequence cqrs.document_version to cqrs_service;

grant select on sequence cqrs.document_version to cqrs_reader;

grant delete, insert, select, update on table cqrs.checkpoints to cqrs_service;

grant select on table cqrs.checkpoints to cqrs_reader;

grant select on table cqrs.discarded to cqrs_service;

grant select on table cqrs.discarded to cqrs_reader;

grant select on table cqrs.erased to cqrs_service;

grant select on table cqrs.erased to cqrs_reader;

grant select on table cqrs.events to cqrs_service;

grant select on table cqrs.events to cqrs_reader;

grant select on table cqrs.idempotency to cqrs_service;

grant select on table cqrs.idempotency to cqrs_reader;

grant delete, insert, select, update on table cqrs.inbox to cqrs_service;

grant select on table cqrs.inbox to cqrs_reader;

grant delete, insert, select, update on table cqrs.leases to cqrs_service;

grant select on table cqrs.leases to cqrs_reader;

grant select on table cqrs.log_ids to cqrs_service;

grant select on table cqrs.log_ids to cqrs_reader;

grant delete, insert, select, update on table cqrs.members to cqrs_service;

grant select on table cqrs.members to cqrs_reader;

grant select on table cqrs.migrations to cqrs_service;

grant select on table cqrs.migrations to cqrs_reader;

grant select on table cqrs.operations to cqrs_service;

grant select on table cqrs.operations to cqrs_reader;

grant delete, insert, select, update on table cqrs.parked to cqrs_service;

grant select on table cqrs.parked to cqrs_reader;

grant delete, insert, select, update on table cqrs.snapshots to cqrs_service;

grant select on table cqrs.snapshots to cqrs_reader;

grant delete, insert, select, update on table cqrs.subscriptions to cqrs_service;

grant select on table cqrs.subscriptions to cqrs_reader;

grant delete, insert, select, update on table cqrs.waiting to cqrs_service;

grant select on table cqrs.waiting to cqrs_reader;
