-- Records what a subscription has received from each lane.
insert into __schema__.inbox (subscription, partition, lane, position)
select $1, $2, lane, position from unnest($3::text[], $4::bigint[]) as received (lane, position)
on conflict (subscription, partition, lane) do update set position = excluded.position
