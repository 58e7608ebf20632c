-- Removes every document of a view in an instant, however many there are. A transaction that reads the table holds it up: then it
-- fails after two seconds, and the caller tries again.
create function __schema__.clear_view(view text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
    documents text := format('__schema__.%I', 'view_' || view);
begin
    if not __schema__.holds_documents(documents::regclass) then
        raise exception '% is not a table of documents', documents using errcode = 'CQ008', hint =
            'Somebody else has created it: name the view differently, or keep the table in another schema.';
    end if;
    execute format('truncate %s', documents);
end
$$;
