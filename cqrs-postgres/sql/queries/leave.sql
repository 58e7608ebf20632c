-- Gives all partitions of a member back.
select __schema__.leave('subscription', $1, $2)
