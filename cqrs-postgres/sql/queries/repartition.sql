-- Sets the number of partitions of a subscription over the log.
select __schema__.repartition($1, $2, $3)
