-- Some events of a stream after a version, whole.
select __whole_event__ from __schema__.events
where category = $1 and aggregate_id = $2 and version > $3 order by version limit $4
