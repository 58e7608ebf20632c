-- The advisory lock of a name: a hash of 64 bits, as the two keys of a lock of 32 bits each. Fences and guards have locks with one
-- key, which are never the same.
create function __schema__.name_lock(kind text, name text, out high integer, out low integer) language sql immutable as $$
    select (hash >> 32)::integer, ((hash << 32) >> 32)::integer
    from hashtextextended('cqrs __schema__ ' || kind || '/' || name, 0) as hash
$$;
