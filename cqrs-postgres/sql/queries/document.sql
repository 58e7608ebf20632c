-- One document of a view.
select key, version, body::text from __view__ where key = $1
