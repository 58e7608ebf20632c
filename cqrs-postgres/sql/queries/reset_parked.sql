-- Nothing of a subscription is parked any more: it begins again.
with records as (
    delete from __schema__.waiting where subscription = $1
)
delete from __schema__.parked where subscription = $1
