-- How many events of a stream wait for a subscription, from a version on: as far as it has read, and of what it reads.
select count(*)
from (
    select "offset", reads -> 'categories' as categories from __schema__.checkpoints
    where subscription = $1 and starts_with(partition, 'log ') order by "offset" desc nulls last limit 1
) as has_read
join __schema__.events on position <= has_read."offset"
where category = $2 and aggregate_id = $3 and version >= $4
  and (categories is null or categories = '{}' or categories -> $2 = '[]' or categories -> $2 ? event_type)
