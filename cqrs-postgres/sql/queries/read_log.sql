-- The events of a range of positions and of slices, each with the event at the position that the page follows.
select __whole_event__, category, aggregate_id,
       (select __schema__.event_id_at($6)) as follows
from __schema__.events
where position > $1 and position <= $2 and slice >= $3 and slice < $4 order by position limit $5
