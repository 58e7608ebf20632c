-- Takes a partition over.
select epoch, "offset", event_id from __schema__.claim($1, $2)
