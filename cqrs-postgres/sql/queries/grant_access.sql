-- Gives a role what it needs to read the store, and to run a service if $2 is true.
select __schema__.grant_access($1, $2)
