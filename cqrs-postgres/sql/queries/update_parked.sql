-- Writes a parked key that has another event in front, or has failed again; the first records of a topic that wait are no longer kept. In the
-- transaction of its owner.
with handled as (
    delete from __schema__.waiting
    where subscription = $1 and key = $2 and is_stream = $3 and partition = $17 and id in (
        select id from __schema__.waiting
        where subscription = $1 and key = $2 and is_stream = $3 and partition = $17 order by id limit $19)
)
update __schema__.parked
set slice = $4, category = $5, aggregate_id = $6, version = $7, position = $8, event_id = $9, event_type = $10, failure = $11,
    reason = $12, "offset" = $18, fingerprint = $13, attempts = $14, requested = $15, requested_reason = $16,
    tried_at = case when attempts = $14 then tried_at else clock_timestamp() end,
    requested_at = case when $15::text is null then null else requested_at end
where subscription = $1 and key = $2 and is_stream = $3 and partition = $17
