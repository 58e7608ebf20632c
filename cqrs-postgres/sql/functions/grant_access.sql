-- Gives a role what it needs: to read the log, documents and checkpoints; and, if it writes, to run a service. Neither may
-- change an event, or add one except through the append functions.
create function __schema__.grant_access(to_role text, writes boolean) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    found record;
begin
    execute format('grant usage on schema __schema__ to %I', to_role);
    execute format('grant select on sequence __schema__.position to %I', to_role);
    execute format('grant execute on function __schema__.log_head(bigint), __schema__.fence_holders(), __schema__.fence_tag() '
                   'to %I', to_role);
    if writes then
        execute format('grant execute on all functions in schema __schema__ to %I', to_role);
    end if;
    for found in
        select oid::regclass as name, relowner::regrole as owner, pg_has_role(relowner, 'usage') as ours,
               relname in ('checkpoints', 'inbox', 'snapshots') or starts_with(relname, 'view_') as written,
               relname in ('discarded', 'operations') as recorded
        from pg_class where relnamespace = '__schema__'::regnamespace and relkind = 'r'
    loop
        if not found.ours then
            raise warning '% belongs to %, and only that role can grant access to it', found.name, found.owner;
        elsif writes and found.written then
            execute format('grant select, insert, update, delete on %s to %I', found.name, to_role);
        elsif writes and found.recorded then
            execute format('grant select, insert on %s to %I', found.name, to_role);
        else
            execute format('grant select on %s to %I', found.name, to_role);
        end if;
    end loop;
end
$$;
