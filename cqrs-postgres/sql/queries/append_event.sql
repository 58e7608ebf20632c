-- Appends one event to one stream.
select __schema__.append_event($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
