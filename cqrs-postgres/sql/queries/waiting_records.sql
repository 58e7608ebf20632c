-- The first records of a parked key in a partition of a topic.
select topic, number, "offset", record_key, value, headers::text as headers, recorded_at, append_time
from __schema__.waiting
where subscription = $1 and partition = $2 and key = $3 and is_stream = $4
order by id limit $5
