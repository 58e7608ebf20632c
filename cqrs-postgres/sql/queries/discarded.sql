-- What a subscription has passed over on request.
select category, aggregate_id, version, position, event_id, topic, partition, "offset", key, value, header_names, header_values,
       truncated, reason, discarded_at
from __schema__.discarded
where subscription = $1 order by id
