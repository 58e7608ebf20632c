-- How far a subscription has read a range of slices: the lowest place of one of them. A partition of which nothing is ahead counts
-- once.
select place."offset", place.event_id
from __schema__.checkpoints as c
cross join lateral (
    select c."offset", c.event_id where c.ahead is null
    union all
    select p."offset", p.event_id from __schema__.progress_by_slice($1) as p
    where c.ahead is not null and p.slice >= greatest($2, c.from_slice) and p.slice < least($3, c.to_slice)
) as place
where c.subscription = $1 and c.from_slice < $3 and c.to_slice > $2
order by place."offset" nulls first limit 1
