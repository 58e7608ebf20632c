-- How far a subscription has read a partition.
select "offset", event_id from __schema__.checkpoints where subscription = $1 and partition = $2
