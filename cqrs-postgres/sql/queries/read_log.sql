-- The events of a range of positions and of slices.
select __whole_event__, category, aggregate_id from __schema__.events
where position > $1 and position <= $2 and slice >= $3 and slice < $4 order by position limit $5
