-- Takes a partition over.
select epoch, "offset", event_id, null as ahead, requested from __schema__.claim($1, $2)
