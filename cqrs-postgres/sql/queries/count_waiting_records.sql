-- How many records of a parked key wait in a partition of a topic.
select count(*) from __schema__.waiting where subscription = $1 and partition = $2 and key = $3 and is_stream = $4
