-- Whether a member that was last heard of at a time keeps its partitions. A time that lies further ahead than the lease was written
-- before the clock went back: it keeps nothing.
create function __schema__.is_alive(renewed_at timestamptz, lease interval, now timestamptz) returns boolean
language sql immutable as $$
    select renewed_at <= now + lease and now < renewed_at + lease
$$;
