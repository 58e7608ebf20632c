-- Removes the lease of a relay that no process runs, and records the operation.
with idle as (
    select $1::text as relay where not exists (
        select from __schema__.members
        where kind = 'relay' and name = $1 and __schema__.is_alive(renewed_at, lease, clock_timestamp()))
), held as (
    delete from __schema__.leases as l using idle where l.kind = 'relay' and l.name = idle.relay returning l.name
), joined as (
    delete from __schema__.members as m using idle where m.kind = 'relay' and m.name = idle.relay
)
select __schema__.record_operation('remove_relay', jsonb_build_object('relay', name), $2) from held
