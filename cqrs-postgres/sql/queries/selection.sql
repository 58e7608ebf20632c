-- What a subscription reads of a partition.
select reads::text from __schema__.checkpoints where subscription = $1 and partition = $2
