-- Like read_log.sql, but only whole categories ($6) and single event types ($7, $8).
select __whole_event__, category, aggregate_id from __schema__.events
where position > $1 and position <= $2 and slice >= $3 and slice < $4
  and (category = any($6) or (category, event_type) in (select * from unnest($7::text[], $8::text[])))
order by position limit $5
