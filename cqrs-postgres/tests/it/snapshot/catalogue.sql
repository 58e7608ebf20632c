-- Describes every object of the schema $1 as SQL, from the catalogues alone and in a fixed order, so that every version of
-- PostgreSQL gives the same text. One row is one object.
with schema as (
    select oid, nspname, nspowner, nspacl from pg_namespace where nspname = $1
), relation as (
    select c.*, quote_ident(schema.nspname) || '.' || quote_ident(c.relname) as name
    from schema join pg_class c on c.relnamespace = schema.oid
), routine as (
    select p.*, quote_ident(schema.nspname) || '.' || quote_ident(p.proname) as name,
           pg_get_function_identity_arguments(p.oid) as arguments
    from schema join pg_proc p on p.pronamespace = schema.oid
), privilege as (
    select 'schema' as kind, quote_ident(nspname) as name, nspowner as owner, a.*
    from schema, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a
    union all
    select case relkind when 'S' then 'sequence' else 'table' end, name, relowner, a.*
    from relation, aclexplode(coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner))) a
    where relkind in ('r', 'p', 'v', 'm', 'S')
    union all
    select 'column', name || '.' || quote_ident(attname), relowner, a.*
    from relation join pg_attribute on attrelid = relation.oid, aclexplode(attacl) a
    union all
    select 'function', name || '(' || arguments || ')', proowner, a.*
    from routine, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
), described as (
    select 'schema' as kind, quote_ident(nspname) as name, obj_description(oid, 'pg_namespace') as description from schema
    union all
    select case relkind when 'S' then 'sequence' when 'i' then 'index' else 'table' end, name, obj_description(oid, 'pg_class')
    from relation
    union all
    select 'column', name || '.' || quote_ident(attname), col_description(attrelid, attnum)
    from relation join pg_attribute on attrelid = relation.oid and attnum > 0
    union all
    select 'function', name || '(' || arguments || ')', obj_description(oid, 'pg_proc') from routine
    union all
    select 'trigger', quote_ident(tgname) || ' on ' || name, obj_description(t.oid, 'pg_trigger')
    from relation join pg_trigger t on tgrelid = relation.oid
    union all
    select 'constraint', quote_ident(conname) || ' on ' || name, obj_description(k.oid, 'pg_constraint')
    from relation join pg_constraint k on conrelid = relation.oid
), line (section, name, text) as (
    select 1, '', format('create schema %I authorization %s;', nspname, nspowner::regrole) from schema
    union all
    -- Counts the objects of each kind, so that a kind that is not described below shows up.
    select 2, '', '-- It holds ' || string_agg(format('%s %s', n, kind), ', ' order by kind collate "C") || '.'
    from (
        select d.classid::regclass::text, count(*) from schema join pg_depend d
            on d.refclassid = 'pg_namespace'::regclass and d.refobjid = schema.oid
        group by 1
    ) as held (kind, n)
    union all
    select 3, name, format('create sequence %s as %s increment %s minvalue %s maxvalue %s start %s cache %s%s; -- at %s', name,
                           seqtypid::regtype, seqincrement, seqmin, seqmax, seqstart, seqcache,
                           case when seqcycle then ' cycle' else ' no cycle' end, pg_sequence_last_value(seqrelid))
    from relation join pg_sequence on seqrelid = relation.oid
    union all
    select 4, name, format(
        E'create %stable %s (\n%s\n)%s%s;', case relpersistence when 'p' then '' when 'u' then 'unlogged ' else 'temporary ' end,
        name,
        (select string_agg(
             '    ' || quote_ident(attname) || ' ' || format_type(atttypid, atttypmod)
                 || case when attcollation <> typcollation then ' collate ' || quote_ident(collname) else '' end
                 || case when attnotnull then ' not null' else '' end
                 || case when attidentity <> '' then ' identity ' || attidentity::text else '' end
                 || case when attgenerated <> '' then ' generated' else '' end
                 || case when attstorage <> typstorage then ' storage ' || attstorage::text else '' end
                 || coalesce(' default ' || pg_get_expr(adbin, adrelid), ''), E',\n' order by attnum)
         from pg_attribute
         join pg_type on pg_type.oid = atttypid
         left join pg_collation on pg_collation.oid = attcollation
         left join pg_attrdef on adrelid = attrelid and adnum = attnum
         where attrelid = relation.oid and attnum > 0 and not attisdropped),
        coalesce(' with (' || array_to_string(reloptions, ', ') || ')', ''),
        case when relkind <> 'r' or relrowsecurity or relforcerowsecurity or relreplident <> 'd' then ' -- unusual' else '' end)
    from relation where relkind not in ('i', 'S', 'c', 't')
    union all
    select 5, name || ' ' || conname, format('alter table %s add constraint %I %s;', name, conname, pg_get_constraintdef(k.oid))
    from relation join pg_constraint k on conrelid = relation.oid
    -- Version 18 keeps "not null" as constraints too.
    where contype <> 'n'
    union all
    select 6, name, pg_get_indexdef(relation.oid) || ';'
    from relation where relkind in ('i', 'I') and not exists (select from pg_constraint where conindid = relation.oid)
    union all
    select 7, name || '(' || arguments || ')', format(
        E'create function %s(%s) returns %s\nlanguage %s %s%s%s%s parallel %s cost %s rows %s%s as $$%s$$;', name,
        pg_get_function_arguments(routine.oid), pg_get_function_result(routine.oid), lanname,
        case provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
        case when proisstrict then ' strict' else '' end, case when proleakproof then ' leakproof' else '' end,
        case when prosecdef then ' security definer' else '' end,
        case proparallel when 's' then 'safe' when 'r' then 'restricted' else 'unsafe' end, procost, prorows,
        coalesce((select string_agg(E'\nset ' || setting, '' order by setting collate "C") from unnest(proconfig) as setting), ''),
        prosrc)
    from routine join pg_language l on l.oid = prolang
    union all
    select 8, name || ' ' || tgname, format('%s; -- enabled %s', pg_get_triggerdef(t.oid), tgenabled)
    from relation join pg_trigger t on tgrelid = relation.oid where not tgisinternal
    union all
    select 9, kind || ' ' || name, format('comment on %s %s is %L;', kind, name, description)
    from described where description is not null
    union all
    select 10, kind || ' ' || name, format('alter %s %s owner to %s;', kind, name, owner::regrole)
    from privilege where owner not in (select nspowner from schema) group by kind, name, owner
    union all
    -- The owner may do everything. What that is differs between versions.
    select 11, kind || ' ' || name || ' ' || grantee, format(
        'grant %s on %s %s to %s%s;', lower(string_agg(privilege_type, ', ' order by privilege_type collate "C")), kind, name,
        case grantee when 0 then 'public' else grantee::regrole::text end,
        case when bool_or(is_grantable) then ' with grant option' else '' end)
    from privilege where grantee <> owner group by kind, name, grantee
)
select text from line order by section, name collate "C", text collate "C"
