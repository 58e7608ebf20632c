-- Keeps records of a partition of a topic whose keys are parked.
insert into __schema__.waiting (subscription, partition, topic, number, "offset", key, is_stream, record_key, value, headers, published_at)
select $1, $2, $3, $4, "offset", key, is_stream, record_key, value, headers::json, published_at
from unnest($5::bigint[], $6::text[], $7::boolean[], $8::bytea[], $9::bytea[], $10::text[], $11::timestamptz[])
     with ordinality as r ("offset", key, is_stream, record_key, value, headers, published_at, n)
order by n
