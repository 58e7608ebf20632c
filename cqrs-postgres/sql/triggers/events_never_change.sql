-- Rejects every update, delete and truncate of events, also by the owner. Cached states, and the append functions that skip a version
-- check, rely on it. It fires in every session, also in one that applies a replication stream.
create trigger events_never_change before update or delete or truncate on __schema__.events
for each statement execute function __schema__.reject_change();

alter table __schema__.events enable always trigger events_never_change;
