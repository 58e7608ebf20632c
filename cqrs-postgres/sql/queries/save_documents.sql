-- Writes documents of a view; a null body removes one. Each write succeeds only at the version that was read, 0 for a document
-- that did not exist, and gives the document a version that none has had. Returns the keys that were written.
with given as (
    select key, version, body from unnest($1::text[], $2::bigint[], $3::jsonb[]) as given (key, version, body)
), removed as (
    delete from __view__ d using given g
    where d.key = g.key and d.version = g.version and g.body is null
    returning d.key
), absent as (
    select g.key from given g
    where g.version = 0 and g.body is null and not exists (select from __view__ d where d.key = g.key)
), changed as (
    update __view__ d set version = nextval('__schema__.document_version'), body = g.body, updated_at = clock_timestamp()
    from given g
    where d.key = g.key and d.version = g.version and g.body is not null
    returning d.key
), added as (
    insert into __view__ (key, version, body)
    select key, nextval('__schema__.document_version'), body from given where version = 0 and body is not null order by key
    on conflict (key) do nothing
    returning key
)
select key from removed union all select key from absent union all select key from changed union all select key from added
