-- A living process that runs a subscription or a relay.
select process from __schema__.members
where kind = $1 and name = $2 and __schema__.is_alive(renewed_at, lease, clock_timestamp())
order by number limit 1
