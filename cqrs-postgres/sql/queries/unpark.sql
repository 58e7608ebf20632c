-- Takes a key out of what is parked, with its records, in the transaction of its owner.
with handled as (
    delete from __schema__.waiting where subscription = $1 and key = $2 and is_stream = $3 and partition = $4
)
delete from __schema__.parked where subscription = $1 and key = $2 and is_stream = $3 and partition = $4
