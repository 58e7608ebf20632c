-- Documents of a view. Locks the rows, in key order: two batches that share documents wait for each other and do not deadlock.
select key, version, body::text from __view__ where key = any($1) order by key for update
