-- Gives a partition back.
select __schema__.release_lease($1, $2, $3, $4)
