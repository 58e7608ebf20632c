-- A member of a relay ends: another one can take the relay at once. See hold_relay.sql for the rights.
create function __schema__.leave_relay(of_relay text, me uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select __schema__.leave('relay', of_relay, me)
$$;
