-- Takes a partition of the log over.
select epoch, "offset", event_id, ahead::text, requested from __schema__.claim_slices($1, $2, $3)
