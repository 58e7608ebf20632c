-- Nobody updates or deletes an event, not even the owner. Cached states, and the append functions that skip a version check,
-- rely on it. Fires always: also in a session that replays a replication stream.
create trigger events_never_change before update or delete on __schema__.events
for each statement execute function __schema__.reject_change();

alter table __schema__.events enable always trigger events_never_change;
