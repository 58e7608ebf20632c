-- What appends stand on: events that nobody changes, the fence, idempotency keys, snapshots; and who may do what.

-- What these three constraints say the functions that append keep by construction, and nothing else writes events. PostgreSQL
-- reads each of them anew from its text for every statement that inserts, which takes as long as inserting an event.
alter table __schema__.events
    drop constraint events_version_check,
    drop constraint events_slice_check,
    drop constraint events_schema_version_check;

comment on table __schema__.events is
    'Every event, never changed. Written by the functions that append only.';

-- Also not by its owner: states that services keep, and what functions that append are told was seen, rest on it.
create function __schema__.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'events are never changed or deleted' using errcode = 'CQ004', hint =
        'Should it have to be: stop every service, disable the trigger events_never_change, and leave no gap in a stream.';
end
$$;

create trigger events_never_change before update or delete on __schema__.events
for each statement execute function __schema__.refuse_change();
alter table __schema__.events enable always trigger events_never_change;

create table __schema__.idempotency (
    key           text        not null primary key collate "C",
    fingerprint   bigint      not null,
    categories    text[]      not null,
    aggregate_ids text[]      not null,
    before        bigint[]    not null,
    versions      bigint[]    not null,
    positions     bigint[]    not null,
    recorded_at   timestamptz not null default clock_timestamp()
);

comment on table __schema__.idempotency is 'What was appended under which key, stream by stream: the answer to a repeat.';

create index idempotency_recorded_at on __schema__.idempotency (recorded_at);

create table __schema__.snapshots (
    category     text        not null collate "C",
    aggregate_id text        not null collate "C",
    version      bigint      not null check (version > 0),
    last_event   uuid        not null,
    fingerprint  bigint      not null,
    checksum     bigint      not null,
    payload      json        not null,
    taken_at     timestamptz not null default clock_timestamp(),
    primary key (category, aggregate_id)
);

comment on table __schema__.snapshots is 'A state of each stream, to shorten its replay. May be emptied at any time.';

-- Which log this is: that of a server since its start, in the file of a table since it was made or emptied. While the answer stays
-- the same, what was committed is there: a restored copy, and a standby that took over without the last commits, are other servers.
create function __schema__.log_identity(out started timestamptz, out file text) language sql stable as $$
    select pg_postmaster_start_time(), pg_relation_filepath('__schema__.events')
$$;

create function __schema__.is_log(started timestamptz, file text) returns boolean language sql stable as $$
    select coalesce(started = pg_postmaster_start_time() and file = pg_relation_filepath('__schema__.events'), false)
$$;

drop function __schema__.check_transaction();
drop function __schema__.take_fence();

-- An append calls both in an assignment or a condition, since `perform` costs more (0004_append.sql). So both answer something;
-- what check_transaction() answers nobody needs. Variables only have types that are words of the grammar, for the reason given
-- there.

-- Versions are read after the guard is held: true only where every statement has a snapshot of its own.
-- A commit that is not on disk could be seen, vanish in a crash, and its position be given to another event.
create function __schema__.check_transaction() returns boolean language plpgsql volatile as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'the event store needs READ COMMITTED, this transaction is %',
            upper(current_setting('transaction_isolation')) using errcode = 'CQ001';
    end if;
    return case when current_setting('synchronous_commit') in ('on', 'remote_apply') then true
                else set_config('synchronous_commit', 'on', true) = 'on' end;
end
$$;

-- The append fence: until this transaction ends, readers see a lock whose key lies below every position it draws.
-- The key is remembered in a setting of the transaction, which a savepoint rolls back exactly as it does the lock.
create function __schema__.take_fence() returns bigint language plpgsql volatile as $$
declare
    fence bigint := least(
        nullif(current_setting('cqrs.fence___name__', true), '')::bigint,
        pg_sequence_last_value('__schema__.position'::regclass)
    );
begin
    if fence is null then
        raise exception 'the sequence of positions has no last value: it was restarted or set back'
            using errcode = 'CQ003';
    end if;
    if set_config('cqrs.fence___name__', fence::text, true) is not null then
        -- Nobody takes it alone, unless to do harm: then this waits.
        if not pg_try_advisory_xact_lock_shared((__schema__.fence_tag() << 48) | fence) then
            perform pg_advisory_xact_lock_shared((__schema__.fence_tag() << 48) | fence);
        end if;
    end if;
    return fence;
end
$$;

-- Keys are guarded like streams. A category cannot hold a space, so that no stream has this name.
create function __schema__.key_guard(key text) returns bigint language sql stable as $$
    select __schema__.guard_key('idempotency key', key)
$$;

-- What was appended under a key. Waits for an append under way, whose outcome its caller may not know.
create function __schema__.appended_under(of_key text, retention interval)
returns setof __schema__.idempotency
language plpgsql volatile security definer set lock_timeout = '10s' set search_path = pg_catalog, pg_temp as $$
begin
    perform __schema__.check_transaction();
    perform pg_advisory_xact_lock_shared(__schema__.key_guard(of_key));
    return query select * from __schema__.idempotency i
                 where i.key = of_key and i.recorded_at > clock_timestamp() - retention;
end
$$;

-- Forgets keys that are older than the retention, so many at most.
create function __schema__.forget_keys(retention interval, at_most integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    forgotten bigint;
begin
    delete from __schema__.idempotency where key in (
        select i.key from __schema__.idempotency i
        where i.recorded_at <= clock_timestamp() - retention
        order by i.recorded_at limit at_most for update skip locked
    );
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;

-- How far the log can be read, and how far positions were drawn. Every event at or before the mark is visible to a statement
-- that begins after this one has ended. The order is the proof: first the sequence, then the fences that are held.
create function __schema__.log_head(out mark bigint, out drawn bigint) language plpgsql volatile as $$
declare
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
    mark := least(drawn, fence);
end
$$;

create or replace function __schema__.high_water_mark() returns bigint language sql volatile as $$
    select mark from __schema__.log_head()
$$;

-- Who holds the mark back, the one furthest back first: every transaction with a fence. A prepared one has no pid; the lock on
-- its own transaction id leads to its name.
create function __schema__.fences()
returns table (
    "position" bigint, pid integer, prepared text, since timestamptz, state text, application_name text, query text
) language sql stable as $$
    select ((l.classid::bigint & 65535) << 32) | l.objid::bigint, l.pid, p.gid, coalesce(p.prepared, a.xact_start), a.state,
           a.application_name, a.query
    from pg_locks l
    left join pg_stat_activity a on a.pid = l.pid
    left join pg_locks own on l.pid is null and own.pid is null and own.locktype = 'transactionid'
        and own.virtualtransaction = l.virtualtransaction
    left join pg_prepared_xacts p on p.transaction = own.transactionid
    where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
      and l.classid::bigint >> 16 = __schema__.fence_tag()
      and l.database = (select oid from pg_database where datname = current_database())
    order by 1, 4
$$;

-- Creates the table of a view's documents, also for a role that may not create: the table belongs to who installed the store.
-- Whoever may read or write checkpoints may do the same with documents.
create or replace function __schema__.prepare_view(view text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    documents text := format('__schema__.%I', 'view_' || view);
    allowed record;
begin
    if to_regclass(documents) is not null then
        return;
    end if;
    -- `create table if not exists` alone fails when two try at once.
    perform pg_advisory_xact_lock(__schema__.guard_key('view', view));
    execute format(
        'create table if not exists %s (
             key        text        primary key collate "C",
             version    bigint      not null,
             body       jsonb       not null,
             updated_at timestamptz not null default clock_timestamp()
         )', documents);
    for allowed in
        select grantee::regrole as role, privilege_type as right
        from pg_class, aclexplode(relacl)
        where oid = '__schema__.checkpoints'::regclass and grantee not in (0, relowner)
          and privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    loop
        execute format('grant %s on %s to %s', allowed.right, documents, allowed.role);
    end loop;
end
$$;

-- What a role needs: to read the log, documents and checkpoints; and, if it writes, to run a service. Neither may change an
-- event, or add one but by the functions that append.
create function __schema__.grant_access(to_role text, writes boolean) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    found record;
begin
    execute format('grant usage on schema __schema__ to %I', to_role);
    execute format('grant select on sequence __schema__.position to %I', to_role);
    execute format('grant execute on function __schema__.log_head(), __schema__.log_identity(), __schema__.high_water_mark(), '
                   '__schema__.fences(), __schema__.fence_tag() to %I', to_role);
    if writes then
        execute format('grant execute on all functions in schema __schema__ to %I', to_role);
    end if;
    for found in
        select oid::regclass as name, relowner::regrole as owner, pg_has_role(relowner, 'usage') as ours,
               relname in ('checkpoints', 'inbox', 'snapshots') or starts_with(relname, 'view_') as written
        from pg_class where relnamespace = '__schema__'::regnamespace and relkind = 'r'
    loop
        if not found.ours then
            raise warning '% belongs to %, who alone can grant it', found.name, found.owner;
        elsif writes and found.written then
            execute format('grant select, insert, update, delete on %s to %I', found.name, to_role);
        else
            execute format('grant select on %s to %I', found.name, to_role);
        end if;
    end loop;
end
$$;

-- A function with the rights of its owner is not for everybody who may look into the schema.
revoke execute on all functions in schema __schema__ from public;
