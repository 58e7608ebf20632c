-- The event at a position, also if it was erased; null if there is none.
select __schema__.event_id_at($1)
