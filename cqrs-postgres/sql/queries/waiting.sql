-- How many events of a stream wait for a subscription, from a version on: as far as it has read their slice, and of what it reads.
select count(*)
from (
    select place."offset", c.reads -> 'categories' as categories
    from __schema__.checkpoints as c, __schema__.progress_by_slice($1) as place
    where c.subscription = $1 and c.from_slice <= $5 and c.to_slice > $5 and place.slice = $5
) as has_read
join __schema__.events on position <= has_read."offset"
where category = $2 and aggregate_id = $3 and version >= $4
  and (categories is null or categories = '{}' or categories -> $2 = '[]' or categories -> $2 ? event_type)
