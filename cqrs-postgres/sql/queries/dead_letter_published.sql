-- Notes that a record was published as a dead letter. It may wait no longer.
update __schema__.waiting set published_at = clock_timestamp() where id = $1 and subscription = $2
