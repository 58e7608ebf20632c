-- The last event of a range of positions.
select position, event_id from __schema__.events where position > $1 and position <= $2 order by position desc limit 1
