-- The advisory lock of a name: a hash of 64 bits, as the two keys of 32 bits each. The kinds are claims (see
-- claim.sql), parked (see park.sql) and rights (see prepare_view.sql). PostgreSQL keeps locks with two keys apart from those with one,
-- which fences and guards use.
create function __schema__.name_lock(kind text, name text, out high integer, out low integer) language sql immutable as $$
    select (hash >> 32)::integer, ((hash << 32) >> 32)::integer
    from hashtextextended('cqrs __schema__ ' || kind || '/' || name, 0) as hash
$$;
