-- Records what a person changed by hand. Only the owner can write the table, so that nobody chooses the user or the time of a row.
create function __schema__.record_operation(of_verb text, with_arguments jsonb, for_reason text, with_outcome text default null)
returns bigint language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    insert into __schema__.operations (verb, arguments, reason, outcome)
    values (of_verb, with_arguments, for_reason, with_outcome)
    returning id
$$;
