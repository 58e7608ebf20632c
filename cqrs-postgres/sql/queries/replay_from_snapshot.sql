-- The snapshot of a stream, if it has this fingerprint, as the first row; then the events from the snapshot's own version on, so
-- that the caller sees whether the snapshot's last event is still there.
with saved as materialized (
    select version, last_event, checksum, payload from __schema__.snapshots
    where category = $1 and aggregate_id = $2 and fingerprint = $3
)
select version, last_event, null::text, null::integer, payload, checksum from saved
union all (
    select __replayed_event__, null::bigint from __schema__.events
    where category = $1 and aggregate_id = $2 and version >= coalesce((select version from saved), 1)
    order by version
)
