-- Gives a role what it needs, to write if $2.
select __schema__.grant_access($1, $2)
