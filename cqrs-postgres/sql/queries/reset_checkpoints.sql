-- Sets every partition of a subscription back to its beginning, and fences the owners. Nothing counts as handled before.
update __schema__.checkpoints
set epoch = epoch + 1, "offset" = null, event_id = null, ahead = null, reads = reads - 'handled', updated_at = clock_timestamp()
where subscription = $1
