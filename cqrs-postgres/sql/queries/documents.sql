-- A page of a view's documents, in key order, after a key.
select key, version, body::text from __view__ where $1::text is null or key > $1 order by key limit $2
