-- The columns of a whole event, in the order in which src/row.rs reads them.
position, version, event_id, event_type, schema_version, payload, correlation_id, causation_id, traceparent, recorded_at,
headers::text
