-- Creates the table of a view's documents, even if the caller may not create tables: it belongs to the owner of the store.
-- A role that may read or write checkpoints may do the same with the documents.
create function __schema__.prepare_view(view text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    documents text := format('__schema__.%I', 'view_' || view);
    allowed record;
begin
    if to_regclass(documents) is not null then
        if not __schema__.holds_documents(documents::regclass) then
            raise exception '% is not a table of documents', documents using errcode = 'CQ008', hint =
                'Somebody else has created it: name the view differently, or keep the table in another schema.';
        end if;
        return;
    end if;
    -- `create table if not exists` alone fails when two try at once.
    perform pg_advisory_xact_lock(__schema__.stream_guard('view', view));
    execute format(
        'create table if not exists %s (
             key        text        primary key collate "C",
             version    bigint      not null,
             body       jsonb       not null,
             updated_at timestamptz not null default clock_timestamp()
         )', documents);
    -- grant_access.sql waits until this transaction ends, and finds the table. If it came first, this waits and finds the rights.
    perform pg_advisory_xact_lock_shared(lock.high, lock.low) from __schema__.name_lock('rights', 'views') as lock;
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
