-- The keys of a subscription that are parked in some slices.
select key, is_stream, category, aggregate_id from __schema__.parked where subscription = $1 and slice >= $2 and slice < $3
