-- Where a partition stands, and what is requested of its runner.
select "offset", event_id, requested from __schema__.checkpoints where subscription = $1 and partition = $2
