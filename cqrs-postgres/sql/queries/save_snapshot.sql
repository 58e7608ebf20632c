-- Puts a snapshot in place of the stream's earlier one.
insert into __schema__.snapshots (category, aggregate_id, version, last_event, fingerprint, checksum, payload)
values ($1, $2, $3, $4, $5, $6, $7::json)
on conflict (category, aggregate_id) do update
set version = excluded.version, last_event = excluded.last_event, fingerprint = excluded.fingerprint,
    checksum = excluded.checksum, payload = excluded.payload, taken_at = clock_timestamp()
