-- The keys of a subscription that are parked in a partition of a topic, or, where that is empty, in some slices of the log.
select key, is_stream, category, aggregate_id from __schema__.parked 
where subscription = $1 and partition = $4 and (partition <> '' or (slice >= $2 and slice < $3))
