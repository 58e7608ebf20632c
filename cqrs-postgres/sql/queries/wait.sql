-- Keeps records of a partition of a topic whose keys are parked. A rewind brings those again that wait already; another record at the offset of
-- one that waits is of a topic that was created again.
insert into __schema__.waiting (subscription, partition, topic, number, "offset", key, is_stream, record_key, value, headers, recorded_at,
                               append_time)
select $1, $2, $3, $4, "offset", key, is_stream, record_key, value, headers::json, recorded_at, append_time
from unnest($5::bigint[], $6::text[], $7::boolean[], $8::bytea[], $9::bytea[], $10::text[], $11::timestamptz[], $12::boolean[])
     with ordinality as r ("offset", key, is_stream, record_key, value, headers, recorded_at, append_time, n)
where not exists (
    select from __schema__.waiting as w
    where w.subscription = $1 and w.partition = $2 and w."offset" = r."offset" and w.key = r.key and w.is_stream = r.is_stream
      and w.record_key is not distinct from r.record_key and w.value is not distinct from r.value
      and w.headers::text = r.headers and w.recorded_at is not distinct from r.recorded_at)
order by n
