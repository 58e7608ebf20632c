-- Rejects an update, delete or truncate of events, and says how to erase on purpose. Only erase_stream may delete.
create function __schema__.reject_change() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'DELETE' and current_setting('cqrs.erases', true) = pg_current_xact_id()::text then
        return null;
    end if;
    raise exception 'events are never changed, and deleted with their whole stream only' using errcode = 'CQ004', hint =
        'To erase a stream, call erase_stream as the owner. It leaves readers and relays where they are.';
end
$$;
