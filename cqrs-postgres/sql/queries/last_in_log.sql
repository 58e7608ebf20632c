-- The last event of a range of positions, with the event at the position that the page follows.
select position, event_id, (select __schema__.event_id_at($3)) as follows
from __schema__.events where position > $1 and position <= $2 order by position desc limit 1
