-- Whether this is a table of documents, as prepare_view creates it. The schema may also hold tables of somebody else.
create function __schema__.holds_documents(relation regclass) returns boolean language sql stable as $$
    select c.relkind = 'r' and starts_with(c.relname, 'view_') and 4 = (
        select count(*) from pg_attribute a
        where a.attrelid = c.oid and not a.attisdropped and (a.attname, format_type(a.atttypid, null)) in (
            ('key', 'text'), ('version', 'bigint'), ('body', 'jsonb'), ('updated_at', 'timestamp with time zone')))
    from pg_class c where c.oid = relation
$$;
