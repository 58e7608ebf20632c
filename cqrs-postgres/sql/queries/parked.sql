-- The parked keys of a subscription.
select key, is_stream, partition, "offset", category, aggregate_id, version, position, event_id, event_type, failure, reason, fingerprint, attempts,
       parked_at, tried_at, requested, requested_reason
from __schema__.parked where subscription = $1 order by position, key
