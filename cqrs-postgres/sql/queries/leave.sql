-- Gives all partitions of a member back.
select __schema__.leave($1, $2)
