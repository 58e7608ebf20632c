-- Appends events to one stream.
select __schema__.append_to_one($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
