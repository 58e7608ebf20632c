-- The events that a subscription has passed over on request.
select category, aggregate_id, version, position, event_id, reason, discarded_at from __schema__.discarded
where subscription = $1 order by id
