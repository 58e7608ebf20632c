-- How far a subscription has read a partition of a topic.
select "offset", event_id from __schema__.checkpoints where subscription = $1 and partition = $2
