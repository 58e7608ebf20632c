-- Like search_log.sql, but the last events of the range, the newest first.
select __whole_event__, category, aggregate_id
from __schema__.events
where position > $1 and position <= $2
  and (cardinality($3::text[]) = 0 or category = any($3))
  and (cardinality($4::text[]) = 0 or event_type = any($4))
  and starts_with(aggregate_id, $5)
order by position desc limit $6
