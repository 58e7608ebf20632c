-- Gives a name back.
select __schema__.release_name($1, $2)
