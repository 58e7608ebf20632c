-- The event at a position.
select event_id from __schema__.events where position = $1
