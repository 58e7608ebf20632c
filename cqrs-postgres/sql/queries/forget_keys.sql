-- Deletes keys that are older than the retention.
select __schema__.forget_keys(make_interval(secs => $1), $2)
