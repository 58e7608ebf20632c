-- Gives a name back that this session holds.
create function __schema__.release_name(kind text, name text) returns boolean language sql volatile as $$
    select pg_advisory_unlock(lock.high, lock.low) from __schema__.name_lock(kind, name) as lock
$$;
