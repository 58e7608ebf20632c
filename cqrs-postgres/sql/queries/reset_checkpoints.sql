-- Sets every partition of a subscription back to its beginning, and fences the owners.
update __schema__.checkpoints
set epoch = epoch + 1, "offset" = null, event_id = null, ahead = null, updated_at = clock_timestamp()
where subscription = $1
