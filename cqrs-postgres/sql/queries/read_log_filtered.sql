-- Like read_log.sql, but only whole categories ($7) and single event types ($8, $9).
select __whole_event__, category, aggregate_id,
       (select __schema__.event_id_at($6)) as follows
from __schema__.events
where position > $1 and position <= $2 and slice >= $3 and slice < $4
  and (category = any($7) or (category, event_type) in (select * from unnest($8::text[], $9::text[])))
order by position limit $5
