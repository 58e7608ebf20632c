-- The parked keys in a partition of a topic, or in some slices of the log, for which something is requested; the oldest request first.
select key, is_stream, partition, "offset", category, aggregate_id, version, position, event_id, event_type, failure, reason, fingerprint, attempts,
       parked_at, tried_at, requested, requested_reason
from __schema__.parked 
where subscription = $1 and partition = $4 and (partition <> '' or (slice >= $2 and slice < $3)) and requested is not null
 order by requested_at, position
