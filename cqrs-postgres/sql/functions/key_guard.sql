-- The advisory lock key that guards an idempotency key. No stream has the same name: a category contains no space.
create function __schema__.key_guard(key text) returns bigint language sql stable as $$
    select __schema__.stream_guard('idempotency key', key)
$$;
