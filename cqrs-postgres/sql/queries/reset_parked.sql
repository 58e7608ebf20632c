-- Nothing of a subscription is parked any more: it begins again.
delete from __schema__.parked where subscription = $1
