-- The events of several streams, whole; guards the streams until the transaction ends.
select __whole_event__, category, aggregate_id from __schema__.read_streams($1, $2)
