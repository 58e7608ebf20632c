-- The columns that every append function writes.
position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload,
correlation_id, causation_id, traceparent, headers
