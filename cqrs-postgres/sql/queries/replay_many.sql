-- The first events of several streams, each after a version, with the number of their stream.
select __replayed_event__, n
from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as stream (c, a, after, n), lateral (
    select * from __schema__.events
    where category = c and aggregate_id = a and version > after order by version limit $4
) as found
