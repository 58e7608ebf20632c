-- Takes a key out of what is parked, in the transaction of its owner.
delete from __schema__.parked where subscription = $1 and key = $2 and is_stream = $3
