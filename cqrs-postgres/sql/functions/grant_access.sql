-- Gives a role its rights. Every role reads log, documents and checkpoints and may run a relay. With writes it also runs a service.
-- No role changes events, or records of what people did, or adds them except through the functions. The role gets no right on an
-- object of somebody else in the schema.
create function __schema__.grant_access(to_role text, writes boolean) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
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
    perform pg_advisory_xact_lock(lock.high, lock.low) from __schema__.name_lock('rights', 'views') as lock;
    execute format('grant usage on schema __schema__ to %I', to_role);
    execute format('grant select on sequence __schema__.position, __schema__.document_version to %I', to_role);
    if writes then
        execute format('grant usage on sequence __schema__.document_version to %I', to_role);
    end if;
    for own in
        select f from __schema__.own_functions() f join pg_proc p on p.oid = f
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
        from pg_class c, __schema__.holds_documents(c.oid) as documents
        where relnamespace = '__schema__'::regnamespace and relkind = 'r'
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
