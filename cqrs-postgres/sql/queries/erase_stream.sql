-- Erases a stream, and records the operation.
select __schema__.erase_stream($1, $2, $3)
