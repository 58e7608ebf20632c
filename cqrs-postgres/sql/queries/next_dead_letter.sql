-- The next record, by its number, that is in front of a parked key in a partition of a topic, has failed and was not published.
select w.id, w.topic, w.number, w."offset", w.record_key, w.value, w.headers::text as headers, w.recorded_at, w.append_time,
       p.key, p.is_stream, p.partition, p.category, p.aggregate_id, p.version, p.position, p.event_id, p.event_type, p.failure, p.reason,
       p.fingerprint, p.attempts, p.parked_at, p.tried_at, p.requested, p.requested_reason
from __schema__.parked as p
cross join lateral (
    select * from __schema__.waiting
    where subscription = p.subscription and partition = p.partition and key = p.key and is_stream = p.is_stream
    order by id limit 1) as w
where p.subscription = $1 and p.partition = $2 and p.attempts > 0 and w.published_at is null and w.id > $3
order by w.id limit 1
