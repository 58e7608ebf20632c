-- The upper 16 bits of the advisory lock keys of this store's fences; the lower 48 bits are a position.
-- It comes from the oid of the sequence. In the rare case that two stores of one database have the same tag, they only wait for
-- each other's transactions. It is never 0, so that a small lock key of an application is never one of ours.
create function __schema__.fence_tag() returns bigint language sql stable as $$
    select '__schema__.position'::regclass::oid::bigint % 32766 + 1
$$;
