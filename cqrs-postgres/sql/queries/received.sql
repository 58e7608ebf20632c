-- What a subscription has received from each lane in a partition.
select lane, position from __schema__.inbox where subscription = $1 and partition = $2
