-- Gives the events after a position a new id, and records the operation.
select __schema__.renew_log_id($1, $2)
